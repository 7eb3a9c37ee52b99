import { SingleBar } from 'cli-progress'
import { invalid } from '../../check.ts'
import type { Callback } from '../callback.ts'
import type { EpochResult } from '../history.ts'
import type { Run } from '../run.ts'

function number(value: number): string {
  return value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5)
    ? value.toPrecision(4)
    : value.toExponential(2)
}

function describeEpoch({ epoch, trainLoss, validationLoss, seconds }: EpochResult, epochs: number): string {
  const validation = validationLoss === undefined ? '' : `  validation ${number(validationLoss)}`
  const of = Number.isFinite(epochs) ? `/${epochs}` : ''
  return `epoch ${epoch}${of}  loss ${number(trainLoss)}${validation}  ${seconds.toFixed(2)} s`
}

/** A line for the first and the last epoch, and at most one per second in between, to keep logs short. */
function lines(stream: NodeJS.WriteStream): Callback {
  let written = Number.NEGATIVE_INFINITY
  return {
    onEpochEnd({ result, epochs, stopReason }) {
      if (result === undefined) return
      const now = performance.now()
      const isLast = result.epoch === epochs || stopReason !== undefined
      if (now - written < 1000 && !isLast) return
      stream.write(`${describeEpoch(result, epochs)}\n`)
      written = now
    },
    onFitEnd({ stopReason }) {
      written = Number.NEGATIVE_INFINITY
      if (stopReason !== undefined) stream.write(`${stopReason}\n`)
    },
  }
}

/** A bar over all epochs, with the losses of the last one. */
function bar(stream: NodeJS.WriteStream): Callback {
  let progress: SingleBar | undefined
  let status = ''
  const show = ({ epochs, epoch }: Run, done: number): void => {
    if (progress === undefined) {
      progress = new SingleBar({
        stream,
        format: '{bar} {percentage}%  {status}',
        barsize: 24,
        hideCursor: true,
        clearOnComplete: false,
      })
      progress.start(Number.isFinite(epochs) ? epochs : 0, 0, { status })
    }
    progress.update(done, { status: status || `epoch ${epoch}` })
  }
  const end = (): void => {
    progress?.stop()
    progress = undefined
    status = ''
  }
  return {
    onStepEnd: (run) => show(run, run.epoch - 1 + (run.batches === undefined ? 0 : run.batch / run.batches)),
    onEpochEnd(run) {
      if (run.result !== undefined) status = describeEpoch(run.result, run.epochs)
      show(run, run.epoch)
    },
    onFitEnd: end,
    onException: end,
  }
}

/**
 * A bar on a terminal, plain lines elsewhere; both on standard error, which leaves standard output to the program.
 * @throws {TorchError} if `stream` is not a writable stream.
 */
export function progressBar(stream: NodeJS.WriteStream = process.stderr): Callback {
  if (typeof stream?.write !== 'function') throw invalid('progressBar', 'stream', 'a stream to write to', stream)
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
): Callback | undefined {
  return stream.isTTY && !test ? bar(stream) : undefined
}
