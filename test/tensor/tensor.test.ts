import { describe, expect, test } from 'vitest'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectError } from '../support/error.ts'

const matrix = () =>
  torch.tensor([
    [1, -2, 3],
    [-4, 5, -6],
  ])

test('dim, elementSize and the kinds of dtypes', () => {
  expect([torch.tensor(1).dim(), matrix().dim(), torch.zeros([0, 2, 3]).dim()]).toEqual([0, 2, 3])
  expect((['bool', 'int16', 'float32', 'complex128'] as const).map((to) => matrix().to(to).elementSize())).toEqual([
    1, 2, 4, 16,
  ])
  expect([matrix().isFloatingPoint(), matrix().half().isFloatingPoint(), matrix().long().isFloatingPoint()]).toEqual([
    true,
    true,
    false,
  ])
  expect([matrix().isComplex(), matrix().cfloat().isComplex()]).toEqual([false, true])
})

test.each([
  ['bfloat16', 'bfloat16'],
  ['half', 'float16'],
  ['float', 'float32'],
  ['double', 'float64'],
  ['cfloat', 'complex64'],
  ['cdouble', 'complex128'],
  ['byte', 'uint8'],
  ['char', 'int8'],
  ['short', 'int16'],
  ['int', 'int32'],
  ['long', 'int64'],
  ['bool', 'bool'],
] as const)('%s() converts to %s', (method, dtype) => {
  const converted = torch.tensor([0, 1, 2])[method]()
  expect(converted.dtype).toBe(dtype)
  expect(converted.toArray()).toEqual(
    dtype === 'bool'
      ? [false, true, true]
      : dtype.startsWith('complex')
        ? [
            [0, 0],
            [1, 0],
            [2, 0],
          ]
        : [0, 1, 2],
  )
})

describe('transposes', () => {
  test('are views', () => {
    const x = matrix()
    expect(x.T.toArray()).toEqual([
      [1, -4],
      [-2, 5],
      [3, -6],
    ])
    expect(x.mT.toArray()).toEqual(x.T.toArray())
    expect(torch.zeros([2, 3, 4]).mT.shape).toEqual([2, 4, 3])
    expect(torch.tensor(5).T.item()).toBe(5)
    x.T.indexPut_([0, 1], 7)
    expect(x.index(1, 0).item()).toBe(7)
  })

  test('mH conjugates', () => {
    const x = torch.complex(torch.tensor([[1, 2]]), torch.tensor([[3, 4]]))
    expect(torch.viewAsReal(x.mH.mul(1)).toArray()).toEqual([[[1, -3]], [[2, -4]]])
  })

  test('of tensors that are no matrices are refused', () => {
    expectError(
      () => torch.zeros([2, 3, 4]).T,
      'ERR_TORCH_SHAPE',
      /T: the tensor must be a matrix, but it has 3 dimensions/,
    )
    expectError(() => torch.zeros([2]).T, 'ERR_TORCH_SHAPE', /1 dimensions/)
    expectError(() => torch.zeros([2]).mT, 'ERR_TORCH_SHAPE', /Got 1-D tensor/)
  })
})

test('real and imag are views, and imag is of complex numbers only', () => {
  const x = torch.complex(torch.tensor([1, 2]), torch.tensor([3, 4]))
  expect([x.real.toArray(), x.imag.toArray()]).toEqual([
    [1, 2],
    [3, 4],
  ])
  x.imag.zero_()
  expect(x.toArray()).toEqual([
    [1, 0],
    [2, 0],
  ])
  expect(matrix().real.toArray()).toEqual(matrix().toArray())
  expectError(() => matrix().imag, 'ERR_TORCH_DTYPE', /imag is not implemented for tensors with non-complex dtypes/)
})

test('where keeps this tensor where the condition holds', () => {
  const x = matrix()
  expect(x.where(x.gt(0), 0).toArray()).toEqual([
    [1, 0, 3],
    [0, 5, 0],
  ])
  expect(x.where(x.gt(0), torch.tensor([[10], [20]])).toArray()).toEqual([
    [1, 10, 3],
    [20, 5, 20],
  ])
  expectError(() => x.where(true as never, 0), 'ERR_TORCH_TYPE', /condition must be a Tensor, got true/)
  expectError(() => x.where(x, 0), 'ERR_TORCH_DTYPE', /where expected condition to be a boolean tensor/)
})

