import fc from 'fast-check'
import { expect, test } from 'vitest'
import { python, pythonFloat, snakeCase } from '../../lib/nn/repr.ts'

// What Python's repr() gives.
test.each([
  [1, '1.0'],
  [-0, '-0.0'],
  [0.1, '0.1'],
  [1e-5, '1e-05'],
  [1.5e-7, '1.5e-07'],
  [0.0001, '0.0001'],
  [123456789, '123456789.0'],
  [1e16, '1e+16'],
  [1e15, '1000000000000000.0'],
  [1.25e300, '1.25e+300'],
  [1e-300, '1e-300'],
  [Number.POSITIVE_INFINITY, 'inf'],
  [Number.NEGATIVE_INFINITY, '-inf'],
  [Number.NaN, 'nan'],
])('the float %d prints as %s', (value, text) => {
  expect(pythonFloat(value)).toBe(text)
})

test('a float prints as itself, and as no integer', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = pythonFloat(value)
      expect(Number(text)).toBe(value)
      expect(text).toMatch(/^-?\d+(\.\d+)?(e[+-]\d\d+)?$/)
      expect(text).toMatch(/[.e]/)
    }),
  )
})

test('other values print as in Python', () => {
  expect([null, true, false, 'none', [3], [3, 4]].map(python)).toEqual([
    'None',
    'True',
    'False',
    "'none'",
    '(3,)',
    '(3, 4)',
  ])
  expect(snakeCase('scaleGradByFreq')).toBe('scale_grad_by_freq')
})
