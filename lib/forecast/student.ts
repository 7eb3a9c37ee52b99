import { tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'

/**
 * The probability that the absolute value of Student's t with so many degrees of freedom is at least |t|: the two-sided p
 * of a test, I_x(df / 2, 1 / 2) with x = df / (df + t²).
 * @see https://dlmf.nist.gov/8.17
 */
export function studentPValue(t: number, df: number): number {
  return regularizedBeta(df / (df + t * t), df / 2, 0.5)
}

/** The incomplete beta function I_x(a, b), regularized. */
function regularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  // The fraction converges fast below the mean of the distribution; above, I_x(a, b) = 1 - I_{1-x}(b, a).
  if (x > (a + 1) / (a + b + 2)) return 1 - regularizedBeta(1 - x, b, a)
  const [lnA, lnB, lnBoth] = logGamma([a, b, a + b])
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) + lnBoth - lnA - lnB) / a
  return front * fraction(x, a, b)
}

function logGamma(values: readonly number[]): [number, number, number] {
  return tidy(() => tensor(Float64Array.from(values)).lgamma().toArray() as [number, number, number])
}

const TINY = 1e-300

/** The continued fraction of 8.17.22, by the method of Lentz. */
function fraction(x: number, a: number, b: number): number {
  const kept = (value: number): number => (Math.abs(value) < TINY ? TINY : value)
  let c = 1
  let d = 1 / kept(1 - ((a + b) * x) / (a + 1))
  let value = d
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    let change = 1
    for (const term of [even, odd]) {
      d = 1 / kept(1 + term * d)
      c = kept(1 + term / c)
      change = c * d
      value *= change
    }
    if (Math.abs(change - 1) < 1e-15) break
  }
  return value
}
