// A number where an operation expects a tensor: as in Python, it becomes a tensor that leaves the dtype to the others.
// The expected values are PyTorch's.
import { describe, expect, test } from 'vitest'
import type { DType } from '../../lib/tensor/dtype.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectError } from '../support/error.ts'

const made = (tensor: Tensor): unknown[] => [tensor.dtype, tensor.toArray()]

describe('in arithmetic', () => {
  const x = torch.tensor([1, 4], { requiresGrad: true })

  test.each<[text: string, value: () => Tensor, values: number[], gradFn: string | null]>([
    ['x.mul(2)', () => x.mul(2), [2, 8], 'MulBackward0'],
    ['mul(2, x)', () => torch.mul(2, x), [2, 8], 'MulBackward0'],
    ['x.add(1)', () => x.add(1), [2, 5], 'AddBackward0'],
    ['x.add(true)', () => x.add(true), [2, 5], 'AddBackward0'],
    ['x.add(1n)', () => x.add(1n), [2, 5], 'AddBackward0'],
    ['x.add(1, { alpha: 3 })', () => x.add(1, { alpha: 3 }), [4, 7], 'AddBackward0'],
    ['sub(1, x)', () => torch.sub(1, x), [0, -3], 'SubBackward0'],
    ['x.sub(1, { alpha: 2 })', () => x.sub(1, { alpha: 2 }), [-1, 2], 'SubBackward0'],
    ['x.div(2)', () => x.div(2), [0.5, 2], 'DivBackward0'],
    ['div(1, x)', () => torch.div(1, x), [1, 0.25], 'DivBackward0'],
    ['x.div(3, { roundingMode })', () => x.div(3, { roundingMode: 'floor' }), [0, 1], 'DivBackward2'],
    ['x.floorDivide(3)', () => x.detach().floorDivide(3), [0, 1], null],
    ['pow(2, x)', () => torch.pow(2, x), [2, 16], 'PowBackward2'],
    ['x.norm()', () => x.norm(1, 0, true), [5], 'LinalgVectorNormBackward0'],
  ])('%s', (_, value, values, gradFn) => {
    const result = value()
    expect(made(result)).toEqual(['float32', values])
    expect(result.gradFn).toBe(gradFn)
  })

  test.each<[DType, number | boolean, DType, unknown]>([
    ['int32', 2, 'int32', [2, 0]],
    ['int32', 2.5, 'float32', [2.5, 0]],
    ['int32', true, 'int32', [1, 0]],
    ['uint8', 2.5, 'float32', [2.5, 0]],
    ['bool', 2, 'int64', [2, 0]],
    ['bool', 2.5, 'float32', [2.5, 0]],
    ['bool', true, 'bool', [true, false]],
    ['float16', 2.5, 'float16', [2.5, 0]],
    ['bfloat16', 2, 'bfloat16', [2, 0]],
    ['float64', 2.5, 'float64', [2.5, 0]],
  ])('%s times %s is %s', (dtype, number, expected, values) => {
    const tensor = torch.tensor([1, 0], { dtype })
    expect(made(tensor.mul(number))).toEqual([expected, values])
    expect(torch.mul(number, tensor).dtype).toBe(expected)
  })

  test('of two numbers is a tensor', () => {
    const sum = torch.add as (...args: unknown[]) => Tensor
    expect([sum(1, 2), sum(1.5, 2), sum(true, true)].map(made)).toEqual([
      ['int64', 3],
      ['float32', 3.5],
      ['bool', true],
    ])
  })

  test('in place, keeps the dtype, or says that it cannot', () => {
    expect(made(torch.ones([2], { dtype: 'float16' }).mul_(3))).toEqual(['float16', [3, 3]])
    expect(made(torch.zeros([2], { dtype: 'int32' }).copy_(3.7))).toEqual(['int32', [3, 3]])
    const whole = torch.tensor([1n])
    expectError(() => whole.add_(2.5), 'ERR_TORCH_DTYPE', "result type Float can't be cast to the desired output type")
    expectError(() => whole.add(2, { alpha: 0.5 }), 'ERR_TORCH_RUNTIME', 'alpha must not be a floating point number')
    expect(made(whole)).toEqual(['int64', [1]])
  })

  test('has gradients for the tensor', () => {
    const [gradient] = torch.autograd.grad(x.mul(3).sub(1).div(2).sum(), [x])
    expect(gradient?.toArray()).toEqual([1.5, 1.5])
  })

  test('is as known before it is computed as any other', async () => {
    const whole = torch.tensor([1, 2], { dtype: 'int32' })
    const seen: unknown[] = []
    const results = await torch.offload(() => {
      const queued = whole.index().add(1)
      const all = [queued.mul(2), queued.mul(2.5), torch.sub(1, queued.sum()).div(2), queued.index().mul_(3)]
      seen.push(...all.map(({ dtype, shape }) => [dtype, shape]))
      return all
    })
    expect(seen).toEqual(results.map(({ dtype, shape }) => [dtype, shape]))
    expect(results.map(made)).toEqual([
      ['int32', [4, 6]],
      ['float32', [5, 7.5]],
      ['float32', -2],
      ['int32', [6, 9]],
    ])
  })

  test('within offload, and through torch.ops', async () => {
    expect((await torch.offload(() => torch.sub(1, x.detach().mul(2)))).toArray()).toEqual([-1, -7])
    const { aten } = torch.ops
    expect(made(aten.mul?.(x.detach(), 2.5) as Tensor)).toEqual(['float32', [2.5, 10]])
    expect(made(aten.add?.Tensor?.(x.detach(), 2) as Tensor)).toEqual(['float32', [3, 6]])
    expectError(() => aten.maximum?.(x, 2), 'ERR_TORCH_TYPE', 'other must be a Tensor, got 2')
    expectError(() => torch.mul(x, 'two' as never), 'ERR_TORCH_TYPE', 'other must be a Tensor or a number, got ')
    expectError(() => torch.mul(x, [2] as never), 'ERR_TORCH_TYPE', 'other must be a Tensor or a number, got ')
  })
})

