// Test runners evaluate a package anew for each file, in one process with one addon.
import { expect, test, vi } from 'vitest'

async function copy(): Promise<typeof import('../../lib/index.ts')> {
  vi.resetModules()
  return await import('../../lib/index.ts')
}

test('the modes of one copy do not hold for another', async () => {
  const first = await copy()
  const second = await copy()
  expect(second.torch).not.toBe(first.torch)
  const multiply = ({ torch }: typeof first): string => torch.ones([2, 2]).matmul(torch.ones([2, 2])).dtype
  // The last call of a copy is within autocast, without gradients.
  expect(first.torch.noGrad(() => first.torch.autocast('cpu', () => multiply(first)))).toBe('bfloat16')
  expect(multiply(second)).toBe('float32')
  expect(second.torch.ones([1], { requiresGrad: true }).mul(2).requiresGrad).toBe(true)
  // And back, within what the copy thinks still holds.
  first.torch.autocast('cpu', () => {
    expect(multiply(first)).toBe('bfloat16')
    expect(multiply(second)).toBe('float32')
    expect(multiply(first)).toBe('bfloat16')
  })
})

test('one copy knows that the other one offloads', async () => {
  const first = await copy()
  const second = await copy()
  const error = await first.torch
    .offload(() => second.torch.offload(() => 1))
    .then(
      () => undefined,
      (thrown: Error) => thrown.message,
    )
  expect(error).toMatch(/returned a Promise/)
  // What the other one computes is queued, too.
  const queued = await first.torch.offload(() => {
    const y = second.torch.ones([2]).add(1)
    expect(() => y.item()).toThrow('cannot read a value')
    return y
  })
  expect(queued.toArray()).toEqual([2, 2])
})
