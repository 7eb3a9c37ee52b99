import { describe, expect, it } from 'vitest'
import { autocorrelation } from '../../../lib/cli/report/autocorrelation.ts'

describe('autocorrelation', () => {
  it('is that of the formula', () => {
    // m = 3, deviations -2 -1 0 1 2: c0 = 10, c1 = 2 + 0 + 0 + 2, c2 = 0 - 1 + 0, c3 = -2 - 2
    expect(autocorrelation([[1, 2, 3, 4, 5]], 3)).toEqual([0.4, -0.1, -0.4])
  })

  it('alternates with the values', () => {
    const values = Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? 1 : -1))
    for (const [k, value] of autocorrelation([values], 4).entries()) {
      expect(value).toBeCloseTo((k % 2 === 0 ? -1 : 1) * (1 - (k + 1) / 1000), 10)
    }
  })

  it('has no neighbours in another run, nor beside NaN', () => {
    const [apart] = autocorrelation(
      [
        [-1, 1],
        [1, -1],
      ],
      1,
    ) as [number]
    expect(apart).toBe(-0.5)
    const [holed] = autocorrelation([[-1, Number.NaN, 1, -1, 1]], 1) as [number]
    expect(holed).toBe(-0.5)
  })

  it('is nothing for values that do not differ, and no longer than the longest run', () => {
    expect(autocorrelation([[2, 2, 2]], 2)).toEqual([])
    expect(autocorrelation([[1, 2, 4], [3]], 10)).toHaveLength(2)
  })
})