test('repeatInterleave of repeats alone gives positions', () => {
  expect(made(torch.repeatInterleave(torch.tensor([1n, 0n, 3n])))).toEqual(['int64', [0, 2, 2, 2]])
  const repeats = torch.tensor([2n, 1n]) as unknown as { repeatInterleave(): Tensor }
  expectError(() => repeats.repeatInterleave(), 'ERR_TORCH_TYPE', 'repeats is missing: it must be ')
})

test('tensordot takes a number of dimensions, two lists in one, or two', () => {
  const a = torch.arange(6).reshape([2, 3])
  const b = torch.arange(6).reshape([3, 2])
  const product = [
    [10, 13],
    [28, 40],
  ]
  expect(torch.tensordot(a, b, 1).toArray()).toEqual(product)
  expect(torch.tensordot(a, b, [[1], [0]]).toArray()).toEqual(product)
  expect(torch.tensordot(a, b, [1], [0]).toArray()).toEqual(product)
  expect(torch.tensordot(a, a).item()).toBe(55)
  expect(torch.tensordot(a, b, 0).shape).toEqual([2, 3, 3, 2])
  expectError(() => torch.tensordot(a, b, -1), 'ERR_TORCH_VALUE', 'tensordot expects dims >= 0, but got dims=-1')
  expectError(() => torch.tensordot(a, b, 3), 'ERR_TORCH_VALUE', 'tensordot expects dims')
  expectError(() => torch.tensordot(a, b, [[1]]), 'ERR_TORCH_VALUE', 'two lists of dims, but got 1')
})

test('norm knows the words for matrices', () => {
  const matrix = torch.tensor([
    [3, 0],
    [0, 4],
  ])
  expect([matrix.norm(), matrix.norm('fro'), matrix.norm('nuc')].map((norm) => norm.item())).toEqual([5, 5, 7])
  expect(matrix.norm('fro', 1).toArray()).toEqual([3, 4])
  expectError(() => matrix.norm('max'), 'ERR_TORCH_VALUE', 'Order max not supported')
})
