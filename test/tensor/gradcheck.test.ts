import { describe, expect, test } from 'vitest'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectError } from '../support/error.ts'

const { gradcheck, gradgradcheck } = torch.autograd

function draw(...shape: number[]): Tensor {
  torch.manualSeed(3)
  return torch.randn(shape, { dtype: 'float64', requiresGrad: true })
}

/** x² whose gradient is 2x + error. */
function wrongSquare(x: Tensor, error: number): Tensor {
  const value = x.pow(2)
  return value.add(x.sub(x.detach()).mul(error))
}

describe('gradcheck', () => {
  test('agrees with right gradients, and leaves inputs and their gradients as they are', () => {
    const [x, y] = [draw(2, 3), draw(3)]
    const before = x.toArray()
    const live = torch.memory().tensors
    expect(gradcheck((a, b) => [a.mul(b).tanh(), a.sum()], [x, y])).toBe(true)
    expect(torch.memory().tensors).toBe(live)
    expect(x.toArray()).toEqual(before)
    expect(x.grad).toBe(null)
  })

  test('takes inputs that are no leaves, not contiguous, or need no gradient', () => {
    const x = draw(3, 2)
    const view = x.mul(2).t()
    expect(gradcheck((a, b) => a.matmul(b).sigmoid(), [view, torch.ones([3, 2], { dtype: 'float64' })])).toBe(true)
    expect(gradcheck((a) => a.sin(), draw())).toBe(true)
    expect(gradcheck((a) => a.sin(), draw(0))).toBe(true)
  })

  test('also where gradients are switched off', () => {
    const x = draw(2)
    expect(torch.noGrad(() => gradcheck((a) => a.exp(), x))).toBe(true)
  })

  test('catches a wrong gradient, in the words of PyTorch', () => {
    const x = torch.tensor([1, 2], { dtype: 'float64', requiresGrad: true })
    const error = expectError(() => gradcheck((a) => [a.exp(), wrongSquare(a, 0.5)], x), 'ERR_TORCH_AUTOGRAD', /./)
    expect(error.message.replaceAll(/\d\.\d{4}/g, (number) => Number(number).toFixed(2))).toBe(
      `Jacobian mismatch for output 1 with respect to input 0,
numerical:tensor([[2.00, 0.00],
        [0.00, 4.00]], dtype=torch.float64)
analytical:tensor([[2.50, 0.00],
        [0.00, 4.50]], dtype=torch.float64)
`,
    )
    expect(gradcheck((a) => wrongSquare(a, 0.5), x, { raiseException: false })).toBe(false)
    expect(gradcheck((a) => wrongSquare(a, 0.5), x, { atol: 0.6 })).toBe(true)
    expect(gradcheck((a) => wrongSquare(a, 0.5), x, { rtol: 0.3 })).toBe(true)
    expect(gradcheck((a) => wrongSquare(a, 1e-4), x, { rtol: 1e-6, raiseException: false })).toBe(false)
  })

  test('catches a gradient that is missing', () => {
    const x = draw(2)
    const message = 'Numerical gradient for function expected to be zero'
    expectError(() => gradcheck((a) => a.detach().mul(2), x), 'ERR_TORCH_AUTOGRAD', message)
    expect(gradcheck((a) => a.detach().mul(0), x)).toBe(true)
  })

  test('catches a function that differs from one time to the next', () => {
    const x = draw(4)
    const random = (a: Tensor): Tensor => a.relu().mul(torch.rand([4], { dtype: 'float64' }))
    expectError(
      () => gradcheck(random, torch.ones([4], { dtype: 'float64', requiresGrad: true })),
      'ERR_TORCH_AUTOGRAD',
      'Jacobian mismatch',
    )
    expect(gradcheck((a) => a.relu(), x)).toBe(true)
  })

  test('moves parameters that the function reaches by itself', () => {
    const w = draw(3)
    expect(gradcheck(() => w.pow(3), w)).toBe(true)
  })

  test('refuses what it cannot check', () => {
    const x = draw(2)
    expectError(
      () => gradcheck((a) => a, torch.ones([2], { dtype: 'float64' })),
      'ERR_TORCH_VALUE',
      'gradcheck expects at least one input tensor to require gradient, but none of them have requiresGrad.',
    )
    const wide = torch.ones([1], { dtype: 'float64' }).expand([3]).requiresGrad_()
    expectError(() => gradcheck((a) => a, wide), 'ERR_TORCH_RUNTIME', 'The 0th input has a dimension with stride 0.')
    expectError(() => gradcheck('x' as never, x), 'ERR_TORCH_TYPE', "takes a function, got 'x'")
    expectError(() => gradcheck((a) => a, 'x' as never), 'ERR_TORCH_TYPE', 'inputs must be a Tensor or an array')
    expectError(() => gradcheck(() => 1 as never, x), 'ERR_TORCH_TYPE', 'the output of the function must be a Tensor')
    expectError(() => gradcheck((a) => a, x, { epsilon: 1 } as never), 'ERR_TORCH_OPTION', "unknown option 'epsilon'")
    expectError(() => gradcheck((a) => a, x, { eps: 0 }), 'ERR_TORCH_VALUE', 'eps must be a positive number, got 0')
    const complex = torch.ones([2], { dtype: 'complex128', requiresGrad: true })
    expectError(() => gradcheck((a) => a, complex), 'ERR_TORCH_NOT_IMPLEMENTED', 'complex')
  })

  test('warns of float32, which is too coarse', async () => {
    const warning = new Promise((resolve) => process.once('warning', resolve))
    gradcheck((a) => a.mul(2), torch.ones([2], { requiresGrad: true }), { eps: 1e-2 })
    expect(String(await warning)).toContain('Input #0 requires gradient and is not a double precision floating point')
  })
})

describe('gradgradcheck', () => {
  test('agrees with right second derivatives', () => {
    expect(gradgradcheck((a, b) => a.mul(b).tanh(), [draw(2, 2), draw(2)])).toBe(true)
  })

  test('catches a wrong one', () => {
    // a² with the right gradient 2a, which itself is taken for a constant.
    const cut = (a: Tensor): Tensor => a.mul(a.detach().mul(2)).sub(a.detach().pow(2))
    const x = draw(3)
    expect(gradcheck(cut, x)).toBe(true)
    expect(gradgradcheck(cut, x, { raiseException: false })).toBe(false)
    expectError(() => gradgradcheck(cut, x), 'ERR_TORCH_AUTOGRAD', 'Jacobian mismatch')
    expectError(() => gradgradcheck(1 as never, x), 'ERR_TORCH_TYPE', 'gradgradcheck() takes a function, got 1')
  })
})
