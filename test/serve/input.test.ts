// What a request may be, and what its answer looks like.
import { describe, expect, test } from 'vitest'
import { torch } from '../../lib/index.ts'
import { type Form, formed, formOf, readInput, type Signature } from '../../lib/serve/input.ts'
import { expectError } from '../support/error.ts'

const values: Signature = {
  inputSize: 2,
  numEmbeddings: null,
  outputShape: [3],
  perStep: false,
  steps: null,
  maxSteps: null,
}
const one: Signature = { ...values, inputSize: 1 }
const tokens: Signature = { ...values, inputSize: 1, numEmbeddings: 10 }

const named = (name: string, value: object = { length: 2, 0: 1, 1: 2 }): object =>
  Object.defineProperty(value, Symbol.toStringTag, { value: name })

describe('an input', () => {
  test.each<[string, Signature, unknown, number[], number]>([
    ['a Float32Array', values, Float32Array.of(1, 2, 3, 4), [1, 2, 3, 4], 2],
    [
      'nested arrays',
      values,
      [
        [1, 2],
        [3, 4],
      ],
      [1, 2, 3, 4],
      2,
    ],
    ['an array of Float32Arrays', values, [Float32Array.of(1, 2)], [1, 2], 1],
    [
      'a tensor',
      values,
      torch.tensor([
        [1, 2],
        [3, 4],
      ]),
      [1, 2, 3, 4],
      2,
    ],
    ['a tensor of integers', values, torch.tensor([[1, 2]], { dtype: 'int64' }), [1, 2], 1],
    ['a tensor of doubles', values, torch.tensor([[1, 2]], { dtype: 'float64' }), [1, 2], 1],
    [
      'a transposed tensor',
      values,
      torch
        .tensor([
          [1, 3],
          [2, 4],
        ])
        .t(),
      [1, 2, 3, 4],
      2,
    ],
    ['an array of one feature', one, [1, 2, 3], [1, 2, 3], 3],
    ['nested arrays of one feature', one, [[1], [2]], [1, 2], 2],
    ['an Int32Array of tokens', tokens, Int32Array.of(1, 9), [1, 9], 2],
    ['an array of tokens', tokens, [1, 9], [1, 9], 2],
    ['a tensor of tokens', tokens, torch.tensor([1, 9], { dtype: 'int64' }), [1, 9], 2],
  ])('can be %s', (_, signature, x, data, steps) => {
    const sequence = readInput('predict', x, signature)
    expect(Array.from(sequence.data)).toEqual(data)
    expect(sequence.steps).toBe(steps)
    expect(sequence.data.constructor).toBe(signature === tokens ? Int32Array : Float32Array)
  })

  test.each<[string, Signature, unknown, RegExp]>([
    ['too few values', values, new Float32Array(3), /x must be a Float32Array of steps \* 2 values.* it has 3 values/],
    ['nothing', values, new Float32Array(), /with at least one step; it has 0 values/],
    ['no rows', values, [], /with at least one step; it has 0 values/],
    ['doubles', values, new Float64Array(4), /got Float64Array: Float32Array.from\(x\) converts it/],
    ['values for tokens', tokens, new Float32Array(4), /got Float32Array: Int32Array.from\(x\) converts it/],
    ['text', values, '1,2', /got '1,2'/],
    ['null', values, null, /got null/],
    ['an object', values, { data: [1] }, /got an object/],
    ['a length', values, new Array(2 ** 32 - 1), /x must have at most 1073741823 steps, got 4294967295/],
    ['a length of one feature', one, new Array(2 ** 32 - 1), /x must have at most 2147483647 steps, got 4294967295/],
    ['a length of tokens', tokens, new Array(2 ** 32 - 1), /x must have at most 2147483647 steps, got 4294967295/],
    ['an object with the name of a typed array', values, named('Float32Array'), /x must be a Float32Array/],
    ['other numbers with that name', values, named('Float32Array', new Int8Array(4)), /x must be a Float32Array/],
    ['an object with the name of tokens', tokens, named('Int32Array'), /x must be an Int32Array/],
    ['a row with that name', values, [named('Float32Array')], /x\[0\] must be an array of 2 numbers/],
    ['a promise', values, Promise.resolve([[1, 2]]), /got Promise/],
    ['a flat array', values, [1, 2], /x\[0\] must be an array of 2 numbers, got 1/],
    ['a short row', values, [[1, 2], [3]], /x\[1\] must have 2 numbers, got 1/],
    ['null in a row', values, [[1, null]], /x\[0\]\[1\] must be a number, got null/],
    ['a hole', values, Object.assign([[1, 2]], { length: 2 }), /x\[1\] must be an array of 2 numbers, got undefined/],
    ['half a token', tokens, [1, 0.5], /x\[1\] must be a token, an integer, got 0.5/],
    ['a large token', tokens, [2 ** 40], /x\[0\] must be a token, an integer, got 1099511627776/],
    ['a tensor of another width', values, torch.zeros([2, 3]), /a Tensor of shape \(2, 3\) and dtype float32/],
    ['a batch', values, torch.zeros([1, 2, 2]), /a Tensor of shape \(1, 2, 2\)/],
    ['a tensor of fractions for tokens', tokens, torch.zeros([2]), /got a Tensor of shape \(2\) and dtype float32/],
    ['complex numbers', values, torch.zeros([1, 2], { dtype: 'complex64' }), /dtype complex64/],
  ])('cannot be %s', (_, signature, x, message) => {
    expect(() => readInput('predict', x, signature)).toThrow(message)
  })

  test('has the shape that it is said to have', () => {
    expect(readInput('predict', new Float32Array(6), values, [3, 2]).steps).toBe(3)
    expectError(
      () => readInput('predict', new Float32Array(6), values, [2, 3]),
      'ERR_TORCH_SHAPE',
      'the shape is [2, 3], but x has [3, 2]',
    )
    expectError(
      () => readInput('predict', new Float32Array(6), values, [Symbol('3'), 2] as never),
      'ERR_TORCH_SHAPE',
      'the shape is an array, but x has [3, 2]',
    )
  })

  test('has as many steps as the model needs', () => {
    const signature = { ...values, steps: 3 }
    expect(readInput('predict', new Float32Array(6), signature).steps).toBe(3)
    expectError(
      () => readInput('predict', new Float32Array(4), signature),
      'ERR_TORCH_SHAPE',
      /must have 3 steps, got 2/,
    )
  })
})

