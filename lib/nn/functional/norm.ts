import { checkOptions } from '../../options.ts'
import { tensorOp } from '../../tensor/packet.ts'
import type { Tensor } from '../../tensor/tensor.ts'

const ops = { layerNorm: tensorOp('aten::layer_norm'), batchNorm: tensorOp('libtorch_rnn::batch_norm') }

export interface NormOptions {
  /** γ, of the shape of what is normalized. Default: 1. */
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
export function layerNorm(input: Tensor, normalizedShape: readonly number[], options: NormOptions = {}): Tensor {
  checkOptions('layerNorm', options, ['weight', 'bias', 'eps'])
  const { weight = null, bias = null, eps = 1e-5 } = options
  return ops.layerNorm(input, normalizedShape, weight, bias, eps)
}

export interface BatchNormOptions extends NormOptions {
  /** Normalize with the statistics of the batch, and update the running ones. Default `false`. */
  training?: boolean
  /** The share of the batch in the new running statistics. Default 0.1. */
  momentum?: number
}

/**
 * γ (x - E[x]) / √(Var[x] + eps) + β by channel: (N, C) or (N, C, …), over all but C. Ioffe and Szegedy, 2015.
 *
 * @param runningMean (C), read where not `training`, else updated; `null` where `training` for none
 * @param runningVar likewise
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html
 */
export function batchNorm(
  input: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormOptions = {},
): Tensor {
  checkOptions('batchNorm', options, ['weight', 'bias', 'eps', 'training', 'momentum'])
  return ops.batchNorm(input, runningMean, runningVar, options)
}
