import { describe, expect, test } from 'vitest'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

describe('backward', () => {
  test('accumulates the gradient of x² y', () => {
    const x = torch.tensor([2, 3], { requiresGrad: true })
    const y = torch.tensor([5, 7], { requiresGrad: true })
    x.mul(x).mul(y).sum().backward()
    expectClose(x.grad?.toArray() as number[], [20, 42])
    expectClose(y.grad?.toArray() as number[], [4, 9])
    x.mul(3).sum().backward()
    expectClose(x.grad?.toArray() as number[], [23, 45])
  })

  test('takes a gradient for more than one element', () => {
    const x = torch.tensor([1, 2], { requiresGrad: true })
    x.mul(2).backward(torch.tensor([1, 10]))
    expect(x.grad?.toArray()).toEqual([2, 20])
    expectError(
      () => x.mul(2).backward(),
      'ERR_TORCH_AUTOGRAD',
      /grad can be implicitly created only for scalar outputs/,
    )
  })

  test('frees the graph unless told to retain it', () => {
    const x = torch.tensor(2, { requiresGrad: true })
    const y = x.mul(x)
    y.backward(null, { retainGraph: true })
    y.backward()
    expect(x.grad?.item()).toBe(8)
    expectError(() => y.backward(), 'ERR_TORCH_AUTOGRAD', /second time/)
  })

  test('restricts itself to inputs', () => {
    const x = torch.tensor(2, { requiresGrad: true })
    const y = torch.tensor(3, { requiresGrad: true })
    x.mul(y).backward(null, { inputs: [x] })
    expect(x.grad?.item()).toBe(3)
    expect(y.grad).toBe(null)
  })

  test('refuses words for booleans', () => {
    const x = torch.ones([1], { requiresGrad: true })
    const options = { retainGraph: 'yes' as never }
    expectError(() => x.mul(2).backward(null, options), 'ERR_TORCH_TYPE', /retainGraph must be a boolean, got 'yes'/)
    expectError(() => torch.autograd.grad(x.mul(2), x, options), 'ERR_TORCH_TYPE', /retainGraph must be a boolean/)
  })

  test('refuses what requires no gradient', () => {
    expectError(() => torch.tensor(1).backward(), 'ERR_TORCH_AUTOGRAD', /does not require grad/)
  })
})

describe('grad', () => {
  test('gives derivatives of higher order', () => {
    const x = torch.tensor(2, { requiresGrad: true, dtype: 'float64' })
    const y = x.pow(4)
    const [first] = torch.autograd.grad(y, [x], { createGraph: true })
    const [second] = torch.autograd.grad(first as typeof x, x, { createGraph: true })
    const [third] = torch.autograd.grad(second as typeof x, x)
    expect([first?.item(), second?.item(), third?.item()]).toEqual([32, 48, 48])
    expect(x.grad).toBe(null)
  })

  test('tells of unused inputs', () => {
    const x = torch.tensor(2, { requiresGrad: true })
    const unused = torch.tensor(1, { requiresGrad: true })
    expectError(() => torch.autograd.grad(x.mul(2), [x, unused]), 'ERR_TORCH_AUTOGRAD', /appears to not have been used/)
    expect(torch.autograd.grad(x.mul(2), [x, unused], { allowUnused: true })[1]).toBe(null)
  })

  test('refuses what is no tensor', () => {
    expectError(() => torch.autograd.grad(1 as never, []), 'ERR_TORCH_TYPE', /expected a Tensor or an array/)
  })
})

describe('grad property', () => {
  test('can be set and cleared', () => {
    const x = torch.zeros([2], { requiresGrad: true })
    x.grad = torch.tensor([1, 2])
    expect(x.grad?.toArray()).toEqual([1, 2])
    x.grad = null
    expect(x.grad).toBe(null)
    expectError(
      () => {
        x.grad = torch.zeros([3])
      },
      'ERR_TORCH_TYPE',
      /assigned grad has data of a different size/,
    )
    expectError(
      () => {
        x.grad = x
      },
      'ERR_TORCH_RUNTIME',
      /can't assign Variable as its own grad/,
    )
  })
})

describe('modes', () => {
  test('noGrad, enableGrad and inferenceMode nest', () => {
    const x = torch.ones([1], { requiresGrad: true })
    torch.noGrad(() => {
      expect(torch.isGradEnabled()).toBe(false)
      expect(x.mul(2).requiresGrad).toBe(false)
      expect(torch.enableGrad(() => x.mul(2)).requiresGrad).toBe(true)
    })
    expect(x.mul(2).requiresGrad).toBe(true)
    const inferred = torch.inferenceMode(() => x.mul(2))
    expect(inferred.isInference()).toBe(true)
    expectError(() => x.mul(inferred), 'ERR_TORCH_AUTOGRAD', /[Ii]nference tensors cannot be saved for backward/)
  })

  test('follow async functions, and leave other tasks alone', async () => {
    const x = torch.ones([1], { requiresGrad: true })
    const seen: boolean[] = []
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2))
    await Promise.all([
      torch.noGrad(async () => {
        await pause()
        seen.push(x.mul(2).requiresGrad)
        await pause()
        seen.push(x.mul(2).requiresGrad)
      }),
      (async () => {
        for (let i = 0; i < 4; i++) {
          expect(x.mul(2).requiresGrad).toBe(true)
          await pause()
        }
      })(),
    ])
    expect(seen).toEqual([false, false])
  })

  // LibTorch is told of a mode by the next call that it bears on.
  test.each([
    ['tensor', () => torch.tensor([1, 2])],
    ['tensor of a typed array', () => torch.tensor(new Float64Array(2))],
    ['zeros', () => torch.zeros([2])],
    ['index', () => torch.ones([2, 2]).index([0, 1])],
  ])('end before the next %s', (_, make) => {
    torch.inferenceMode(() => torch.ones([1]))
    const made = make()
    expect(made.isInference()).toBe(false)
    torch.noGrad(() => torch.ones([1]))
    made.requiresGrad = true
    made.mul(made).sum().backward()
    expect(made.grad?.isInference()).toBe(false)
  })

  test('end before the next change of requiresGrad', () => {
    const inferred = torch.inferenceMode(() => torch.ones([1]))
    expectError(() => inferred.requiresGrad_(), 'ERR_TORCH_AUTOGRAD', /outside InferenceMode is not allowed/)
  })

  test('end with an error', () => {
    expect(() =>
      torch.noGrad(() => {
        throw new Error('mine')
      }),
    ).toThrow('mine')
    expect(torch.isGradEnabled()).toBe(true)
  })
})
