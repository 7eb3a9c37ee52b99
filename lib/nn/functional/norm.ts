import { checkOptions, requireInteger } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { tensorOp } from '../../tensor/packet.ts'
import { requireTensor, type Tensor } from '../../tensor/tensor.ts'
import { requireSeveralValues } from '../size.ts'

const ops = {
  layerNorm: tensorOp('aten::layer_norm'),
  rmsNorm: tensorOp('aten::rms_norm'),
  groupNorm: tensorOp('aten::group_norm'),
  batchNorm: tensorOp('libtorch_rnn::batch_norm'),
}

export interface NormOptions {
  /** γ, with the shape of the normalized dimensions. Default: 1. */
  weight?: Tensor | null
  /** β, of the same shape. Default: 0. */
  bias?: Tensor | null
  /** Added to the variance. Default 1e-5. */
  eps?: number
}

/**
 * γ (x - E[x]) / √(Var[x] + eps) + β over the last dimensions, which are `normalizedShape`: Ba et al., 2016.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html
 */
export function layerNorm(
  input: Tensor,
  normalizedShape: readonly number[],
  options: NormOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('layerNorm', options, ['weight', 'bias', 'eps'], none)
  const { weight = null, bias = null, eps = 1e-5 } = options
  return ops.layerNorm(input, normalizedShape, weight, bias, eps)
}

export interface RMSNormSettings {
  /** γ, with the shape of the normalized dimensions. Default: 1. */
  weight?: Tensor | null
  /** Added to the mean square. Default `null`: the machine epsilon of the dtype. */
  eps?: number | null
}

/**
 * γ x / √(E[x²] + eps) over the last dimensions, which are `normalizedShape`: Zhang and Sennrich, 2019.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.rms_norm.html
 */
export function rmsNorm(
  input: Tensor,
  normalizedShape: readonly number[],
  options: RMSNormSettings = {},
  ...none: undefined[]
): Tensor {
  checkOptions('rmsNorm', options, ['weight', 'eps'], none)
  const { weight = null, eps = null } = options
  return ops.rmsNorm(input, normalizedShape, weight, eps)
}

/**
 * γ (x - E[x]) / √(Var[x] + eps) + β, with mean and variance over each of `numGroups` equal groups of channels and over
 * all dimensions after the channels: Wu and He, 2018. `weight` γ and `bias` β are (C).
 *
 * @param input (N, C, …)
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.group_norm.html
 */
export function groupNorm(input: Tensor, numGroups: number, options: NormOptions = {}, ...none: undefined[]): Tensor {
  checkOptions('groupNorm', options, ['weight', 'bias', 'eps'], none)
  const { weight = null, bias = null, eps = 1e-5 } = options
  requireTensor('groupNorm', 'input', input)
  requireInteger('groupNorm', 'numGroups', numGroups, 1)
  const [batch, channels, ...rest] = input.shape
  if (batch === undefined || channels === undefined) {
    const message = `Expected at least 2 dimensions for input tensor but received ${input.ndim}`
    throw torchError('ERR_TORCH_SHAPE', message, { op: 'groupNorm' })
  }
  const members = Math.floor((batch * channels) / numGroups)
  const count = rest.reduce((product, length) => product * length, members)
  requireSeveralValues('groupNorm', count, `[${[members, numGroups, ...rest].join(', ')}]`)
  return ops.groupNorm(input, numGroups, weight, bias, eps)
}

export interface BatchNormOptions extends NormOptions {
  /** Normalize with the statistics of the batch, and update the running ones. Default `false`. */
  training?: boolean
  /** The weight of the current batch in the running statistics. Default 0.1. */
  momentum?: number
}

/**
 * γ (x - E[x]) / √(Var[x] + eps) + β by channel: (N, C) or (N, C, …), over all dimensions except C. Ioffe and Szegedy,
 * 2015.
 *
 * @param runningMean (C), updated with `training`, else read; with `training`, can be `null` for none
 * @param runningVar likewise
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html
 */
export function batchNorm(
  input: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('batchNorm', options, ['weight', 'bias', 'eps', 'training', 'momentum'], none)
  return ops.batchNorm(input, runningMean, runningVar, options)
}