test('an input has no more steps than are allowed', () => {
  const signature = { ...values, maxSteps: 3 }
  expect(readInput('predict', new Float32Array(6), signature).steps).toBe(3)
  expectError(
    () => readInput('predict', new Float32Array(8), signature),
    'ERR_TORCH_SHAPE',
    'predict: x must have at most 3 steps, got 4',
  )
})

describe('an output', () => {
  const data = Float32Array.from({ length: 12 }, (_, i) => i)

  test.each<[string, Partial<Signature>, unknown]>([
    ['one row', { outputShape: [12] }, Array.from(data)],
    [
      'one row with a horizon',
      { outputShape: [4, 3] },
      [
        [0, 1, 2],
        [3, 4, 5],
        [6, 7, 8],
        [9, 10, 11],
      ],
    ],
    [
      'a row for each step',
      { outputShape: [6], perStep: true },
      [
        [0, 1, 2, 3, 4, 5],
        [6, 7, 8, 9, 10, 11],
      ],
    ],
    [
      'a row with a horizon for each step',
      { outputShape: [2, 3], perStep: true },
      [
        [
          [0, 1, 2],
          [3, 4, 5],
        ],
        [
          [6, 7, 8],
          [9, 10, 11],
        ],
      ],
    ],
  ])('of %s has the form of its input', (_, signature, nested) => {
    const shape = { ...values, ...signature }
    expect(formed(data, 'nested', shape)).toEqual(nested)
    expect(formed(data, 'typed', shape)).toBe(data)
    const tensor = formed(data, 'tensor', shape)
    expect((tensor as ReturnType<typeof torch.zeros>).toArray()).toEqual(nested)
  })

  test.each<[unknown, Form]>([
    [new Float32Array(1), 'typed'],
    [new Int32Array(1), 'typed'],
    [[1], 'nested'],
    [torch.zeros([1]), 'tensor'],
  ])('knows the form of its input', (x, form) => {
    expect(formOf(x)).toBe(form)
  })
})
