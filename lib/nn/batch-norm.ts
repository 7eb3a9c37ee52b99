import { checkOptions, requireInteger, requireNumber } from '../check.ts'
import { empty, ones, zeros } from '../tensor/creation.ts'
import { packet } from '../tensor/packet.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { FactoryOptions } from './factory.ts'
import { ones_, zeros_ } from './init.ts'
import { Module } from './module.ts'
import { Buffer, Parameter } from './parameter.ts'
import { python } from './repr.ts'

export interface BatchNorm1dOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /** The share of a batch in the new running statistics; `null` for their mean over all batches. Default 0.1. */
  momentum?: number | null
  /** Whether to learn `weight` and `bias`. Default `true`. */
  affine?: boolean
  /** Whether to keep running statistics for evaluation. Without them, it takes the batch's, too. Default `true`. */
  trackRunningStats?: boolean
  /** Whether to learn `bias`, where `affine`. Default `true`. */
  bias?: boolean
}

const batchNorm = packet('BatchNorm1d', [['libtorch_rnn::batch_norm_1d', '']])

/**
 * γ (x - E[x]) / √(Var[x] + eps) + β for each of C channels, (N, C) or (N, C, L): Ioffe and Szegedy, 2015. In training,
 * mean and variance are the batch's, in evaluation the running ones. `weight` γ and `bias` β (C) are 1 and 0 at first;
 * the buffers are `running_mean` and `running_var` (C) and the count `num_batches_tracked` ().
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
 */
export class BatchNorm1d extends Module {
  readonly numFeatures: number
  readonly eps: number
  readonly momentum: number | null
  readonly affine: boolean
  readonly trackRunningStats: boolean
  weight: Parameter | null
  bias: Parameter | null
  running_mean: Buffer | null
  running_var: Buffer | null
  num_batches_tracked: Buffer | null

  constructor(numFeatures: number, options: BatchNorm1dOptions = {}) {
    super()
    checkOptions('BatchNorm1d', options, ['eps', 'momentum', 'affine', 'trackRunningStats', 'bias', 'device', 'dtype'])
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true, bias = true, ...factory } = options
    requireInteger('BatchNorm1d', 'numFeatures', numFeatures, 0)
    requireNumber('BatchNorm1d', 'eps', eps)
    if (momentum !== null) requireNumber('BatchNorm1d', 'momentum', momentum)
    const { dtype: _, ...place } = factory
    this.numFeatures = numFeatures
    this.eps = eps
    this.momentum = momentum
    this.affine = affine
    this.trackRunningStats = trackRunningStats
    this.weight = affine ? new Parameter(empty([numFeatures], factory)) : null
    this.bias = affine && bias ? new Parameter(empty([numFeatures], factory)) : null
    this.running_mean = trackRunningStats ? new Buffer(zeros([numFeatures], factory)) : null
    this.running_var = trackRunningStats ? new Buffer(ones([numFeatures], factory)) : null
    this.num_batches_tracked = trackRunningStats ? new Buffer(zeros([], { ...place, dtype: 'int64' })) : null
    this.resetParameters()
  }

  /** Forgets the running statistics. */
  resetRunningStats(): void {
    if (this.running_mean !== null) zeros_(this.running_mean)
    if (this.running_var !== null) ones_(this.running_var)
    if (this.num_batches_tracked !== null) zeros_(this.num_batches_tracked)
  }

  /** Sets weights to 1, biases to 0, and the running statistics to those of a standard distribution. */
  resetParameters(): void {
    this.resetRunningStats()
    if (this.weight !== null) ones_(this.weight)
    if (this.bias !== null) zeros_(this.bias)
  }

  /** @param input (N, C) or (N, C, L); in training with more than one value for each channel */
  override forward(input: Tensor): Tensor {
    const { training, trackRunningStats, running_mean: mean, running_var: variance } = this
    return batchNorm(
      input,
      // Statistics that somebody set are read in evaluation, but not updated unless they are tracked.
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
