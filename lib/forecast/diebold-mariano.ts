import { checkOptions, requireChoice, requireInteger } from '../check.ts'
import { torchError } from '../errors.ts'
import { type Losses, requireLosses, sharedOrigins } from './losses.ts'
import { studentPValue } from './student.ts'

export interface DieboldMarianoOptions {
  /**
   * The steps of a forecast, if there is an origin at each step: the losses of forecasts that overlap are correlated.
   * With origins that are further apart, the number of origins within a horizon. Default 1.
   */
  horizon?: number
  /**
   * How autocovariances up to lag `horizon - 1` are weighted: `'uniform'`, all by 1, as in both articles, which may give
   * a variance that is negative; `'bartlett'`, lag k by 1 - k / horizon, which does not. Default `'uniform'`.
   */
  weights?: 'uniform' | 'bartlett'
}

/** The result of {@link dieboldMariano}. */
export interface DieboldMariano {
  /** The mean of the losses of a less those of b: below 0, a is better. */
  readonly difference: number
  /** The corrected statistic, with Student's distribution of `origins - 1` degrees of freedom if both are equally good. */
  readonly statistic: number
  /** The probability of a statistic as far from 0, on either side, if both are equally good. */
  readonly pValue: number
  /** The number of origins at which both have a loss. */
  readonly origins: number
}

const OWNER = 'dieboldMariano'

/**
 * Tests whether two forecasts of the same origins are equally good: the test of Diebold and Mariano (1995), with the
 * correction for small samples of Harvey, Leybourne and Newbold (1997).
 *
 * With d(t) = a(t) - b(t), its mean d̄ over n origins, and autocovariances γ(k), for a horizon h:
 *
 *     V = (γ(0) + 2 Σ γ(k)) / n, k = 1 … h - 1
 *     S = d̄ / √V · √((n + 1 - 2h + h (h - 1) / n) / n)
 *
 * Origins where one has no loss (NaN) are left out.
 *
 * @param a the losses of one forecast, such as the absolute errors of {@link backtest}, in the order of time
 * @param b the losses of the other, at the same origins
 * @example
 * const [ours, naive] = [await backtest(model, test), await backtest('persistence', test)]
 * const { difference, pValue } = dieboldMariano(ours.absolute, naive.absolute, { horizon: test.horizon })
 * @throws {TorchError} `ERR_TORCH_VALUE` if there are no more origins than `horizon`, the lengths differ, or the variance
 *   is not positive; `ERR_TORCH_NON_FINITE` for an infinite loss.
 * @see https://doi.org/10.1080/07350015.1995.10524599
 * @see https://doi.org/10.1016/S0169-2070(96)00719-4
 */
export function dieboldMariano(
  a: Losses,
  b: Losses,
  options: DieboldMarianoOptions = {},
  ...none: undefined[]
): DieboldMariano {
  requireLosses(OWNER, 'a', a)
  requireLosses(OWNER, 'b', b)
  checkOptions(OWNER, options, ['horizon', 'weights'], none)
  const { horizon = 1, weights = 'uniform' } = options
  requireInteger(OWNER, 'horizon', horizon, 1)
  requireChoice(OWNER, 'weights', weights, ['uniform', 'bartlett'])
  const d = Float64Array.from(sharedOrigins(OWNER, [a, b], horizon + 1), (i) => (a[i] as number) - (b[i] as number))
  const n = d.length
  const mean = d.reduce((sum, value) => sum + value, 0) / n
  let variance = covariance(d, mean, 0)
  for (let k = 1; k < horizon; k++) {
    variance += 2 * (weights === 'uniform' ? 1 : 1 - k / horizon) * covariance(d, mean, k)
  }
  // A constant difference has only errors of rounding.
  if (!(variance > 1e-24 * mean * mean)) throw noVariance(variance, weights)
  const correction = (n + 1 - 2 * horizon + (horizon * (horizon - 1)) / n) / n
  const statistic = (mean / Math.sqrt(variance / n)) * Math.sqrt(correction)
  return { difference: mean, statistic, pValue: studentPValue(statistic, n - 1), origins: n }
}

/** The autocovariance at lag k, with the divisor n. */
function covariance(d: Float64Array, mean: number, k: number): number {
  let sum = 0
  for (let t = k; t < d.length; t++) sum += ((d[t] as number) - mean) * ((d[t - k] as number) - mean)
  return sum / d.length
}

function noVariance(variance: number, weights: 'uniform' | 'bartlett'): Error {
  const cure =
    variance < 0 && weights === 'uniform' ? ": take weights: 'bartlett'" : ': the losses differ by a constant'
  return torchError('ERR_TORCH_VALUE', `${OWNER}: the variance of the mean difference is not positive${cure}`, {
    op: OWNER,
  })
}
