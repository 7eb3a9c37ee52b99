import { describe, expect, test } from 'vitest'
import { torch } from '../../lib/torch.ts'
import { expectError } from '../support/error.ts'

const { slice } = torch
const x = torch.arange(24).reshape([2, 3, 4])

describe('index', () => {
  // The right column is what Python's x[...] gives.
  test.each([
    ['[1, 2, 3]', [1, 2, 3], 23],
    ['[-1, 0]', [-1, 0], [12, 13, 14, 15]],
    [
      '[..., 0]',
      ['...', 0],
      [
        [0, 4, 8],
        [12, 16, 20],
      ],
    ],
    [
      '[0, 1:, ::2]',
      [0, slice(1), slice(null, null, 2)],
      [
        [4, 6],
        [8, 10],
      ],
    ],
    ['[:, -2:-1, 3]', [slice(), slice(-2, -1), 3], [[7], [19]]],
    ['[0, None, 0]', [0, null, 0], [[0, 1, 2, 3]]],
    ['[1, [0, 2], [1, 1]]', [1, [0, 2], [1, 1]], [13, 21]],
    ['[0, 0, [True, False, True, False]]', [0, 0, [true, false, true, false]], [0, 2]],
    ['[x > 21]', [x.gt(21)], [22, 23]],
    ['[torch.tensor([1]), 0]', [torch.tensor([1n]), 0], [[12, 13, 14, 15]]],
  ] as const)('x%s', (_, items, expected) => {
    expect(x.index(...items).toArray()).toEqual(expected)
  })

  test('gives views for numbers and slices', () => {
    const base = torch.zeros([2, 2])
    base.index(0).add_(1)
    base.index(slice(), 1).add_(5)
    expect(base.toArray()).toEqual([
      [1, 6],
      [0, 5],
    ])
  })

  test('leaves no tensor behind for an array', () => {
    const before = torch.memory().tensors
    x.index([0, 1]).dispose()
    expect(torch.memory().tensors).toBeLessThanOrEqual(before)
  })

  test.each([
    [() => x.index(2), 'ERR_TORCH_INDEX', /index 2 is out of bounds for dimension 0 with size 2/],
    [() => x.index(0, 0, 0, 0), 'ERR_TORCH_INDEX', /too many indices for tensor of dimension 3/],
    [() => x.index([0, 5]), 'ERR_TORCH_INDEX', /index 5 is out of bounds for dimension 0 with size 2/],
    [() => x.index(1.5), 'ERR_TORCH_INDEX', /only integers, slices/],
    [() => x.index('0' as never), 'ERR_TORCH_INDEX', /only integers, slices/],
    [() => x.index(torch.ones([1])), 'ERR_TORCH_INDEX', /tensors used as indices must be long, int, byte or bool/],
    [() => slice(0, 1, 0), 'ERR_TORCH_VALUE', /step must be greater than zero/],
    [() => slice(0.5), 'ERR_TORCH_TYPE', /slice indices must be integers/],
  ] as const)('refuses %s', (call, code, message) => {
    expectError(call, code, message)
  })
})

describe('indexPut_', () => {
  test('assigns numbers and tensors, broadcast', () => {
    const y = torch.zeros([2, 3])
    y.indexPut_([0], 1).indexPut_([slice(), 2], torch.tensor([7, 8]))
    expect(y.toArray()).toEqual([
      [1, 1, 7],
      [0, 0, 8],
    ])
    y.indexPut_([y.gt(5)], -1)
    expect(y.toArray()).toEqual([
      [1, 1, -1],
      [0, 0, -1],
    ])
  })

  test('refuses a value of another kind, and a shape that does not broadcast', () => {
    expectError(() => torch.zeros([2]).indexPut_([0], 'a' as never), 'ERR_TORCH_TYPE', /must be a Tensor or a number/)
    expectError(
      () => torch.zeros([2]).indexPut_([slice()], torch.zeros([3])),
      'ERR_TORCH_SHAPE',
      /must match the existing size/,
    )
  })
})

describe('no item, as x[()] in Python', () => {
  test('is a view of all', () => {
    const x = torch.tensor([1, 2], { requiresGrad: true })
    const view = x.index()
    expect([view.toArray(), view.gradFn]).toEqual([[1, 2], 'AliasBackward0'])
    const plain = torch.zeros([2])
    plain.index(...[]).add_(1)
    expect(plain.toArray()).toEqual([1, 1])
    expect(torch.tensor(3).index().item()).toBe(3)
  })

  test('assigns to all', async () => {
    const x = torch.zeros([2, 2])
    expect(x.indexPut_([], torch.tensor([1, 2])).toArray()).toEqual([
      [1, 2],
      [1, 2],
    ])
    expect(x.indexPut_([], 5).sum().item()).toBe(20)
    await torch.offload(() => x.indexPut_([], 6))
    expect(x.index().sum().item()).toBe(24)
    expectError(() => x.indexPut_([], torch.ones([7])), 'ERR_TORCH_SHAPE', /expanded size of the tensor/)
  })
})

test('a lone boolean takes no value that does not fit', () => {
  const x = torch.zeros([2, 3])
  const refused = (index: boolean, text: string): void => {
    expectError(() => x.indexPut_([index], torch.ones([7])), 'ERR_TORCH_SHAPE', text)
  }
  refused(false, 'value tensor of shape [7] cannot be broadcast to indexing result of shape [0, 2, 3]')
  refused(true, 'value tensor of shape [7] cannot be broadcast to indexing result of shape [1, 2, 3]')
  for (const value of [5, torch.ones([3]), torch.ones([1, 2, 3]), torch.ones([0, 2, 3])]) x.indexPut_([false], value)
  expect(x.sum().item()).toBe(0)
  expect(
    x
      .indexPut_([true], torch.ones([3]))
      .sum()
      .item(),
  ).toBe(6)
})
