import { expect, test } from 'vitest'
import '../../lib/forecast/index.ts'
import { studentPValue } from '../../lib/forecast/student.ts'

// scipy 1.17: 2 * stats.t.sf(abs(t), df)
test.each([
  [0, 5, 1],
  [1, 1, 0.5],
  [2.5, 7, 0.04099221858575289],
  [-2.5, 7, 0.04099221858575289],
  [0.01, 200, 0.992031255153281],
  [8, 29, 8.012575649631688e-9],
  [1.96, 1e5, 0.04999856319430168],
])('t = %s with %s degrees of freedom is what scipy says', (t, df, wanted) => {
  expect(studentPValue(t, df) / wanted).toBeCloseTo(1, 9)
})

test('far tails keep their digits', () => {
  expect(studentPValue(40, 1000) / 1.0478852155173272e-209).toBeCloseTo(1, 6)
  expect(studentPValue(Number.POSITIVE_INFINITY, 3)).toBe(0)
})