describe('iteration', () => {
  test('is over the first dimension', () => {
    const rows = []
    for (const row of matrix()) rows.push(row.toArray())
    expect(rows).toEqual(matrix().toArray())
    expect([...torch.tensor([4, 5])].map((element) => [element.shape, element.item()])).toEqual([
      [[], 4],
      [[], 5],
    ])
    const [first, second] = matrix()
    expect([first?.sum().item(), second?.sum().item()]).toEqual([2, -5])
    expect([...torch.zeros([0, 3])]).toEqual([])
  })

  test('gives views, through which gradients flow', () => {
    const x = matrix().requiresGrad_()
    const [first] = x
    first?.mul(3).sum().backward()
    expect(x.grad?.toArray()).toEqual([
      [3, 3, 3],
      [0, 0, 0],
    ])
  })

  test.each([false, true])('that ends early leaves no rows, with requiresGrad %s', (requiresGrad) => {
    const x = torch.zeros([1000, 2], { requiresGrad })
    const { tensors } = torch.memory()
    for (const row of x) {
      row.dispose()
      break
    }
    const [first, second] = x
    first?.dispose()
    second?.dispose()
    expect(torch.memory().tensors).toBeLessThanOrEqual(tensors)
  })

  test('makes a row when it is asked for, but with gradients all at once', () => {
    const count = (x: Tensor): number => {
      const before = torch.memory().tensors
      const rows = x[Symbol.iterator]()
      rows.next()
      const made = torch.memory().tensors - before
      rows.return?.()
      return made
    }
    const x = torch.zeros([1000, 2], { requiresGrad: true })
    expect(count(x.detach())).toBe(1)
    expect(torch.noGrad(() => count(x))).toBe(1)
    expect(count(x)).toBe(1000)
    expect([...x].at(1)?.gradFn).toBe('UnbindBackward0')
  })

  test('is refused of a tensor without dimensions, and of one that is disposed', () => {
    expectError(() => [...torch.tensor(1)], 'ERR_TORCH_TYPE', /^iteration over a 0-d tensor$/)
    const x = matrix()
    x.dispose()
    expectError(() => [...x], 'ERR_TORCH_DISPOSED', /^iteration: the tensor has been disposed/)
  })

  test('leaves a tensor that stands for a list of tensors one tensor', () => {
    const x = torch.tensor([2, 3], { requiresGrad: true })
    torch.autograd.backward(x.pow(2).sum() as never)
    expect(x.grad?.toArray()).toEqual([4, 6])
    expectError(() => torch.cat(x as never), 'ERR_TORCH_TYPE', /tensors must be an array of Tensors, got/)
  })
})

describe('retainGrad', () => {
  test('keeps the gradient of what is no leaf', () => {
    const x = matrix().requiresGrad_()
    const [y, z] = [x.mul(2), x.mul(3)]
    expect(y.retainsGrad).toBe(false)
    y.retainGrad()
    expect([y.retainsGrad, z.retainsGrad, x.retainsGrad]).toEqual([true, false, false])
    y.pow(2).sum().add(z.sum()).backward()
    expect(y.grad?.equal(y.mul(2))).toBe(true)
    expect(z.grad).toBe(null)
  })

  test('does nothing to a leaf, and is refused without a gradient', () => {
    const x = matrix().requiresGrad_()
    x.retainGrad()
    expect(x.retainsGrad).toBe(false)
    expectError(() => matrix().retainGrad(), 'ERR_TORCH_AUTOGRAD', /can't retain_grad/)
  })
})

test('tolist gives what toArray gives', () => {
  expect(matrix().tolist()).toEqual(matrix().toArray())
  expect(torch.tensor(true).tolist()).toBe(true)
})

test('numbers may come first', () => {
  expect(torch.sub(1, matrix()).toArray()).toEqual([
    [0, 3, -2],
    [5, -4, 7],
  ])
})

test('unique always gives three tensors, empty where they are not asked for', () => {
  const x = torch.tensor([3, 1, 3])
  const [values, inverse, counts] = x.unique()
  expect([values.toArray(), inverse.shape, counts.shape]).toEqual([[1, 3], [0], [0]])
  const all = torch.unique(x, { returnInverse: true, returnCounts: true })
  expect(all.map((one) => one.toArray())).toEqual([
    [1, 3],
    [1, 0, 1],
    [1, 2],
  ])
  expect(torch.unique(matrix().sign(), { dim: 1 })[0].shape).toEqual([2, 2])
  expectError(() => torch.unique(x, { dim: 1 }), 'ERR_TORCH_INDEX', /Dimension out of range/)
  expectError(() => torch.unique(x, { count: true } as never), 'ERR_TORCH_OPTION', /unknown option 'count'/)
})
