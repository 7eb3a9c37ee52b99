import { invalid } from '../check.ts'
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
  loss(): Promise<number>
  save(path: string): Promise<void>
}

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
  /** The current epoch, counted from 1. */
  epoch = 1
  /** The batches of this epoch that have been trained on. */
  batch = 0
  /** The updates of the weights since the start of the `fit`. */
  step = 0
  #reason: string | undefined
  readonly #loss: () => Promise<number>
  readonly #save: (path: string) => Promise<void>

  /** @internal */
  constructor({ model, validated = model, optimizer, history, epochs, batches, loss, save }: RunOptions) {
    this.model = model
    this.validated = validated
    this.optimizer = optimizer
    this.history = history
    this.epochs = epochs
    this.batches = batches
    this.#loss = loss
    this.#save = save
  }

  /** The result of the last epoch. */
  get result(): EpochResult | undefined {
    return this.history.epochs.at(-1)
  }

  /**
   * The mean training loss of the current epoch so far, for `onStepEnd`. A GPU finishes its queued steps first, so ask
   * for it only every so many steps.
   */
  async loss(): Promise<number> {
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
  }

  /** Why the `fit` is to end early; `undefined` if it is not. */
  get stopReason(): string | undefined {
    return this.#reason
  }

  /** Writes a checkpoint, from which `fit(data, { resume: path })` continues: the weights and all other state. */
  async save(path: string): Promise<void> {
    await this.#save(path)
  }
}
