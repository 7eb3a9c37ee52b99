import { AsyncResource } from 'node:async_hooks'
import { resolve } from 'node:path'
import { isArrayOf } from '../array.ts'
import { invalid, requireInteger } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { State } from './checkpoint.ts'
import type { Ending } from './ending.ts'
import type { Run } from './run.ts'

/**
 * Something that takes part in a `fit`. All hooks are optional, may be async, and are awaited between two steps. An
 * error of a hook ends the `fit`, which rejects with it. If the `fit` is to end for another reason (an aborted signal, a
 * signal of the process, `stop()` from elsewhere), a hook that has not settled 10 s later is left, with a warning, and
 * its callback is not called again.
 *
 * @example
 * const printer: Callback = { onEpochEnd: ({ epoch, result }) => console.log(epoch, result?.trainLoss) }
 */
export interface Callback {
  /** The name of its state in checkpoints. Needed with `stateDict`. */
  readonly name?: string
  /** How many steps lie between two calls of `onStepEnd`. Default: it is called at most every 100 ms. */
  readonly everySteps?: number
  /** Before the first step, after a checkpoint has been loaded. */
  onFitStart?(run: Run): unknown
  onEpochStart?(run: Run): unknown
  /** After a step. See `everySteps`. */
  onStepEnd?(run: Run): unknown
  /** After the validation of an epoch, if there is one, and before all `onEpochEnd`; `run.result` is the epoch's result. */
  onValidationEnd?(run: Run): unknown
  /** After an epoch; `run.result` is its result. */
  onEpochEnd?(run: Run): unknown
  /** After the last epoch, also if the run was stopped. */
  onFitEnd?(run: Run): unknown
  /** If the `fit` fails, or its signal is aborted. Errors thrown here are ignored: `fit` rejects with the first. */
  onException?(run: Run, error: unknown): unknown
  /**
   * What has to survive in checkpoints: numbers, strings, booleans, null, tensors, and arrays and objects of them. A
   * callback that has it takes part in one `fit` at a time.
   */
  stateDict?(): State
  loadStateDict?(state: State): void
}

/** @internal The key of the folder that a callback writes checkpoints into. */
export const FOLDER = Symbol('folder')

/**
 * @internal The key of a callback whose `onStepEnd` is synchronous, and reads nothing that a step computes: it is called
 * while steps are still queued.
 */
export const AHEAD = Symbol('ahead')

type Hook = 'onFitStart' | 'onEpochStart' | 'onStepEnd' | 'onValidationEnd' | 'onEpochEnd' | 'onFitEnd'

const HOOKS = ['onFitStart', 'onEpochStart', 'onStepEnd', 'onValidationEnd', 'onEpochEnd', 'onFitEnd', 'onException']

/** How often `onStepEnd` is called by default. */
const INTERVAL_MS = 100

/** @throws {TorchError} unless `callbacks` is an array of callbacks. */
export function requireCallbacks(owner: string, callbacks: unknown): asserts callbacks is readonly Callback[] {
  if (!Array.isArray(callbacks)) throw invalid(owner, 'callbacks', 'an array of callbacks', callbacks)
  for (const callback of callbacks as unknown[]) requireCallback(owner, callback)
}

function requireCallback(owner: string, callback: unknown): void {
  if (typeof callback !== 'object' || callback === null) {
    throw invalid(owner, 'callbacks', 'an array of objects with hooks such as onEpochEnd', callback)
  }
  const { name, everySteps, stateDict } = callback as Callback
  for (const key of namesOf(callback)) {
    if (!/^on[A-Z]/.test(key)) continue
    if (!HOOKS.includes(key)) {
      throw torchError(
        'ERR_TORCH_OPTION',
        `${owner}: a callback has the unknown hook '${key}'; hooks are ${HOOKS.join(', ')}`,
      )
    }
    const hook: unknown = Reflect.get(callback, key)
    if (hook !== undefined && typeof hook !== 'function') throw invalid(owner, key, 'a function', hook)
  }
  if (everySteps !== undefined) requireInteger(owner, 'everySteps', everySteps, 1)
  if (stateDict !== undefined && (typeof name !== 'string' || name === '')) {
    throw torchError(
      'ERR_TORCH_OPTION',
      `${owner}: a callback with a stateDict needs a name, under which checkpoints keep its state; got ${describe(name)}`,
    )
  }
}

/** The names of an object's own and inherited properties. */
function namesOf(object: object): string[] {
  const names: string[] = []
  for (let level: unknown = object; typeof level === 'object' && level !== null; ) {
    if (level === Object.prototype) break
    names.push(...Object.getOwnPropertyNames(level))
    level = Object.getPrototypeOf(level)
  }
  return names
}

