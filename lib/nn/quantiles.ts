import { isArrayOf } from '../array.ts'
import { invalid } from '../check.ts'

/** @throws {TorchError} unless `quantiles` is a non-empty array of numbers between 0 and 1. */
export function requireQuantiles(owner: string, quantiles: unknown): asserts quantiles is readonly number[] {
  if (isArrayOf(quantiles, (q) => typeof q === 'number' && q > 0 && q < 1) && quantiles.length > 0) return
  throw invalid(owner, 'quantiles', 'an array of numbers between 0 and 1', quantiles, 'ERR_TORCH_VALUE')
}
