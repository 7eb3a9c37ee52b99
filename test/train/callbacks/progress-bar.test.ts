import { PassThrough } from 'node:stream'
import { expect, test, vi } from 'vitest'
import type { Callback } from '../../../lib/train/callback.ts'
import { automaticProgress, progressBar } from '../../../lib/train/callbacks/progress-bar.ts'
import { History } from '../../../lib/train/history.ts'
import { Run } from '../../../lib/train/run.ts'
import { expectError } from '../../support/error.ts'

function captured(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 100, cursorTo: () => true, clearLine: () => true })
  let text = ''
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text }
}

/** A run that has come to a step. */
function runAt(epoch: number, epochs: number, seconds = 1): Run {
  const history = new History()
  history.epochs.push({ epoch, trainLoss: 1 / epoch, validationLoss: 2 / epoch, seconds })
  const [model, optimizer] = [{} as never, {} as never]
  const run = new Run({ model, optimizer, history, epochs, batches: 2, loss: async () => 0, save: async () => {} })
  run.epoch = epoch
  run.batch = 1
  return run
}

function train(bar: Callback | undefined, epochs: number, msPerEpoch: number): void {
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const run = runAt(epoch, epochs, msPerEpoch / 1000)
    bar?.onStepEnd?.(run)
    if (msPerEpoch > 0) vi.advanceTimersByTime(msPerEpoch)
    run.batch = 0
    bar?.onEpochEnd?.(run)
  }
  bar?.onFitEnd?.(runAt(epochs, epochs))
}

test('writes a line for the first and the last epoch, and one per second between', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    const { stream, text } = captured(false)
    train(progressBar(stream), 30, 100)
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
  train(progressBar(stream), 3, 0)
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

test('says why a run was stopped, and refuses what is no stream', () => {
  const { stream, text } = captured(false)
  const bar = progressBar(stream)
  const run = runAt(3, Number.POSITIVE_INFINITY)
  run.stop('maxSteps: 100 steps are done')
  bar.onEpochEnd?.(run)
  bar.onFitEnd?.(run)
  expect(text()).toBe('epoch 3  loss 0.3333  validation 0.6667  1.00 s\nmaxSteps: 100 steps are done\n')
  expectError(() => progressBar('stderr' as never), 'ERR_TORCH_TYPE', /stream must be a stream to write to/)
})
