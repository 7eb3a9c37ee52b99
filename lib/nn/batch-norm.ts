import { requireInteger, requireNumber } from '../check.ts'
import { torchError } from '../errors.ts'
import { tidy } from '../tensor/context.ts'
import { empty, ones, zeros } from '../tensor/creation.ts'
import { packet } from '../tensor/packet.ts'
import { requireTensor, type Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import type { FactoryOptions } from './factory.ts'
import { ones_, zeros_ } from './init.ts'
import { Module } from './module.ts'
import { type Buffer, Parameter } from './parameter.ts'
import { python } from './repr.ts'
import { requireSeveralValues } from './size.ts'

// Of this file's classes only: neither by accident nor by override anyone else's.
const normalize = Symbol('normalize')

export interface BatchNorm1dOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /**
   * The weight of the current batch in the running statistics; `null` for a cumulative average over all batches.
   * Default 0.1.
   */
  momentum?: number | null
  /** If `false`, there are no `weight` and `bias`. Default `true`. */
  affine?: boolean
  /** If `false`, no running statistics are kept, and evaluation uses the batch's statistics, too. Default `true`. */
  trackRunningStats?: boolean
  /** If `false`, there is no `bias`. Used only with `affine`. Default `true`. */
  bias?: boolean
}

export interface BatchNorm2dOptions extends BatchNorm1dOptions {}

const batchNorm = packet('BatchNorm1d', [['libtorch_rnn::batch_norm_1d', '']])

/** Base of the batch norms: everything except the shape of the input. */
export abstract class BatchNorm extends Module {
  /** Channels of the input, dimension 1. */
  readonly numFeatures: number
  /** Added to the variance. */
  readonly eps: number
  /** The weight of the current batch in the running statistics; `null` for a cumulative average over all batches. */
  readonly momentum: number | null
  /** Whether `weight` and `bias` exist. */
  readonly affine: boolean
  /** Whether running statistics are kept. */
  readonly trackRunningStats: boolean
  /** γ. */
  declare weight: Parameter | null
  /** β. */
  declare bias: Parameter | null
  /** The running mean of each channel, used in evaluation. */
  declare running_mean: Buffer | null
  /** The running variance of each channel, used in evaluation. */
  declare running_var: Buffer | null
  /** The number of batches in the running statistics. */
  declare num_batches_tracked: Buffer | null

  constructor(numFeatures: number, options: BatchNorm1dOptions = {}, ...none: undefined[]) {
    super()
    const { name } = new.target
    checkArguments(name, options, ['eps', 'momentum', 'affine', 'trackRunningStats', 'bias', 'device', 'dtype'], none)
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true, bias = true, ...factory } = options
    requireInteger(name, 'numFeatures', numFeatures, 0)
    requireNumber(name, 'eps', eps)
    if (momentum !== null) requireNumber(name, 'momentum', momentum)
    const { dtype: _, ...place } = factory
    this.numFeatures = numFeatures
    this.eps = eps
    this.momentum = momentum
    this.affine = affine
    this.trackRunningStats = trackRunningStats
    this.registerParameter('weight', affine ? new Parameter(empty([numFeatures], factory)) : null)
    this.registerParameter('bias', affine && bias ? new Parameter(empty([numFeatures], factory)) : null)
    this.registerBuffer('running_mean', trackRunningStats ? zeros([numFeatures], factory) : null)
    this.registerBuffer('running_var', trackRunningStats ? ones([numFeatures], factory) : null)
    this.registerBuffer('num_batches_tracked', trackRunningStats ? zeros([], { ...place, dtype: 'int64' }) : null)
    this.resetParameters()
  }

  /** Resets the running statistics. */
  resetRunningStats(): void {
    if (this.running_mean !== null) zeros_(this.running_mean)
    if (this.running_var !== null) ones_(this.running_var)
    if (this.num_batches_tracked !== null) zeros_(this.num_batches_tracked)
  }

  /** Sets weights to 1 and biases to 0, and resets the running statistics to mean 0 and variance 1. */
  resetParameters(): void {
    this.resetRunningStats()
    if (this.weight !== null) ones_(this.weight)
    if (this.bias !== null) zeros_(this.bias)
  }

  /** @internal The output for a 2-D or 3-D input. */
  protected [normalize](input: Tensor): Tensor {
    const { training, trackRunningStats, running_mean: mean, running_var: variance } = this
    return batchNorm(
      input,
      // Statistics that were set by hand are read in evaluation, but not updated unless they are tracked.
      !training || trackRunningStats ? mean : null,
      !training || trackRunningStats ? variance : null,
      this.weight,
      this.bias,
      training && trackRunningStats ? this.num_batches_tracked : null,
      training || (mean === null && variance === null),
      this.momentum,
      this.eps,
    ) as Tensor
  }

  protected override extraRepr(): string {
    const { numFeatures, eps, momentum, affine, trackRunningStats, bias } = this
    return `${numFeatures}, eps=${python(eps)}, momentum=${python(momentum)}, affine=${python(affine)}, bias=${python(bias !== null)}, track_running_stats=${python(trackRunningStats)}`
  }
}

/**
 * γ (x - E[x]) / √(Var[x] + eps) + β for each of C channels, (N, C) or (N, C, L): Ioffe and Szegedy, 2015. Mean and
 * variance are the batch's in training, and the running ones in evaluation. `weight` γ and `bias` β (C) are initialized
 * to 1 and 0. The buffers are `running_mean` and `running_var` (C) and the count `num_batches_tracked` ().
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
 */
export class BatchNorm1d extends BatchNorm {
  /** @param input (N, C) or (N, C, L); training needs more than one value per channel */
  override forward(input: Tensor): Tensor {
    return this[normalize](input)
  }
}

/**
 * γ (x - E[x]) / √(Var[x] + eps) + β for each of C channels, (N, C, H, W): Ioffe and Szegedy, 2015. Mean and variance
 * are the batch's in training, and the running ones in evaluation. `weight` γ and `bias` β (C) are initialized to 1 and
 * 0. The buffers are `running_mean` and `running_var` (C) and the count `num_batches_tracked` ().
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
 */
export class BatchNorm2d extends BatchNorm {
  /** @param input (N, C, H, W); training needs more than one value per channel */
  override forward(input: Tensor): Tensor {
    requireTensor('BatchNorm2d', 'input', input)
    const { shape } = input
    const [batch, , height, width] = shape
    if (batch === undefined || height === undefined || width === undefined || shape.length > 4) {
      const message = `expected 4D input (got ${shape.length}D input)`
      throw torchError('ERR_TORCH_VALUE', message, { op: 'BatchNorm2d' })
    }
    if (this.training) {
      requireSeveralValues('BatchNorm2d', batch * height * width, `torch.Size([${shape.join(', ')}])`)
    }
    // A channel's statistics cover all its pixels; their order does not matter.
    return tidy(() => this[normalize](input.flatten(2)).reshape(shape))
  }
}
