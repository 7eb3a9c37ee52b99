import { checkOptions } from '../check.ts'
import type { Tensor } from '../tensor/tensor.ts'
import {
  type CosineSimilarityOptions,
  cosineSimilarity,
  type PairwiseDistanceOptions,
  pairwiseDistance,
} from './functional/distance.ts'
import { Module } from './module.ts'

/**
 * x1 · x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`, which goes away.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.CosineSimilarity.html
 */
export class CosineSimilarity extends Module {
  readonly dim: number
  readonly eps: number

  constructor(options: CosineSimilarityOptions = {}) {
    super()
    checkOptions('CosineSimilarity', options, ['dim', 'eps'])
    this.dim = options.dim ?? 1
    this.eps = options.eps ?? 1e-8
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return cosineSimilarity(x1, x2, { dim: this.dim, eps: this.eps })
  }
}

/**
 * The p-norm of x1 - x2 + eps along the last dimension.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.PairwiseDistance.html
 */
export class PairwiseDistance extends Module {
  readonly p: number
  readonly eps: number
  readonly keepdim: boolean

  constructor(options: PairwiseDistanceOptions = {}) {
    super()
    checkOptions('PairwiseDistance', options, ['p', 'eps', 'keepdim'])
    this.p = options.p ?? 2
    this.eps = options.eps ?? 1e-6
    this.keepdim = options.keepdim ?? false
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return pairwiseDistance(x1, x2, { p: this.p, eps: this.eps, keepdim: this.keepdim })
  }
}
