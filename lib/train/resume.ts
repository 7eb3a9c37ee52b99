import type { GradScaler } from '../amp/index.ts'
import { messageOf, torchError } from '../errors.ts'
import type { Module } from '../nn/module.ts'
import type { LRScheduler } from '../optim/lr-scheduler/index.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { tidy } from '../tensor/context.ts'
import type { Generator } from '../tensor/generator.ts'
import { getRngState, setRngState } from '../tensor/random.ts'
import { keep, type Tensor } from '../tensor/tensor.ts'
import type { Callbacks } from './callback.ts'
import { newestIn } from './callbacks/checkpoint.ts'
import type { CarriedState } from './carry.ts'
import { loadCheckpoint, type State, saveCheckpoint, tensorsIn } from './checkpoint.ts'
import type { EpochResult, History } from './history.ts'
import type { Run } from './run.ts'
import type { Resumed, Runner } from './runner.ts'
import { Snapshot } from './snapshot.ts'
import type { Source } from './source.ts'

/** Everything that a checkpoint of a `fit` saves and restores. */
export interface Saved {
  readonly modules: readonly Module[]
  readonly optimizer: Optimizer<{ lr: number }>
  readonly scheduler: LRScheduler | undefined
  readonly scaler: GradScaler | undefined
  readonly generator: Generator | undefined
  readonly source: Source
  readonly training: Runner
  readonly carried: CarriedState | undefined
  readonly callbacks: Callbacks
  readonly history: History
}

/** The states of the random numbers that the order of an epoch's samples was drawn from. */
interface Random {
  numbers: Tensor
  loader: Tensor | undefined
}

interface Checkpoint {
  modules: Record<string, Tensor>[]
  optimizer: never
  scheduler: never
  scaler: never
  random: { now: Random; epoch: Random }
  progress: { batch: number; step: number }
  pass: State
  carried: State
  history: EpochResult[]
  callbacks: Record<string, State>
}

function keepAll<S extends State>(state: S): S {
  for (const tensor of tensorsIn(state)) keep(tensor)
  return state
}

function disposeAll(state: State): void {
  for (const tensor of tensorsIn(state)) tensor.dispose()
}

function forget(random: Random | undefined): void {
  random?.numbers.dispose()
  random?.loader?.dispose()
}

/** Saves a `fit`, and continues a saved one. */
export class Checkpoints {
  readonly #saved: Saved
  #epoch: Random | undefined
  #frozen: { now: Random; pass: { metrics: State } } | undefined
  /** Files that are being written. */
  readonly #saving = new Set<Promise<void>>()

  constructor(saved: Saved) {
    this.#saved = saved
  }

  /** Remembers the random numbers at the start of an epoch, from which its order is drawn. */
  begin(): void {
    forget(this.#epoch)
    this.#epoch = this.#random()
  }

  /** Remembers what a validation changes, random numbers and metrics: it can be saved until {@link thaw}. */
  freeze(): void {
    const pass = this.#saved.training.stateDict() as { metrics: State }
    keepAll(pass.metrics)
    this.#frozen = { now: this.#random(), pass }
  }

  thaw(): void {
    if (this.#frozen === undefined) return
    forget(this.#frozen.now)
    // The other sums are those of the pass itself.
    disposeAll(this.#frozen.pass.metrics)
    this.#frozen = undefined
  }

  async save(path: string, run: Run): Promise<void> {
    const saving = this.#save(path, run)
    this.#saving.add(saving)
    try {
      await saving
    } finally {
      this.#saving.delete(saving)
    }
  }

  async #save(path: string, { batch, step }: Run): Promise<void> {
    const { modules, optimizer, scheduler, scaler, training, carried, callbacks, history } = this.#saved
    await tidy(async () => {
      const state = {
        modules: modules.map((module) => module.stateDict()),
        optimizer: optimizer.stateDict(),
        scheduler: scheduler?.stateDict(),
        scaler: scaler?.stateDict(),
        random: { now: this.#frozen?.now ?? this.#drawn(), epoch: this.#epoch },
        progress: { batch, step },
        pass: batch > 0 ? (this.#frozen?.pass ?? training.stateDict()) : null,
        carried: batch > 0 ? carried?.stateDict() : null,
        history: history.epochs,
        callbacks: callbacks.stateDict(),
      }
      await saveCheckpoint(path, state as unknown as State)
    })
  }

  /**
   * Loads a checkpoint, or the newest one of a folder; nothing if the folder has none. Returns how to continue within an
   * epoch.
   */
  async load(path: string, run: Run): Promise<Resumed | undefined> {
    const file = path.endsWith('.safetensors') ? path : await newestIn(path)
    if (file === undefined) return undefined
    const state = await tidy(async () => keepAll(await loadCheckpoint(file)))
    const { modules, optimizer, scaler, generator, history } = this.#saved
    const before = new Snapshot({ modules, optimizer, scaler, generators: [generator], metrics: [] })
    try {
      return this.#restore(state as unknown as Checkpoint, run)
    } catch (error) {
      // All or nothing.
      before.restore()
      history.epochs.length = 0
      disposeAll(state)
      throw torchError('ERR_TORCH_VALUE', `resume: ${file} does not fit this trainer: ${messageOf(error)}`, {
        cause: error,
      })
    } finally {
      before.dispose()
    }
  }

  #restore(state: Checkpoint, run: Run): Resumed | undefined {
    const { modules, optimizer, scheduler, scaler, carried, callbacks, history } = this.#saved
    const { random, progress, pass } = state
    for (const [i, module] of modules.entries()) module.loadStateDict(state.modules[i] ?? {})
    optimizer.loadStateDict(state.optimizer)
    scheduler?.loadStateDict(state.scheduler)
    scaler?.loadStateDict(state.scaler)
    callbacks.loadStateDict(state.callbacks)
    history.epochs.push(...state.history)
    run.step = progress.step
    if (progress.batch === 0) {
      this.#setRandom(random.now)
      disposeAll(state as unknown as State)
      return undefined
    }
    this.#setRandom(random.epoch)
    const ready = (): void => {
      carried?.loadStateDict(state.carried)
      this.#setNumbers(random.now.numbers)
      disposeAll(state as unknown as State)
    }
    return { steps: progress.batch, state: pass, ready }
  }

  #random(): Random {
    const random = this.#drawn()
    keep(random.numbers)
    if (random.loader !== undefined) keep(random.loader)
    return random
  }

  #drawn(): Random {
    return { numbers: this.#numbers(), loader: this.#saved.source.generator?.getState() }
  }

  #setRandom({ numbers, loader }: Random): void {
    this.#setNumbers(numbers)
    if (loader !== undefined) this.#saved.source.generator?.setState(loader)
  }

  #numbers(): Tensor {
    return this.#saved.generator?.getState() ?? getRngState()
  }

  #setNumbers(state: Tensor): void {
    const { generator } = this.#saved
    if (generator === undefined) setRngState(state)
    else generator.setState(state)
  }

  /** Frees what it remembers, after the files that are being written. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#saving)
    forget(this.#epoch)
    this.#epoch = undefined
  }
}
