import { describe, expect, test } from 'vitest'
import { TorchError } from '../../lib/errors.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectError } from '../support/error.ts'
import { collectGarbage } from '../support/garbage.ts'

const { offload, tidy } = torch

async function rejection(promise: Promise<unknown>): Promise<TorchError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(TorchError)
  return error as TorchError
}

describe('offload', () => {
  test('computes what the same code computes at once', async () => {
    const x = torch.randn([8, 8], { requiresGrad: true })
    const compute = (): Tensor => {
      const [values] = x.matmul(x).tanh().max(1)
      return torch.cat([values, x.index(0)]).sum()
    }
    const direct = compute()
    direct.backward()
    const gradient = x.grad as Tensor
    x.grad = null
    const offloaded = await offload(() => {
      const loss = compute()
      loss.backward()
      return loss
    })
    expect(offloaded.item()).toBe(direct.item())
    expect((x.grad as unknown as Tensor).equal(gradient)).toBe(true)
  })

  test('keeps the order of operations, also between calls and with work on this thread', async () => {
    const x = torch.zeros([1])
    const first = offload(() => void x.add_(1).mul_(3))
    const second = offload(() => void x.add_(4))
    await Promise.all([first, second])
    expect(x.item()).toBe(7)
  })

  test('leaves the event loop free', async () => {
    const x = torch.randn([700, 700])
    let worst = 0
    let last = performance.now()
    const timer = setInterval(() => {
      worst = Math.max(worst, performance.now() - last)
      last = performance.now()
    }, 5)
    const start = performance.now()
    for (let i = 0; i < 10; i++)
      await offload(() =>
        tidy(() => {
          for (let k = 0; k < 10; k++) x.matmul(x)
        }),
      )
    clearInterval(timer)
    // Not a bound on time, which depends on the machine: the timer ran while the work did.
    expect(worst).toBeLessThan((performance.now() - start) / 2)
  })

  test('waits for metadata, and refuses to read values', async () => {
    await offload(() => {
      const y = torch.ones([2, 3]).add(1)
      expect(y.shape).toEqual([2, 3])
      const z = y.add(1)
      for (const read of [
        () => z.item(),
        () => z.toArray(),
        () => z.toString(),
        () => z.equal(y),
        () => z.toTypedArray({ copy: false }),
      ]) {
        expectError(read, 'ERR_TORCH_PENDING', /offload\(\) cannot read a value/)
      }
      expect(
        torch
          .ones([4])
          .chunk(2)
          .map((part) => part.shape),
      ).toEqual([[2], [2]])
    })
  })

  test('takes modes along', async () => {
    const x = torch.ones([1], { requiresGrad: true })
    expect((await offload(() => torch.noGrad(() => x.mul(2)))).requiresGrad).toBe(false)
    expect((await offload(() => x.mul(2))).requiresGrad).toBe(true)
    expect((await offload(() => torch.inferenceMode(() => x.mul(2)))).isInference).toBe(true)
  })

  test('rejects with the first error, at the line of the call, and skips the rest', async () => {
    const x = torch.zeros([1])
    let poisoned: Tensor | undefined
    const error = await rejection(
      offload(() => {
        poisoned = torch
          .zeros([2, 2])
          .matmul(torch.zeros([3, 3]))
          .tanh()
        x.add_(1)
      }),
    )
    expect(error.code).toBe('ERR_TORCH_SHAPE')
    expect(error.message).toBe('mat1 and mat2 shapes cannot be multiplied (2x2 and 3x3)')
    expect(error.stack).toContain('offload.test.ts')
    expect(x.item()).toBe(0)
    expectError(() => (poisoned as Tensor).shape, 'ERR_TORCH_SHAPE', /cannot be multiplied/)
    expect((await offload(() => x.add(1))).item()).toBe(1)
  })

  test('rejects with what the function throws', async () => {
    await expect(
      offload(() => {
        torch.zeros([1]).add(1)
        throw new Error('mine')
      }),
    ).rejects.toThrow('mine')
    expect((await rejection(offload(async () => 1))).message).toMatch(/returned a Promise/)
    expect((await rejection(offload(() => offload(() => 1)))).message).toMatch(/returned a Promise/)
    expect((await rejection(offload(3 as never))).code).toBe('ERR_TORCH_TYPE')
    expect(torch.ones([1]).add(1).item()).toBe(2)
  })

  test('leaves nothing behind', async () => {
    const x = torch.ones([10])
    for (let i = 0; i < 5; i++) await offload(() => tidy(() => void x.add(1).mul(2).sum()))
    await collectGarbage()
    const before = torch.memory()
    for (let i = 0; i < 200; i++) await offload(() => tidy(() => void x.add(1).mul(2).sum()))
    expect(torch.memory()).toEqual(before)
    const kept = await offload(() => x.add(1))
    expect(torch.memory()).toEqual({ tensors: before.tensors + 1, bytes: before.bytes + 40 })
    kept.dispose()
    expect(torch.memory()).toEqual(before)
  })

  test('works beside calls on this thread that use the same tensors', async () => {
    const weight = torch.randn([64, 64], { requiresGrad: true })
    let running = true
    const training = (async () => {
      for (let i = 0; i < 100; i++) {
        await offload(() =>
          tidy(() => {
            weight.matmul(weight).sum().backward()
            torch.noGrad(() => weight.add_(weight.grad?.mul(1e-6) as Tensor))
            weight.grad = null
          }),
        )
      }
      running = false
    })()
    while (running) {
      tidy(() => {
        weight.grad?.sum()
        expect(weight.matmul(weight).shape).toEqual([64, 64])
      })
      await new Promise((resolve) => setImmediate(resolve))
    }
    await training
  })
})
