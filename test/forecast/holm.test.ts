import { expect, test } from 'vitest'
import { holm } from '../../lib/forecast/index.ts'
import { expectError } from '../support/error.ts'

test('p are multiplied by what is left, never fall, and stay in their order', () => {
  expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06])
  // R: p.adjust(c(0.001, 0.5, 0.02, 0.9, 0.02), 'holm')
  for (const [i, p] of [0.005, 1, 0.08, 1, 0.08].entries())
    expect(holm([0.001, 0.5, 0.02, 0.9, 0.02])[i]).toBeCloseTo(p, 12)
  expect(holm([])).toEqual([])
})

test('what is no probability is told', () => {
  expectError(() => holm([0.1, 2]), 'ERR_TORCH_TYPE', /an array of numbers from 0 to 1/)
  expectError(() => holm(0.1 as never), 'ERR_TORCH_TYPE', /an array of numbers from 0 to 1/)
})
