import { requireInteger, requireNumber } from '../check.ts'
import { torchError } from '../errors.ts'
import { empty } from '../tensor/creation.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import type { FactoryOptions } from './factory.ts'
import { groupNorm } from './functional/norm.ts'
import { ones_, zeros_ } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { python } from './repr.ts'

export interface GroupNormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /** If `false`, there are no `weight` and `bias`. Default `true`. */
  affine?: boolean
  /** If `false`, there is no `bias`. Used only with `affine`. Default `true`. */
  bias?: boolean
}

/**
 * γ (x - E[x]) / √(Var[x] + eps) + β, with mean and variance over each of `numGroups` equal groups of channels and over
 * all dimensions after the channels: Wu and He, 2018. Input and output are (N, numChannels, …). `weight` γ and `bias` β
 * (numChannels) are initialized to 1 and 0.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html
 */
export class GroupNorm extends Module {
  /** The number of groups of channels; each group is normalized on its own. */
  readonly numGroups: number
  /** Channels of the input, dimension 1. */
  readonly numChannels: number
  /** Added to the variance. */
  readonly eps: number
  /** Whether `weight` and `bias` exist. */
  readonly affine: boolean
  /** γ. */
  declare weight: Parameter | null
  /** β. */
  declare bias: Parameter | null

  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}, ...none: undefined[]) {
    super()
    checkArguments('GroupNorm', options, ['eps', 'affine', 'bias', 'device', 'dtype'], none)
    const { eps = 1e-5, affine = true, bias = true, ...factory } = options
    requireInteger('GroupNorm', 'numGroups', numGroups, 1)
    requireInteger('GroupNorm', 'numChannels', numChannels, 0)
    requireNumber('GroupNorm', 'eps', eps)
    if (numChannels % numGroups !== 0) {
      const message = `num_channels (${numChannels}) must be divisible by num_groups (${numGroups})`
      throw torchError('ERR_TORCH_VALUE', message, { op: 'GroupNorm' })
    }
    this.numGroups = numGroups
    this.numChannels = numChannels
    this.eps = eps
    this.affine = affine
    this.registerParameter('weight', affine ? new Parameter(empty([numChannels], factory)) : null)
    this.registerParameter('bias', affine && bias ? new Parameter(empty([numChannels], factory)) : null)
    this.resetParameters()
  }

  /** Sets weights to 1 and biases to 0. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight)
    if (this.bias !== null) zeros_(this.bias)
  }

  /** @param input (N, numChannels, …) */
  override forward(input: Tensor): Tensor {
    const { weight, bias, eps } = this
    return groupNorm(input, this.numGroups, { weight, bias, eps })
  }

  protected override extraRepr(): string {
    const { numGroups, numChannels, eps, affine, bias } = this
    return `${numGroups}, ${numChannels}, eps=${python(eps)}, affine=${python(affine)}, bias=${python(bias !== null)}`
  }
}
