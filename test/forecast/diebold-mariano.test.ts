import { expect, test } from 'vitest'
import { dieboldMariano } from '../../lib/forecast/index.ts'
import { expectError } from '../support/error.ts'

const A = Array.from({ length: 30 }, (_, i) => ((i * 37) % 23) / 10)
const B = Array.from({ length: 30 }, (_, i) => ((i * 17) % 19) / 8)

// By numpy, from the formulas, and scipy's Student distribution.
test.each([
  [1, 'uniform', -0.37740581673082163, 0.7086200397173664],
  [3, 'uniform', -0.3489831668781802, 0.7296231734722345],
  [3, 'bartlett', -0.34363126025141044, 0.7336025983542103],
  [5, 'bartlett', -0.3662192288613008, 0.7168597464524954],
] as const)('horizon %s with %s weights', (horizon, weights, statistic, pValue) => {
  const found = dieboldMariano(A, Float64Array.from(B), { horizon, weights })
  expect(found.statistic).toBeCloseTo(statistic, 12)
  expect(found.pValue).toBeCloseTo(pValue, 12)
  expect(found.origins).toBe(30)
  expect(found.difference).toBeCloseTo((A.reduce((x, y) => x + y) - B.reduce((x, y) => x + y)) / 30, 12)
})

test('with one step it is the paired t-test', () => {
  // scipy 1.17: stats.ttest_rel([1, 2, 4, 3], [2, 2.5, 4, 5])
  const { statistic, pValue } = dieboldMariano([1, 2, 4, 3], [2, 2.5, 4, 5])
  expect(statistic).toBeCloseTo(-2.04939015319192, 12)
  expect(pValue).toBeCloseTo(0.13284184055977563, 9)
})

test('the other way round only the sign changes, and missing losses are left out', () => {
  const there = dieboldMariano(A, B, { horizon: 2 })
  const back = dieboldMariano(B, A, { horizon: 2 })
  expect([back.statistic, back.pValue]).toEqual([-there.statistic, there.pValue])
  expect(dieboldMariano([...A, Number.NaN, 1], [...B, 1, Number.NaN], { horizon: 2 })).toEqual(there)
})

test('mistakes are told', () => {
  expectError(() => dieboldMariano(A, B.slice(1)), 'ERR_TORCH_VALUE', /same origins, but there are 30 and 29/)
  expectError(() => dieboldMariano(A, B, { horizon: 30 }), 'ERR_TORCH_VALUE', /at least 31 origins .* got 30/)
  expectError(() => dieboldMariano(A, A), 'ERR_TORCH_VALUE', /not positive: the losses differ by a constant/)
  const up = A.map((_, i) => i % 2)
  const down = A.map((_, i) => (i + 1) % 2)
  expectError(() => dieboldMariano(up, down, { horizon: 2 }), 'ERR_TORCH_VALUE', /take weights: 'bartlett'/)
  expect(dieboldMariano(up, down, { horizon: 2, weights: 'bartlett' }).pValue).toBe(1)
  expectError(() => dieboldMariano([1, Number.POSITIVE_INFINITY], [1, 2]), 'ERR_TORCH_NON_FINITE', /a has an infinite/)
  expectError(() => dieboldMariano('1' as never, B), 'ERR_TORCH_TYPE', /a must be an array of numbers/)
  expectError(() => dieboldMariano(A, B, { horizon: 0 }), 'ERR_TORCH_VALUE', /horizon must be a positive integer/)
  expectError(() => dieboldMariano(A, B, { weights: 'acf' as never }), 'ERR_TORCH_VALUE', /'uniform' or 'bartlett'/)
  expectError(() => dieboldMariano(A, B, { lag: 1 } as never), 'ERR_TORCH_OPTION', /unknown option 'lag'/)
})