/** The callbacks of a `fit`, called one after another, in the context of the caller of `fit`. */
export class Callbacks {
  readonly #callbacks: readonly Callback[]
  readonly #ending: Ending
  readonly #outside: <T>(fn: () => T) => T
  readonly #called = new Map<Callback, number>()
  /** Those of which a hook did not settle when the `fit` was to end. */
  readonly #lost = new Set<Callback>()

  constructor(callbacks: readonly Callback[], ending: Ending) {
    this.#callbacks = callbacks
    this.#ending = ending
    // They draw from the caller's random numbers.
    this.#outside = AsyncResource.bind((fn) => fn())
    const names = callbacks.flatMap(({ name }) => name ?? [])
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (twice === undefined || !isArrayOf(names, (name) => typeof name === 'string')) return
    throw torchError('ERR_TORCH_OPTION', `Trainer: two callbacks have the name '${twice}'`)
  }

  /** Calls a hook of each callback. Awaits only if it must. */
  async call(hook: Exclude<Hook, 'onStepEnd'>, run: Run): Promise<void> {
    // A folder with another's checkpoints is refused before other callbacks begin their files.
    const isFirst = (callback: Callback): boolean => hook === 'onFitStart' && FOLDER in callback
    const ordered = [...this.#callbacks.filter(isFirst), ...this.#callbacks.filter((one) => !isFirst(one))]
    for (const callback of ordered) {
      if (callback[hook] !== undefined) await this.#call(callback, hook, () => callback[hook]?.(run))
    }
  }

  /** Calls `onStepEnd` where it is due, after `settled`. Returns `undefined` if there is nothing to wait for. */
  stepEnd(run: Run, settled?: () => Promise<void>): Promise<void> | undefined {
    const due = this.#callbacks.filter((callback) => callback.onStepEnd !== undefined && this.#isDue(callback, run))
    if (due.some((callback) => !(AHEAD in callback))) return this.#stepEnd(due, run, settled)
    for (const callback of due) callback.onStepEnd?.(run)
    return undefined
  }

  async #stepEnd(due: readonly Callback[], run: Run, settled: (() => Promise<void>) | undefined): Promise<void> {
    await settled?.()
    for (const callback of due) await this.#call(callback, 'onStepEnd', () => callback.onStepEnd?.(run))
  }

  /** Calls a hook and waits for it, unless the `fit` is to end and it does not settle. */
  async #call(callback: Callback, hook: string, fn: () => unknown): Promise<void> {
    if (this.#lost.has(callback)) return
    if (await this.#outside(() => this.#ending.settled(fn))) return
    this.#lost.add(callback)
    const name = callback.name === undefined ? 'a callback' : `the callback '${callback.name}'`
    process.emitWarning(
      `Trainer: ${hook} of ${name} has not settled in time, and the fit is to end: it goes on without this callback`,
      { code: 'TORCH_CALLBACK' },
    )
  }

  #isDue(callback: Callback, run: Run): boolean {
    if (callback.everySteps !== undefined) return run.step % callback.everySteps === 0
    const now = performance.now()
    if (now - (this.#called.get(callback) ?? Number.NEGATIVE_INFINITY) < INTERVAL_MS) return false
    this.#called.set(callback, now)
    return true
  }

  async exception(run: Run, error: unknown): Promise<void> {
    this.#ending.demand()
    for (const callback of this.#callbacks) {
      if (callback.onException === undefined) continue
      try {
        await this.#call(callback, 'onException', () => callback.onException?.(run, error))
      } catch {
        // The first error counts.
      }
    }
  }

  /** Whether one of them writes checkpoints into a folder. */
  savesInto(folder: string): boolean {
    return this.#callbacks.some((callback) => {
      const own: unknown = Reflect.get(callback, FOLDER)
      return typeof own === 'string' && resolve(own) === resolve(folder)
    })
  }

  stateDict(): State {
    return Object.fromEntries(
      this.#callbacks.flatMap((callback) =>
        callback.stateDict === undefined ? [] : [[callback.name as string, callback.stateDict()]],
      ),
    )
  }

  /** Loads what was saved by callbacks of the same names; others keep their state. */
  loadStateDict(states: { readonly [name: string]: State }): void {
    for (const callback of this.#callbacks) {
      const { name } = callback
      const state = name !== undefined && Object.hasOwn(states, name) ? states[name] : undefined
      if (state !== undefined) callback.loadStateDict?.(state)
    }
  }
}
