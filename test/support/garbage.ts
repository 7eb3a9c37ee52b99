import { expect } from 'vitest'
import { torch } from '../../lib/index.ts'

/** Collects what earlier tests have dropped, so that tensors can be counted. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/**
 * Fails where more tensors stay than there were. What a test has just used may be on the stack of the interpreter still,
 * and goes a moment later.
 */
export async function expectNoMoreTensors(before: number): Promise<void> {
  const count = async (): Promise<number> => {
    await collectGarbage()
    return torch.memory().tensors
  }
  await expect.poll(count, { timeout: 10_000 }).toBeLessThanOrEqual(before)
}
