import { SingleBar } from 'cli-progress'
import { invalid } from '../check.ts'
import type { EpochResult } from './history.ts'

/** What a `fit` reports while it runs. */
export type ProgressEvent =
  | {
      readonly type: 'step'
      readonly epoch: number
      readonly epochs: number
      readonly step: number
      readonly steps: number | undefined
    }
  | { readonly type: 'epoch'; readonly epochs: number; readonly result: EpochResult }
  | { readonly type: 'end' }

/** May be async: `fit` waits for it, and rejects if it throws. */
export type ProgressListener = (event: ProgressEvent) => unknown

function number(value: number): string {
  return value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5)
    ? value.toPrecision(4)
    : value.toExponential(2)
}

function describeEpoch({ epoch, trainLoss, validationLoss, seconds }: EpochResult, epochs: number): string {
  const validation = validationLoss === undefined ? '' : `  validation ${number(validationLoss)}`
  return `epoch ${epoch}/${epochs}  loss ${number(trainLoss)}${validation}  ${seconds.toFixed(2)} s`
}

/** A line for the first and the last epoch, and at most one per second in between, to keep logs short. */
function lines(stream: NodeJS.WriteStream): ProgressListener {
  let written = Number.NEGATIVE_INFINITY
  return (event) => {
    if (event.type !== 'epoch') return
    const now = performance.now()
    if (now - written < 1000 && event.result.epoch !== event.epochs) return
    stream.write(`${describeEpoch(event.result, event.epochs)}\n`)
    written = now
  }
}

/** A bar over all epochs, with the losses of the last one. */
function bar(stream: NodeJS.WriteStream): ProgressListener {
  const progress = new SingleBar({
    stream,
    format: '{bar} {percentage}%  {status}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: false,
  })
  let started = false
  let status = ''
  return (event) => {
    if (event.type === 'end') {
      if (started) progress.stop()
      return
    }
    const { epochs } = event
    if (!started) progress.start(epochs, 0, { status })
    started = true
    if (event.type === 'epoch') {
      status = describeEpoch(event.result, epochs)
      progress.update(event.result.epoch, { status })
    } else {
      const part = event.steps === undefined ? 0 : event.step / event.steps
      progress.update(event.epoch - 1 + part, { status: status || `epoch ${event.epoch}/${epochs}` })
    }
  }
}

/**
 * A bar on a terminal, plain lines elsewhere; both on standard error, which leaves standard output to the program.
 * @throws {TorchError} if `stream` is not a writable stream.
 */
export function terminalProgress(stream: NodeJS.WriteStream = process.stderr): ProgressListener {
  if (typeof stream?.write !== 'function') {
    throw invalid('terminalProgress', 'stream', 'a stream to write to', stream)
  }
  return stream.isTTY ? bar(stream) : lines(stream)
}

/** Whether a test runner runs this: Vitest, Jest, node:test, or one with globals such as Mocha. */
function isTest(): boolean {
  const { env } = process
  if (['VITEST', 'JEST_WORKER_ID', 'NODE_TEST_CONTEXT'].some((name) => env[name] !== undefined)) return true
  return ['describe', 'it'].every((name) => typeof Reflect.get(globalThis, name) === 'function')
}

/** A bar on a terminal; nothing elsewhere, and nothing in a test runner. */
export function automaticProgress(
  stream: NodeJS.WriteStream = process.stderr,
  test: boolean = isTest(),
): ProgressListener {
  return stream.isTTY && !test ? bar(stream) : () => {}
}
