import { describe, expect, test } from 'vitest'
import { torch } from '../../lib/torch.ts'
import { expectError } from '../support/error.ts'

describe('toTypedArray', () => {
  test('has an array for each dtype', () => {
    const arrays = {
      float32: Float32Array,
      float64: Float64Array,
      int64: BigInt64Array,
      int32: Int32Array,
      int16: Int16Array,
      int8: Int8Array,
      uint8: Uint8Array,
      bool: Uint8Array,
      bfloat16: Uint16Array,
    } as const
    for (const [dtype, type] of Object.entries(arrays)) {
      expect(torch.ones([2], { dtype: dtype as 'float32' }).toTypedArray()).toBeInstanceOf(type)
    }
    expect([...torch.complex(torch.tensor([1]), torch.tensor([2])).toTypedArray()]).toEqual([1, 2])
  })

  test('reads views in row-major order', () => {
    const x = torch.arange(6, { dtype: 'float32' }).reshape([2, 3])
    expect([...x.t().toTypedArray()]).toEqual([0, 3, 1, 4, 2, 5])
    expect([...x.index(1).toTypedArray()]).toEqual([3, 4, 5])
  })

  test('views the memory without a copy', () => {
    const x = torch.zeros([3])
    const view = x.toTypedArray({ copy: false })
    view[1] = 7
    expect(x.toArray()).toEqual([0, 7, 0])
    x.add_(1)
    expect([...view]).toEqual([1, 8, 1])
    x.dispose()
    expect([...view]).toEqual([1, 8, 1])
  })

  test('does not let viewed memory be freed by resizing', () => {
    const x = torch.zeros([3])
    const view = x.toTypedArray({ copy: false })
    expectError(() => torch.ops.aten?.resize_?.(x, [1_000_000]), 'ERR_TORCH_SHAPE', /not resizable/)
    expect([...view]).toEqual([0, 0, 0])
  })

  test('refuses a word for a boolean', () => {
    expectError(
      () => torch.zeros([1]).toTypedArray({ copy: 'no' as never }),
      'ERR_TORCH_TYPE',
      /copy must be a boolean/,
    )
  })

  test('refuses a view of what is not contiguous', () => {
    expectError(() => torch.zeros([2, 3]).t().toTypedArray({ copy: false }), 'ERR_TORCH_VALUE', /contiguous/)
  })
})

describe('item', () => {
  test('reads one element', () => {
    expect(torch.tensor([[2.5]]).item()).toBe(2.5)
    expect(torch.tensor(true).item()).toBe(true)
    expect(torch.tensor([3n]).item()).toBe(3)
    expect(torch.complex(torch.tensor(1), torch.tensor(-2)).item()).toEqual([1, -2])
  })

  test('refuses more', () => {
    expectError(
      () => torch.zeros([2]).item(),
      'ERR_TORCH_SHAPE',
      /Tensor with 2 elements cannot be converted to Scalar/,
    )
  })
})

// More than V8 can hold would end the process.
test.each([
  ['a long row', torch.ones([1]).expand([2 ** 40])],
  ['rows of nothing', torch.zeros([2 ** 31, 0])],
  ['many rows', torch.ones([1, 1]).expand([2 ** 20, 2 ** 20])],
])('toArray refuses %s', (_, tensor) => {
  expectError(
    () => tensor.toArray(),
    'ERR_TORCH_OUT_OF_MEMORY',
    /too large for JavaScript's arrays: read it with toTyped/,
  )
})

test('toArray nests', () => {
  expect(torch.tensor([[true, false]]).toArray()).toEqual([[true, false]])
  expect(torch.zeros([2, 0]).toArray()).toEqual([[], []])
  expect(torch.tensor([1.5], { dtype: 'bfloat16' }).toArray()).toEqual([1.5])
  expect(torch.complex(torch.tensor([1]), torch.tensor([2])).toArray()).toEqual([[1, 2]])
})
