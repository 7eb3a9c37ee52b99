import { describe, expect, test } from 'vitest'
import { nn, torch } from '../lib/index.ts'
import { Trainer } from '../lib/train/index.ts'

function thrownBy(fn: () => unknown): Error {
  try {
    fn()
  } catch (error) {
    return error as Error
  }
  return expect.fail('nothing was thrown')
}

/** The first line of the trace. */
function topOf(error: Error): string {
  return error.stack?.split('\n').find((line) => /^\s+at /.test(line)) ?? ''
}

describe('the first line of a trace is in the code of the caller', () => {
  const disposed = torch.ones([1])
  disposed.dispose()

  test.each([
    ['an operator', () => torch.ones([2]).matmul(torch.ones([3]))],
    ['a check', () => torch.zeros([1], { dtpye: 'int64' } as object)],
    ['a getter', () => disposed.shape],
    ['what calls back through Array.map', () => torch.ones([1]).index('x' as never)],
    ['what calls back through Uint32Array.from', () => torch.autograd.backward(['x'] as never)],
    ['what calls back through AsyncLocalStorage.run', () => new nn.LSTM(2 ** 30, 2 ** 30)],
    ['a printed tensor', () => String(disposed)],
  ])('%s', (_, call) => {
    expect(topOf(thrownBy(call))).toContain('errors.test.ts')
  })

  test('a promise', async () => {
    const trainer = new Trainer(new nn.Linear(1, 1), { progress: false })
    const error = await trainer.predict(torch.ones([2, 2])).catch((thrown: Error) => thrown)
    expect(topOf(error as Error)).toContain('errors.test.ts')
  })

  test('however short traces are', () => {
    const before = Error.stackTraceLimit
    Error.stackTraceLimit = 1
    try {
      const error = thrownBy(() => new nn.LSTM(2 ** 30, 2 ** 30))
      expect(topOf(error)).toContain('errors.test.ts')
      expect(error.stack?.match(/^\s+at /gm)).toHaveLength(1)
      expect(Error.stackTraceLimit).toBe(1)
    } finally {
      Error.stackTraceLimit = before
    }
  })
})
