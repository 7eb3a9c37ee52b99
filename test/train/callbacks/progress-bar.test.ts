import { PassThrough } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { automaticProgress, type ProgressListener, terminalProgress } from '../../lib/train/progress.ts'

function captured(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 100, cursorTo: () => true, clearLine: () => true })
  let text = ''
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text }
}

function train(listener: ProgressListener, epochs: number, msPerEpoch: number): void {
  for (let epoch = 1; epoch <= epochs; epoch++) {
    listener({ type: 'step', epoch, epochs, step: 1, steps: 2 })
    vi.advanceTimersByTime(msPerEpoch)
    const result = { epoch, trainLoss: 1 / epoch, validationLoss: 2 / epoch, seconds: msPerEpoch / 1000 }
    listener({ type: 'epoch', epochs, result })
  }
  listener({ type: 'end' })
}

test('writes a line for the first and the last epoch, and one per second between', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    const { stream, text } = captured(false)
    train(terminalProgress(stream), 30, 100)
    const lines = text().trimEnd().split('\n')
    expect(lines).toEqual([
      'epoch 1/30  loss 1.000  validation 2.000  0.10 s',
      'epoch 11/30  loss 0.09091  validation 0.1818  0.10 s',
      'epoch 21/30  loss 0.04762  validation 0.09524  0.10 s',
      'epoch 30/30  loss 0.03333  validation 0.06667  0.10 s',
    ])
  } finally {
    vi.useRealTimers()
  }
})

test('draws a bar on a terminal, which ends with the last epoch', () => {
  const { stream, text } = captured(true)
  const listener = terminalProgress(stream)
  listener({ type: 'step', epoch: 1, epochs: 3, step: 1, steps: 2 })
  for (const epoch of [1, 2, 3]) {
    const result = { epoch, trainLoss: 1 / epoch, validationLoss: 2 / epoch, seconds: 1 }
    listener({ type: 'epoch', epochs: 3, result })
  }
  listener({ type: 'end' })
  expect(text()).toContain('100%  epoch 3/3  loss 0.3333  validation 0.6667')
})

test('by default, draws a bar on a terminal, and nothing elsewhere or in a test runner', () => {
  const textOf = (isTTY: boolean, ...test: boolean[]): string => {
    const { stream, text } = captured(isTTY)
    train(automaticProgress(stream, ...test), 2, 0)
    return text()
  }
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    expect(textOf(true, false)).toContain('epoch 2/2  loss 0.5000')
    expect(textOf(true, true)).toBe('')
    expect(textOf(false, false)).toBe('')
    // This is one.
    expect(textOf(true)).toBe('')
    vi.stubEnv('VITEST', undefined)
    expect(textOf(true)).toContain('epoch 2/2')
    for (const name of ['JEST_WORKER_ID', 'NODE_TEST_CONTEXT', 'VITEST']) {
      vi.stubEnv(name, '1')
      expect(textOf(true), name).toBe('')
      vi.stubEnv(name, undefined)
    }
    vi.stubGlobal('describe', () => {})
    vi.stubGlobal('it', () => {})
    expect(textOf(true)).toBe('')
  } finally {
    vi.unstubAllEnvs()
    vi.unstubAllGlobals()
    vi.useRealTimers()
  }
})
