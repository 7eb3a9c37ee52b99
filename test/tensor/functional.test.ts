// Linear and quadratic functions, whose derivatives are known.
import { describe, expect, test } from 'vitest'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectError } from '../support/error.ts'

const { hessian, hvp, jacobian, jvp, vhp, vjp } = torch.autograd.functional
const a = torch.tensor([
  [1, 2, 3],
  [4, 5, 6],
])
const square = torch.tensor([
  [1, 2],
  [5, 3],
])
const x3 = torch.tensor([1, -1, 2])
const x2 = torch.tensor([3, 4])

describe('jacobian', () => {
  test('of one tensor by one', () => {
    const found = jacobian((x) => a.matmul(x), x3)
    expect([found.toArray(), found.requiresGrad]).toEqual([a.toArray(), false])
    expect(jacobian((x) => x.mul(x), a).shape).toEqual([2, 3, 2, 3])
    expect(jacobian((x) => x.pow(2).sum(), x2).toArray()).toEqual([6, 8])
  })

  test('of several outputs or inputs', () => {
    const rows = jacobian((x) => [x.sum(), x.mul(2)], x2)
    expect(rows.map((one) => one.toArray())).toEqual([
      [1, 1],
      [
        [2, 0],
        [0, 2],
      ],
    ])
    const columns = jacobian((x, y) => (x as Tensor).dot(y as Tensor), [x2, x2.mul(2)])
    expect(columns.map((one) => one.toArray())).toEqual([
      [6, 8],
      [3, 4],
    ])
    const both = jacobian((x, y) => [(x as Tensor).sum(), (y as Tensor).mul(3)], [x2, torch.tensor([1])])
    expect(both.map((row) => row.map((one) => one.toArray()))).toEqual([
      [[1, 1], [0]],
      [[[0, 0]], [[3]]],
    ])
  })

  test('can be differentiated', () => {
    const x = x2.clone().requiresGrad_()
    jacobian((y) => y.pow(3), x, { createGraph: true })
      .sum()
      .backward()
    expect(x.grad?.toArray()).toEqual([18, 24])
    expect(jacobian((y) => y.pow(3), x).requiresGrad).toBe(false)
  })

  test('of nothing, and within noGrad', () => {
    expect(jacobian((x) => x.index(torch.slice(0, 0)), x2).shape).toEqual([0, 2])
    expect(torch.noGrad(() => jacobian((x) => x.mul(2), torch.tensor([1])).toArray())).toEqual([[2]])
  })

  test('of what does not depend on the input is zero, or an error', () => {
    const constant = (): Tensor => torch.ones([2])
    expect(jacobian(constant, x3).toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ])
    expectError(
      () => jacobian(constant, x3, { strict: true }),
      'ERR_TORCH_AUTOGRAD',
      /jacobian: Output 0 of the user-provided function does not require gradients/,
    )
    expectError(
      () => jacobian((x) => (x as Tensor).mul(2), [x2, x3], { strict: true }),
      'ERR_TORCH_AUTOGRAD',
      /independent of input 1/,
    )
  })
})

describe('hessian', () => {
  test('of a quadratic form', () => {
    const found = hessian((x) => x.dot(square.matmul(x)), x2)
    expect(found.toArray()).toEqual([
      [2, 7],
      [7, 6],
    ])
    expect(hessian((x) => x.sum(), x2).toArray()).toEqual([
      [0, 0],
      [0, 0],
    ])
  })

  test('by several inputs', () => {
    const found = hessian((x, y) => (x as Tensor).dot(square.matmul(y as Tensor)), [x2, x2])
    expect(found.map((row) => row.map((one) => one.toArray()))).toEqual([
      [
        [
          [0, 0],
          [0, 0],
        ],
        [
          [1, 2],
          [5, 3],
        ],
      ],
      [
        [
          [1, 5],
          [2, 3],
        ],
        [
          [0, 0],
          [0, 0],
        ],
      ],
    ])
  })

  test('can be differentiated', () => {
    const x = x2.clone().requiresGrad_()
    hessian((y) => y.pow(3).sum(), x, { createGraph: true })
      .sum()
      .backward()
    expect(x.grad?.toArray()).toEqual([6, 6])
  })

  test('is of one number', () => {
    expectError(() => hessian((x) => x.mul(2), x2), 'ERR_TORCH_SHAPE', /should contain a single element/)
  })
})

