import { checkOptions } from '../../check.ts'
import { noGrad } from '../../tensor/context.ts'
import { tensorOp } from '../../tensor/packet.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { paddingRow } from '../size.ts'

const ops = {
  embedding: tensorOp('aten::embedding'),
  renormalize: tensorOp('aten::embedding_renorm_'),
  oneHot: tensorOp('aten::one_hot'),
}

export interface EmbeddingLookup {
  /** A row that gets no gradient; negative values count from the end. Default `null`: none. */
  paddingIdx?: number | null
  /**
   * Rows with a larger norm are scaled down to this norm, in `weight` itself, before they are read. Default `null`:
   * none.
   */
  maxNorm?: number | null
  /** The p of the p-norm for `maxNorm`. Default 2. */
  normType?: number
  /** Divide the gradient of a row by the row's frequency in the input. Default `false`. */
  scaleGradByFreq?: boolean
}

/**
 * Looks up rows of `weight` (V, D) by the integers in the input: (…) -> (…, D).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html
 */
export function embedding(input: Tensor, weight: Tensor, options: EmbeddingLookup = {}, ...none: undefined[]): Tensor {
  checkOptions('embedding', options, ['paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq'], none)
  const { paddingIdx = null, maxNorm = null, normType = 2, scaleGradByFreq = false } = options
  const padding = paddingIdx === null ? -1 : (paddingRow(paddingIdx, weight.size(0)) as number)
  if (maxNorm !== null) noGrad(() => ops.renormalize(weight, input, maxNorm, normType))
  return ops.embedding(weight, input, padding, scaleGradByFreq)
}

export interface OneHotOptions {
  /** The length of the vectors. Default: the largest class number plus 1, which requires reading the input. */
  numClasses?: number
}

/**
 * Encodes class numbers as vectors with a single 1 and zeros elsewhere: (…) -> (…, numClasses), both in int64.
 *
 * @param input class numbers, at least 0, in int64
 * @example nn.functional.oneHot(torch.tensor([0n, 2n]), { numClasses: 3 }) // [[1, 0, 0], [0, 0, 1]]
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.one_hot.html
 */
export function oneHot(input: Tensor, options: OneHotOptions = {}, ...none: undefined[]): Tensor {
  checkOptions('oneHot', options, ['numClasses'], none)
  return ops.oneHot(input, options)
}
