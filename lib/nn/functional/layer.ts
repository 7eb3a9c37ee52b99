import { checkOptions, requireProbability } from '../../check.ts'
import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'
import { noGrad } from '../../tensor/context.ts'
import { packet, tensorOp } from '../../tensor/packet.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { InplaceOptions } from './activation.ts'

const ops = {
  linear: tensorOp('aten::linear'),
  bilinear: tensorOp('aten::bilinear'),
  dropout: tensorOp('aten::dropout'),
  dropout_: tensorOp('aten::dropout_'),
  embedding: tensorOp('aten::embedding'),
  renormalize: tensorOp('aten::embedding_renorm_'),
  layerNorm: tensorOp('aten::layer_norm'),
  batchNorm: tensorOp('libtorch_rnn::batch_norm'),
  conv1d: packet('conv1d', [
    ['aten::conv1d', ''],
    ['aten::conv1d', 'padding'],
  ]),
}

/** x Aᵀ + b: (…, in) -> (…, out), with the weight A (out, in). */
export function linear(input: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return ops.linear(input, weight, bias)
}

/** x1ᵀ A x2 + b: (…, in1), (…, in2) -> (…, out), with the weight A (out, in1, in2). */
export function bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return ops.bilinear(input1, input2, weight, bias)
}

export interface DropoutOptions extends InplaceOptions {
  /** Default 0.5. */
  p?: number
  /** Default `true`. */
  training?: boolean
}

/** Zeroes elements with probability p, and scales the others by 1 / (1 - p), where `training`. */
export function dropout(input: Tensor, options: DropoutOptions = {}): Tensor {
  checkOptions('dropout', options, ['p', 'training', 'inplace'])
  const { p = 0.5, training = true, inplace = false } = options
  requireProbability('dropout', 'p', p)
  return (inplace ? ops.dropout_ : ops.dropout)(input, p, training)
}

export interface EmbeddingLookup {
  /** A row whose gradient is not computed, also counted from the end. Default `null`: none. */
  paddingIdx?: number | null
  /** Scale rows of a greater norm down to this one, in `weight` itself, before they are read. Default `null`: none. */
  maxNorm?: number | null
  /** The p of that norm. Default 2. */
  normType?: number
  /** Divide the gradient of a row by how often it occurs in the input. Default `false`. */
  scaleGradByFreq?: boolean
}

/**
 * The rows of `weight` (V, D) that the integers of the input name: (…) -> (…, D).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html
 */
export function embedding(input: Tensor, weight: Tensor, options: EmbeddingLookup = {}): Tensor {
  checkOptions('embedding', options, ['paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq'])
  const { paddingIdx = null, maxNorm = null, normType = 2, scaleGradByFreq = false } = options
  const padding = paddingIdx === null ? -1 : (paddingRow(paddingIdx, weight.size(0)) as number)
  if (maxNorm !== null) noGrad(() => ops.renormalize(weight, input, maxNorm, normType))
  return ops.embedding(weight, input, padding, scaleGradByFreq)
}

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

export interface Conv1dSettings {
  /** Default 1. */
  stride?: number
  /** Zeros on each side, or `'same'` for an output as long as the input, or `'valid'` for none. Default 0. */
  padding?: number | 'same' | 'valid'
  /** From one element that the kernel looks at to the next. Default 1. */
  dilation?: number
  /** Parts that inputs and outputs are divided into, each convolved by itself. Default 1. */
  groups?: number
}

/**
 * Cross-correlation: (N, Cin, L) -> (N, Cout, L'), or without N, with the weight (Cout, Cin / groups, K) and the bias
 * (Cout). L' = ⌊(L + 2 padding - dilation (K - 1) - 1) / stride⌋ + 1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv1d.html
 */
export function conv1d(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: Conv1dSettings = {},
): Tensor {
  checkOptions('conv1d', options, ['stride', 'padding', 'dilation', 'groups'])
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options
  if (typeof padding === 'string' && !['same', 'valid'].includes(padding)) {
    throw torchError('ERR_TORCH_VALUE', `Invalid padding string: ${describe(padding)}`, { op: 'conv1d' })
  }
  return ops.conv1d(input, weight, bias, stride, padding, dilation, groups) as Tensor
}

/** The row counted from the start. @throws {TorchError} where there is none. */
export function paddingRow(paddingIdx: number | null, rows: number): number | null {
  if (paddingIdx === null) return null
  if (!Number.isSafeInteger(paddingIdx) || paddingIdx >= rows || paddingIdx < -rows) {
    throw torchError('ERR_TORCH_VALUE', 'paddingIdx must be within numEmbeddings', { op: 'embedding' })
  }
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx
}
