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
  /** Whether to learn `weight` and `bias`. Default `true`. */
  affine?: boolean
  /** Whether to learn `bias`, where `affine`. Default `true`. */
  bias?: boolean
}

/**
 * γ (x - E[x]) / √(Var[x] + eps) + β, mean and variance being those of `numGroups` equal groups of channels, each with all
 * that follows: Wu and He, 2018. (N, numChannels, …) in and out. `weight` γ and `bias` β (numChannels) are 1 and 0 at first.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html
 */
export class GroupNorm extends Module {
  /** Groups of channels that are normalized together. */
  readonly numGroups: number
  /** Channels of the input, dimension 1. */
  readonly numChannels: number
  /** Added to the variance. */
  readonly eps: number
  /** Whether there are `weight` and `bias`. */
  readonly affine: boolean
  /** γ. */
  weight: Parameter | null
  /** β. */
  bias: Parameter | null

  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}, ...none: never[]) {
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
    this.weight = affine ? new Parameter(empty([numChannels], factory)) : null
    this.bias = affine && bias ? new Parameter(empty([numChannels], factory)) : null
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
