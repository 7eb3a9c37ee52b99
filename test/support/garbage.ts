import { expect } from 'vitest'
import { torch } from '../../lib/index.ts'

/** Collects the garbage of earlier tests, so that tensors can be counted. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/**
 * Fails if there are more tensors than before. Objects that a test has just used may still be on the interpreter's
 * stack, and are collected a moment later.
 */
export async function expectNoMoreTensors(before: number): Promise<void> {
  const count = async (): Promise<number> => {
    await collectGarbage()
    return torch.memory().tensors
  }
  await expect.poll(count, { timeout: 10_000 }).toBeLessThanOrEqual(before)
}
