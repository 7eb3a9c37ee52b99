import { existsSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { GradScaler } from '../amp/index.ts'
import { messageOf, TorchError, torchError } from '../errors.ts'
import { RecurrentModel } from '../models/model.ts'
import type { Module } from '../nn/module.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { tidy } from '../tensor/context.ts'
import type { Generator } from '../tensor/generator.ts'
import { getRngState, setRngState } from '../tensor/random.ts'
import { keep, type Tensor } from '../tensor/tensor.ts'
import type { Callbacks } from './callback.ts'
import { newestIn, othersIn } from './callbacks/checkpoint.ts'
import type { CarriedState } from './carry.ts'
import { loadCheckpoint, type State, saveCheckpoint, tensorsIn } from './checkpoint.ts'
import type { History } from './history.ts'
import type { PassState, Resumed } from './pass.ts'
import type { ScheduledRates } from './rates.ts'
import type { Run } from './run.ts'
import type { Runner } from './runner.ts'
import type { Random, SavedState } from './saved-state.ts'
import { changeOf, type Settings } from './settings.ts'
import { Snapshot } from './snapshot.ts'
import type { Source } from './source.ts'

/** Everything that a checkpoint of a `fit` saves and restores. */
export interface Saved {
  readonly modules: readonly Module[]
  readonly optimizer: Optimizer<{ lr: number }>
  readonly settings: Settings
  readonly rates: ScheduledRates | undefined
  readonly scaler: GradScaler | undefined
  readonly generator: Generator | undefined
  readonly source: Source
  readonly training: Runner
  readonly carried: CarriedState | undefined
  readonly callbacks: Callbacks
  readonly history: History
}

function keepAll<S extends object>(state: S): S {
  for (const tensor of tensorsIn(state as State)) keep(tensor)
  return state
}

function disposeAll(state: object): void {
  for (const tensor of tensorsIn(state as State)) tensor.dispose()
}

function forget(random: Random | undefined): void {
  random?.numbers.dispose()
  random?.loader?.dispose()
}

/** The error for the newest checkpoint of a folder, with the newest of the others that can be read. */
async function withOther(folder: string, error: unknown): Promise<unknown> {
  if (!(error instanceof TorchError)) return error
  for (const other of await othersIn(folder)) {
    try {
      await loadCheckpoint(other)
    } catch {
      continue
    }
    return torchError(error.code, `${error.message}. ${other} can be read: resume from it`, { cause: error })
  }
  return error
}

/** Saves a `fit`, and continues a saved one. */
export class Checkpoints {
  readonly #saved: Saved
  #epoch: Random | undefined
  #frozen: { now: Random; pass: PassState } | undefined
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
    const pass = this.#saved.training.stateDict()
    keepAll(pass.metrics)
    keep(pass.count)
    this.#frozen = { now: this.#random(), pass }
  }

  thaw(): void {
    if (this.#frozen === undefined) return
    forget(this.#frozen.now)
    // The sum of losses is that of the pass itself.
    disposeAll(this.#frozen.pass.metrics)
    this.#frozen.pass.count.dispose()
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
    const { modules, optimizer, rates, scaler, training, carried, callbacks, history, settings } = this.#saved
    await tidy(async () => {
      const state = {
        settings,
        scheduled: rates?.total,
        scaler: this.#scales,
        config: this.#config,
        modules: modules.map((module) => module.stateDict()),
        frozen: this.#frozenParameters,
        optimizer: optimizer.stateDict(),
        scheduler: rates?.scheduler.stateDict(),
        gradScaler: scaler?.stateDict(),
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

  /** The names of the model's parameters that are not trained. */
  get #frozenParameters(): string[] {
    const [model] = this.#saved.modules
    return [...(model?.namedParameters() ?? [])].flatMap(([name, { requiresGrad }]) => (requiresGrad ? [] : [name]))
  }

  /** What the model is, as plain JSON; undefined for one that has no config. */
  get #config(): Settings | undefined {
    const [model] = this.#saved.modules
    if (!(model instanceof RecurrentModel)) return undefined
    try {
      return JSON.parse(JSON.stringify(model.config)) as Settings
    } catch {
      // A network or a head of one's own.
      return undefined
    }
  }

  /** The scales of the data that the model sees. */
  get #scales(): State | undefined {
    return this.#saved.source.windows?.dataset.scaler.config as State | undefined
  }

  /**
   * Loads a checkpoint, or the newest one of a folder; nothing if the folder has none. Returns how to continue within an
   * epoch.
   */
  async load(path: string, run: Run): Promise<Resumed | undefined> {
    const file = path.endsWith('.safetensors') ? path : await this.#newestIn(path)
    if (file === undefined) return undefined
    const state = await tidy(async () => {
      try {
        return keepAll(await loadCheckpoint(file))
      } catch (error) {
        throw file === path ? error : await withOther(path, error)
      }
    })
    const { modules, optimizer, scaler, generator, source, history } = this.#saved
    const generators = [generator, source.generator]
    const numbers = keep(this.#numbers())
    const before = new Snapshot({ modules, optimizer, scaler, generators, metrics: [] })
    try {
      this.#requireSame(state)
      return this.#restore(state, run)
    } catch (error) {
      // All or nothing.
      before.restore()
      this.#setNumbers(numbers)
      history.epochs.length = 0
      disposeAll(state)
      throw torchError('ERR_TORCH_VALUE', `resume: ${file} does not fit this trainer: ${messageOf(error)}`, {
        cause: error,
      })
    } finally {
      before.dispose()
      numbers.dispose()
    }
  }

  async #newestIn(folder: string): Promise<string | undefined> {
    const { callbacks } = this.#saved
    if (!existsSync(folder) && !callbacks.savesInto(folder)) {
      throw torchError('ERR_TORCH_FILE', `resume: there is no folder ${folder}, and this trainer writes none`)
    }
    return await newestIn(folder)
  }

  /** @throws {Error} for a checkpoint of a training that would be another one in this trainer. */
  #requireSame({ settings, scheduled, scaler, progress }: SavedState): void {
    const change = changeOf(settings, this.#saved.settings, progress.batch > 0)
    if (change !== undefined) {
      throw new Error(
        `${change}. It continues the training that it was written in: use the same settings, and change learning rates in onFitStart, or begin a new fit with its weights`,
      )
    }
    const total = this.#saved.rates?.total
    if (scheduled !== total) {
      throw new Error(
        `its schedule goes over ${scheduled}, and would go over ${total} now: epochs, maxSteps or the number of batches have changed`,
      )
    }
    if (!isDeepStrictEqual(scaler, this.#scales)) {
      throw new Error('its data were scaled otherwise: give the same data, or split them with the same scaler')
    }
  }

  /** @throws {Error} for a checkpoint of a model whose weights fit, but that computes something else. */
  #requireSameModel(before: Settings | undefined): void {
    const now = this.#config
    const change = before === undefined || now === undefined ? undefined : changeOf(before, now, true)
    if (change !== undefined) {
      throw new Error(`of its model, ${change}: make the model as it was, or begin a new fit with its weights`)
    }
  }

  /** @throws {Error} if other parameters would be trained, after callbacks that freeze some have loaded their state. */
  #requireSameFrozen(before: readonly string[]): void {
    const now = this.#frozenParameters
    const name = [...before, ...now].find((name) => before.includes(name) !== now.includes(name))
    if (name === undefined) return
    const [was, is] = before.includes(name) ? [false, true] : [true, false]
    throw new Error(
      `the requiresGrad of ${name} was ${was}, and is ${is} now: set it as it was, in the model or in a callback's loadStateDict`,
    )
  }

  #restore(state: SavedState, run: Run): Resumed | undefined {
    const { modules, optimizer, rates, scaler, carried, callbacks, history } = this.#saved
    const { random, progress, pass } = state
    for (const [i, module] of modules.entries()) module.loadStateDict(state.modules[i] ?? {})
    this.#requireSameModel(state.config)
    optimizer.loadStateDict(state.optimizer as never)
    rates?.scheduler.loadStateDict(state.scheduler as never)
    scaler?.loadStateDict(state.gradScaler as never)
    callbacks.loadStateDict(state.callbacks)
    this.#requireSameFrozen(state.frozen)
    history.epochs.push(...state.history)
    run.step = progress.step
    if (pass === null || random.epoch === undefined || progress.batch === 0) {
      this.#setRandom(random.now)
      disposeAll(state)
      return undefined
    }
    // Only to see that it can be set, when the batches have been passed over.
    this.#setRandom(random.now)
    this.#setRandom(random.epoch)
    const ready = (): void => {
      carried?.loadStateDict(state.carried)
      this.#setNumbers(random.now.numbers)
      disposeAll(state)
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
