/** A point of a quadrature over 0 … 1, and its weight; the weights add up to 1. */
export interface QuadraturePoint {
  readonly at: number
  readonly weight: number
}

/**
 * Gauss–Legendre quadrature over 0 … 1: the roots of the Legendre polynomial of degree `count`, found by Newton's
 * method, and their weights 2 / ((1 - x²) P'(x)²), halved for the shorter interval.
 *
 * @see https://dlmf.nist.gov/3.5.v
 */
export function gaussLegendre(count: number): QuadraturePoint[] {
  const points = Array.from({ length: count }, (_, i) => {
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5))
    let slope = 1
    // Newton's method doubles the digits each time; the start has two or more.
    for (let round = 0; round < 10; round++) {
      const [value, derivative] = legendre(count, x)
      slope = derivative
      x -= value / derivative
    }
    return { at: (1 + x) / 2, weight: 1 / ((1 - x * x) * slope * slope) }
  })
  return points.reverse()
}

/** The Legendre polynomial of this degree at x, and its derivative, by Bonnet's recursion. */
function legendre(degree: number, x: number): [value: number, derivative: number] {
  let [before, value] = [1, x]
  for (let n = 2; n <= degree; n++) [before, value] = [value, ((2 * n - 1) * x * value - (n - 1) * before) / n]
  return [value, (degree * (x * value - before)) / (x * x - 1)]
}
