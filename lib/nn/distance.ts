import type { Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import {
  type CosineSimilarityOptions,
  cosineSimilarity,
  type PairwiseDistanceOptions,
  pairwiseDistance,
} from './functional/distance.ts'
import { Module } from './module.ts'

/**
 * x1 · x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`, which is removed: (N, D, …), (N, D, …) -> (N, …) for the
 * default dimension 1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.CosineSimilarity.html
 */
export class CosineSimilarity extends Module {
  /** The dimension along which the vectors lie. */
  readonly dim: number
  /** A lower bound on the norms, which avoids division by zero. */
  readonly eps: number

  constructor(options: CosineSimilarityOptions = {}, ...none: undefined[]) {
    super()
    checkArguments('CosineSimilarity', options, ['dim', 'eps'], none)
    this.dim = options.dim ?? 1
    this.eps = options.eps ?? 1e-8
  }

  /**
   * @param x1 vectors, as above
   * @param x2 vectors that broadcast with x1
   */
  override forward(x1: Tensor, x2: Tensor): Tensor {
    return cosineSimilarity(x1, x2, { dim: this.dim, eps: this.eps })
  }
}

/**
 * The p-norm of x1 - x2 + eps along the last dimension: (N, D), (N, D) -> (N), or (N, 1) with `keepdim`; without N, a
 * scalar.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.PairwiseDistance.html
 */
export class PairwiseDistance extends Module {
  /** The p of the p-norm. */
  readonly p: number
  /** Added to each difference. */
  readonly eps: number
  /** Whether the last dimension is kept, with size 1. */
  readonly keepdim: boolean

  constructor(options: PairwiseDistanceOptions = {}, ...none: undefined[]) {
    super()
    checkArguments('PairwiseDistance', options, ['p', 'eps', 'keepdim'], none)
    this.p = options.p ?? 2
    this.eps = options.eps ?? 1e-6
    this.keepdim = options.keepdim ?? false
  }

  /**
   * @param x1 vectors, as above
   * @param x2 vectors that broadcast with x1
   */
  override forward(x1: Tensor, x2: Tensor): Tensor {
    return pairwiseDistance(x1, x2, { p: this.p, eps: this.eps, keepdim: this.keepdim })
  }
}
