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

export interface OneHotOptions {
  /** How long the vectors are. Default: the greatest class number and 1, which has to be read. */
  numClasses?: number
}

/**
 * Class numbers as vectors of zeros with a single 1: (…) -> (…, numClasses), both in int64.
 *
 * @param input class numbers from 0 on, in int64
 * @example nn.functional.oneHot(torch.tensor([0n, 2n]), { numClasses: 3 }) // [[1, 0, 0], [0, 0, 1]]
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.one_hot.html
 */
export function oneHot(input: Tensor, options: OneHotOptions = {}): Tensor {
  checkOptions('oneHot', options, ['numClasses'])
  return ops.oneHot(input, options)
}
