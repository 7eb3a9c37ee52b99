import { isArrayOf } from '../array.ts'
import { invalid, requireNone } from '../check.ts'

/**
 * The p of several tests, adjusted so that the probability of even one false discovery among all of those with an adjusted
 * p below α is at most α: the method of Holm (1979), which needs no independence. The i-th smallest of m is multiplied by
 * m - i + 1, is at least the one before, and at most 1.
 *
 * @returns in the order of `pValues`
 * @example holm([0.01, 0.04, 0.03]) // [0.03, 0.06, 0.06]
 * @throws {TorchError} unless `pValues` is an array of numbers from 0 to 1.
 * @see https://www.jstor.org/stable/4615733
 */
export function holm(pValues: readonly number[], ...none: undefined[]): number[] {
  if (!isArrayOf(pValues, (p) => typeof p === 'number' && p >= 0 && p <= 1)) {
    throw invalid('holm', 'pValues', 'an array of numbers from 0 to 1', pValues)
  }
  requireNone('holm', none)
  const order = pValues.map((_, i) => i).sort((i, j) => (pValues[i] as number) - (pValues[j] as number))
  const adjusted: number[] = []
  let least = 0
  order.forEach((index, rank) => {
    least = Math.max(least, Math.min(1, (pValues.length - rank) * (pValues[index] as number)))
    adjusted[index] = least
  })
  return adjusted
}
