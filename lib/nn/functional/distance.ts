import { checkOptions } from '../../check.ts'
import { tidy } from '../../tensor/context.ts'
import { tensorOp } from '../../tensor/packet.ts'
import { requireTensor, type Tensor } from '../../tensor/tensor.ts'

const ops = { cosine: tensorOp('aten::cosine_similarity'), pairwise: tensorOp('aten::pairwise_distance') }

export interface CosineSimilarityOptions {
  /** The dimension along which the vectors lie. Default 1. */
  dim?: number
  /** A lower bound on the norms, which avoids division by zero. Default 1e-8. */
  eps?: number
}

/**
 * x1 · x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`, which is removed.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cosine_similarity.html
 */
export function cosineSimilarity(
  x1: Tensor,
  x2: Tensor,
  options: CosineSimilarityOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('cosineSimilarity', options, ['dim', 'eps'], none)
  return ops.cosine(x1, x2, options)
}

export interface PairwiseDistanceOptions {
  /** The p of the p-norm. Default 2. */
  p?: number
  /** Added to each difference, to avoid division by zero in the gradient. Default 1e-6. */
  eps?: number
  /** Keep the last dimension, with size 1. Default `false`. */
  keepdim?: boolean
}

/**
 * The p-norm of x1 - x2 + eps along the last dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pairwise_distance.html
 */
export function pairwiseDistance(
  x1: Tensor,
  x2: Tensor,
  options: PairwiseDistanceOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('pairwiseDistance', options, ['p', 'eps', 'keepdim'], none)
  return ops.pairwise(x1, x2, options)
}

export interface NormalizeOptions {
  /** The p of the p-norm. Default 2. */
  p?: number
  /** The dimension along which the vectors lie. Default 1. */
  dim?: number
  /** A lower bound on the norm, which avoids division by zero. Default 1e-12. */
  eps?: number
}

/** x / max(|x|ₚ, eps) along `dim`. */
export function normalize(input: Tensor, options: NormalizeOptions = {}, ...none: undefined[]): Tensor {
  checkOptions('normalize', options, ['p', 'dim', 'eps'], none)
  requireTensor('normalize', 'input', input)
  const { p = 2, dim = 1, eps = 1e-12 } = options
  return tidy(() => input.div(input.norm(p, [dim], true).clampMin(eps)))
}
