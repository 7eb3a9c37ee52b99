import { invalid, requireString } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Module } from '../nn/module.ts'
import { opaque } from '../opaque.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { EpochResult, History } from './history.ts'
import type { TrainableModel } from './step.ts'

/** What a run consists of, and how it saves itself. */
export interface RunOptions {
  model: TrainableModel
  validated?: Module
  optimizer: Optimizer<{ lr: number }>
  history: History
  epochs: number
  /** The number of batches in an epoch, if it is known. */
  batches: number | undefined
  resume?: string | undefined
  loss(): Promise<number>
  save(path: string): Promise<void>
  /** Called by each `stop`. */
  onStop?(): void
}

/** @internal The key of the method that marks a run as over. */
export const close = Symbol('close')

/** A `fit` while it runs, as callbacks see it. */
export class Run {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('Run', 'use its history')
  readonly model: TrainableModel
  /** The model that is validated: `model`, or the averages of its weights if there is a `movingAverage`. */
  readonly validated: Module
  readonly optimizer: Optimizer<{ lr: number }>
  /** The results of the epochs so far. */
  readonly history: History
  /** The number of epochs of this `fit`; `Infinity` if only steps or time are limited. */
  readonly epochs: number
  /** The number of batches in an epoch, if it is known. */
  readonly batches: number | undefined
  /** The file or folder of checkpoints that this `fit` was to go on from: its option `resume`. */
  readonly resume: string | undefined
  /** The current epoch, counted from 1. */
  epoch = 1
  /** The batches of this epoch that have been trained on. */
  batch = 0
  /** The updates of the weights since the start of the `fit`. */
  step = 0
  #reason: string | undefined
  readonly #loss: () => Promise<number>
  readonly #save: (path: string) => Promise<void>
  readonly #onStop: () => void
  #isOver = false

  /** @internal */
  constructor(options: RunOptions) {
    const { model, validated = model, optimizer, history, epochs, batches, loss, save, onStop = () => {} } = options
    this.model = model
    this.validated = validated
    this.optimizer = optimizer
    this.history = history
    this.epochs = epochs
    this.batches = batches
    this.resume = options.resume
    this.#loss = loss
    this.#save = save
    this.#onStop = onStop
  }

  /** The result of the last epoch. */
  get result(): EpochResult | undefined {
    return this.history.epochs.at(-1)
  }

  /**
   * The mean training loss of the current epoch so far, for `onStepEnd`. A GPU finishes its queued steps first, so ask
   * for it only every so many steps.
   *
   * @throws {TorchError} (rejects) when the `fit` is over.
   */
  async loss(): Promise<number> {
    this.#requireRunning('loss', 'its epochs are in run.history')
    return await this.#loss()
  }

  /**
   * Ends the `fit` after this step, and the epoch with it: it is validated and its result is kept. `fit` resolves.
   *
   * @param reason for people to read, such as `'no improvement for 5 epochs'`
   */
  stop(reason = 'stopped'): void {
    if (typeof reason !== 'string') throw invalid('stop', 'reason', 'a string', reason)
    this.#reason ??= reason
    this.#onStop()
  }

  /** Why the `fit` is to end early; `undefined` if it is not. */
  get stopReason(): string | undefined {
    return this.#reason
  }

  /**
   * Writes a checkpoint, from which `fit(data, { resume: path })` continues: the weights and all other state. Await it
   * in the hook: a step changes what is being written.
   *
   * @throws {TorchError} (rejects) when the `fit` is over; if the file cannot be written, or a step began meanwhile.
   */
  async save(path: string): Promise<void> {
    requireString('save', 'path', path)
    this.#requireRunning('save', 'save the model instead, or call it in a hook such as onFitEnd')
    await this.#save(path)
  }

  /** @internal Called when the `fit` is over: there is no state to save any more. */
  [close](): void {
    this.#isOver = true
  }

  #requireRunning(method: string, instead: string): void {
    if (!this.#isOver) return
    throw torchError('ERR_TORCH_RUNTIME', `Run.${method}: the fit is over: ${instead}`)
  }
}
