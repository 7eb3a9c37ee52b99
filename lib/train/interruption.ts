import { writeCheckpoint } from './callbacks/checkpoint.ts'
import type { Checkpoints } from './resume.ts'
import type { Run } from './run.ts'
import type { Signals } from './signals.ts'

export interface InterruptionOptions {
  signals: Signals
  run: Run
  checkpoints: Checkpoints
  /** Where the checkpoint is written. */
  folder: string
}

/** Ends a `fit` between two steps when a signal has come, after writing a checkpoint. */
export class Interruption {
  readonly #options: InterruptionOptions
  #hasEnded = false

  constructor(options: InterruptionOptions) {
    this.#options = options
  }

  /** Whether it has ended the `fit`. Its epoch is not complete then, and has no result. */
  hasEnded(): boolean {
    return this.#hasEnded
  }

  /**
   * To be called between two steps, when the weights have been updated. The result is `true` if the `fit` ends.
   *
   * @param settled waits for the steps that are queued
   */
  check(settled?: () => Promise<void>): boolean | Promise<boolean> {
    const { signals, run } = this.#options
    // A run that is ending anyway completes its epoch.
    if (signals.received === undefined || run.stopReason !== undefined) return this.#hasEnded
    return this.#end(signals.received, settled)
  }

  async #end(signal: NodeJS.Signals, settled?: () => Promise<void>): Promise<boolean> {
    const { run, folder } = this.#options
    await settled?.()
    await writeCheckpoint(folder, run)
    this.#hasEnded = true
    run.stop(signal)
    return true
  }

  /** Runs a validation. A checkpoint within is the same as one before it. */
  async validating<T>(fn: () => Promise<T>): Promise<T> {
    this.#options.checkpoints.freeze()
    try {
      return await fn()
    } finally {
      this.#options.checkpoints.thaw()
    }
  }
}
