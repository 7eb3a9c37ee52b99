import { expect } from 'vitest'
import { isTensor, type Tensor } from '../../lib/tensor/tensor.ts'

type Nested = number | boolean | readonly Nested[]

function flat(value: Nested): (number | boolean)[] {
  return Array.isArray(value) ? value.flatMap((element) => flat(element as Nested)) : [value as number | boolean]
}

function shapeOf(value: Nested): number[] {
  return Array.isArray(value) ? [value.length, ...(value.length > 0 ? shapeOf(value[0] as Nested) : [])] : []
}

/** Expects every element within atol + rtol |expected|, and the same shape. */
export function expectClose(
  actual: Tensor | Nested,
  expected: Tensor | Nested,
  { rtol = 1e-5, atol = 1e-6 }: { rtol?: number; atol?: number } = {},
): void {
  const [values, wanted] = [actual, expected].map((side) => (isTensor(side) ? (side.toArray() as Nested) : side)) as [
    Nested,
    Nested,
  ]
  expect(shapeOf(values)).toEqual(shapeOf(wanted))
  const [a, b] = [flat(values), flat(wanted)]
  const wrong = a.findIndex((value, i) => {
    const other = b[i]
    if (typeof value === 'boolean' || typeof other === 'boolean') return value !== other
    if (Object.is(value, other) || value === other) return false
    return !(Math.abs(value - (other as number)) <= atol + rtol * Math.abs(other as number))
  })
  if (wrong >= 0) expect.fail(`element ${wrong}: ${a[wrong]}, expected ${b[wrong]} (rtol ${rtol}, atol ${atol})`)
}