describe('vjp and jvp', () => {
  test('are products with the Jacobian', () => {
    const v = torch.tensor([1, 10])
    const [output, back] = vjp((x) => a.matmul(x), x3, v)
    expect([output.toArray(), back.toArray()]).toEqual([a.matmul(x3).toArray(), v.matmul(a).toArray()])
    const [same, forth] = jvp((x) => a.matmul(x), x3, x3)
    expect([same.toArray(), forth.toArray()]).toEqual([a.matmul(x3).toArray(), a.matmul(x3).toArray()])
    expect([output, back, forth].some((one) => one.requiresGrad)).toBe(false)
  })

  test('of several tensors', () => {
    const fn = (x: Tensor, y: Tensor): Tensor[] => [x.mul(y), y.sum()]
    const [, back] = vjp(fn as never, [x2, x2], [torch.ones([2]), torch.tensor(5)] as never) as unknown as [0, Tensor[]]
    expect(back.map((one) => one.toArray())).toEqual([
      [3, 4],
      [8, 9],
    ])
    const [, forth] = jvp(fn as never, [x2, x2], [torch.ones([2]), torch.zeros([2])]) as unknown as [0, Tensor[]]
    expect(forth.map((one) => one.toArray())).toEqual([[3, 4], 0])
  })

  test('of a number need no vector', () => {
    expect(vjp((x) => x.pow(2).sum(), x2)[1].toArray()).toEqual([6, 8])
    expect(jvp((x) => torch.cat([x, x.pow(2)]), torch.tensor([3]))[1].toArray()).toEqual([1, 6])
    expectError(
      () => vjp((x) => x.mul(2), x2),
      'ERR_TORCH_VALUE',
      /vjp: The vector v can only be left out if the output/,
    )
    expectError(
      () => jvp((x) => x.mul(2), x2),
      'ERR_TORCH_VALUE',
      /jvp: The vector v can only be left out if the input/,
    )
  })

  test('can be differentiated', () => {
    const x = x2.clone().requiresGrad_()
    jvp((y) => y.pow(3), x, torch.ones([2]), { createGraph: true })[1]
      .sum()
      .backward()
    expect(x.grad?.toArray()).toEqual([18, 24])
  })

  test('refuse vectors of other sizes', () => {
    expectError(
      () => vjp((x) => x.mul(2), x2, x3),
      'ERR_TORCH_SHAPE',
      /v has invalid size: should be \[2\] but got \[3\]/,
    )
    expectError(() => jvp((x) => x as Tensor, [x2], [x2, x2]), 'ERR_TORCH_VALUE', /as many Tensors .* 1, got 2/)
  })
})

describe.each([
  ['vhp', vhp],
  ['hvp', hvp],
] as const)('%s', (name, product) => {
  test('is the product with the Hessian', () => {
    const fn = (x: Tensor): Tensor => x.dot(square.matmul(x))
    const [output, found] = product(fn, x2, torch.tensor([1, 10]))
    expect([output.item(), found.toArray(), found.requiresGrad]).toEqual([fn(x2).item(), [72, 67], false])
    const [, both] = product((x, y) => x.dot(square.matmul(y)), [x2, x2], [torch.ones([2]), torch.zeros([2])])
    expect(both.map((one) => one.toArray())).toEqual([
      [0, 0],
      [6, 5],
    ])
    expect(product((x) => x.pow(3).sum(), torch.tensor([2]))[1].toArray()).toEqual([12])
  })

  test('can be differentiated, and is of one number', () => {
    const x = x2.clone().requiresGrad_()
    product((y) => y.pow(3).sum(), x, torch.ones([2]), { createGraph: true })[1]
      .sum()
      .backward()
    expect(x.grad?.toArray()).toEqual([6, 6])
    expectError(() => product((y) => y.mul(2), x2, x2), 'ERR_TORCH_SHAPE', /should contain a single element/)
    expectError(
      () => product((y) => y.sum(), x2),
      'ERR_TORCH_VALUE',
      new RegExp(`${name}: The vector v can only be left out`),
    )
  })
})

test('wrong arguments', () => {
  const inference = (): unknown => torch.inferenceMode(() => jacobian((x) => x.exp(), x2))
  expectError(inference, 'ERR_TORCH_AUTOGRAD', 'jacobian: there are no gradients in inferenceMode')
  expectError(() => jacobian(1 as never, x2), 'ERR_TORCH_TYPE', /fn must be a function, got 1/)
  expectError(() => jacobian((x) => x, 1 as never), 'ERR_TORCH_TYPE', /inputs must be a Tensor or an array of Tensors/)
  expectError(() => jacobian(() => 1 as never, x2), 'ERR_TORCH_TYPE', /the output of the function must be a Tensor/)
  expectError(
    () => vjp((x) => x, x2, x2, { vectorize: true } as never),
    'ERR_TORCH_OPTION',
    /unknown option 'vectorize'/,
  )
  expectError(() => hessian((x) => x.sum(), x2, { strict: 1 as never }), 'ERR_TORCH_TYPE', /strict must be a boolean/)
})
