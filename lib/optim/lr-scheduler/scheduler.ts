import { inspect } from 'node:util'
import { isArrayOf } from '../../array.ts'
import {
  checkOptions,
  invalid,
  requireDict,
  requireInteger,
  requireNone,
  requireSubclass,
  unknownOption,
} from '../../check.ts'
import { markCopy } from '../../copy.ts'
import { torchError } from '../../errors.ts'
import { opaque } from '../../opaque.ts'
import { isOffloading } from '../../tensor/context.ts'
import { translated } from '../state-dict.ts'
import { changesOf, groupsOf, requireOptimizer, type ScheduledGroup, type ScheduledOptimizer } from './groups.ts'
import { copied, type PlainData, PREPARE, plain, spelled } from './state.ts'

export interface LRSchedulerOptions {
  /**
   * The number of steps already taken, minus one: to resume a training whose optimizer state is loaded. Default -1, the
   * beginning.
   */
  lastEpoch?: number
}

/** The state of a schedule: PyTorch's keys in camelCase, without the underscores of private ones. */
export interface LRSchedulerStateDict {
  /** The learning rate of each group. */
  lastLr: number[]
  [name: string]: PlainData
}

/** Fields of every schedule besides its own state. */
type Field = 'baseLrs' | 'lastEpoch' | 'stepCount' | 'lastLr'

/** Entries of PyTorch's state dicts that tell nothing, or nothing that can differ. */
const INTERNAL = [
  'stepCount',
  'isInitial',
  'getLrCalledWithinStep',
  'verbose',
  'modeWorse',
  'useBeta1',
  'scaleFnRef',
  'annealFunc',
]

/** @internal The keys of what composed schedules call. */
export const INITIAL_STEP = Symbol('INITIAL_STEP')
/** @internal */
export const UPDATE_LR = Symbol('UPDATE_LR')

const EARLY =
  'getLr() also runs within the constructor of LRScheduler, where the fields and private methods of its class are not there yet: pass what it needs to super(optimizer, { … }) and read this.state'

/** What a class's own code throws when it runs too early, with the reason. */
function early(name: string, error: unknown): unknown {
  // The words of V8 for a private field or method that is not there.
  if (!(error instanceof TypeError) || !/private|must be an instance/.test(error.message)) return error
  return torchError('ERR_TORCH_TYPE', `${name}: ${error.message}. ${EARLY}`, { op: name, cause: error })
}

/**
 * The base class of learning-rate schedules. A schedule changes the `lr` of the groups of an optimizer: when it is made,
 * and then at each {@link step}, which belongs after the optimizer's.
 *
 * Your own one implements {@link getLr}. What that needs is passed to the constructor and is found in {@link state},
 * since `getLr` runs within the constructor already; it is in the state dictionary, too. The constructor takes the
 * optimizer, the state at the beginning, and (optionally) the options that the user has given with the defaults of those
 * that may be given besides `lastEpoch`.
 *
 * @example
 * // Vaswani et al., 2017: a linear rise, then 1/√t.
 * class InverseSquareRoot extends optim.lrScheduler.LRScheduler<{ warmup: number }> {
 *   constructor(optimizer: optim.lrScheduler.ScheduledOptimizer, warmup: number) {
 *     super(optimizer, { warmup })
 *   }
 *   protected override getLr(): number[] {
 *     const t = (this.lastEpoch + 1) / this.state.warmup
 *     return this.baseLrs.map((lr) => lr * Math.min(t, 1 / Math.sqrt(t)))
 *   }
 * }
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LRScheduler.html
 */
export abstract class LRScheduler<State extends object = object> {
  static {
    markCopy(LRScheduler)
  }

  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('LRScheduler', 'use stateDict()')
  /** The learning rates at the beginning, `initialLr` of the groups. */
  baseLrs: number[] = []
  /** The number of steps so far. A step may be an epoch, or a step of the optimizer. */
  lastEpoch = -1
  /** The settings, and whatever else {@link getLr} needs to remember. */
  protected readonly state: State
  readonly #optimizer: ScheduledOptimizer
  #lastLr: number[] = []
  #stepCount = 0
  #isInitial = false
  /** The changes to the parameters before the optimizer's first step; `undefined` if that is not watched. */
  #changes: number | undefined

  constructor(
    optimizer: ScheduledOptimizer,
    settings: Partial<State>,
    options: Partial<State> & LRSchedulerOptions = {},
    defaults: Partial<State> = {},
  ) {
    const { name } = new.target
    requireSubclass(new.target, LRScheduler, 'optim.lrScheduler.StepLR', ['getLr'])
    requireOptimizer(name, optimizer)
    checkOptions(name, settings, Object.keys(settings))
    checkOptions(name, options, [...Object.keys(defaults), 'lastEpoch'])
    const { lastEpoch = -1, ...given } = options
    requireInteger(name, 'lastEpoch', lastEpoch, -1)
    this.#optimizer = optimizer
    this.state = { ...settings, ...defaults, ...given } as unknown as State
    this.check(this.state)
    this.start(lastEpoch)
  }

  /** The optimizer whose learning rates change. */
  get optimizer(): ScheduledOptimizer {
    return this.#optimizer
  }

  /** Checks a state, made of arguments or loaded. Default: nothing. */
  protected check(_state: State): void {}

  /**
   * The learning rate of each group at {@link lastEpoch}. Read the rates of the last step by {@link getLastLr} instead:
   * many schedules compute the next ones from the present.
   */
  protected abstract getLr(): number[]

  /** The same as a function of {@link lastEpoch} only, if there is one: where a {@link SequentialLR} begins with it. */
  protected getClosedFormLr(): number[] | undefined {
    return undefined
  }

  /** Whether {@link getLr} is called by the constructor: chainable schedules keep the rates then. */
  protected get isInitial(): boolean {
    return this.#isInitial
  }

  /** The number of calls of {@link step}, with that in the constructor. */
  protected get stepCount(): number {
    return this.#stepCount
  }

  /** The optimizer's groups. */
  protected get groups(): ScheduledGroup[] {
    return groupsOf(this.#optimizer)
  }

  /** The fields that PyTorch saves of this kind of schedule. */
  protected get saved(): readonly Field[] {
    return ['baseLrs', 'lastEpoch', 'stepCount', 'lastLr']
  }

  /** Begins, or goes on after `lastEpoch`. */
  protected start(lastEpoch: number): void {
    this.baseLrs = this.groups.map((group, index) => {
      if (lastEpoch === -1) group.initialLr ??= group.lr
      if (typeof group.initialLr === 'number') return group.initialLr
      throw torchError(
        'ERR_TORCH_VALUE',
        `${this.constructor.name}: param 'initialLr' is not specified in paramGroups[${index}] when resuming scheduler with lastEpoch >= 0: load the optimizer's state first, or make the schedule without lastEpoch and load its state`,
        { op: this.constructor.name },
      )
    })
    this.lastEpoch = lastEpoch
    try {
      this[INITIAL_STEP]()
    } catch (error) {
      throw early(this.constructor.name, error)
    }
    this.#changes = isOffloading() ? undefined : changesOf(this.#optimizer)
  }

  /** @internal The step that is part of the beginning. */
  [INITIAL_STEP](): void {
    this.#stepCount = 0
    this.#isInitial = true
    try {
      this.step()
    } finally {
      this.#isInitial = false
    }
  }

  /**
   * Sets the learning rates of the next epoch or step. Call it after the optimizer's `step`.
   *
   * @throws {TorchError} for an epoch, which only {@link CosineAnnealingWarmRestarts} takes, and for a metric, which only
   *   {@link ReduceLROnPlateau} takes.
   */
  // never, not undefined: these two override it with a parameter.
  step(...none: never[]): void {
    requireNone(`${this.constructor.name}.step`, none)
    // A sequence takes the first step of its schedules back, to epoch -1.
    if (this.#stepCount === 1 && !this.#isInitial && this.lastEpoch >= 0) this.#warnOfOrder()
    this.#stepCount++
    try {
      this[UPDATE_LR]()
    } catch (error) {
      this.#stepCount--
      throw error
    }
  }

  /** PyTorch's warning if nothing has been trained since the schedule was made. */
  #warnOfOrder(): void {
    if (this.#changes === undefined || isOffloading() || changesOf(this.#optimizer) !== this.#changes) return
    process.emitWarning(
      `Detected call of \`${this.constructor.name}.step()\` before \`optimizer.step()\`: no parameter has changed since the schedule was made. Call them in the opposite order, \`optimizer.step()\` first: else the first value of the schedule is skipped.`,
    )
  }

  /** @internal Goes on to the next epoch; with an `epoch`, to that one, by the closed form if there is one. */
  [UPDATE_LR](epoch?: number): void {
    const before = this.lastEpoch
    this.lastEpoch = epoch ?? before + 1
    try {
      this.setLr((epoch === undefined ? undefined : this.getClosedFormLr()) ?? this.getLr())
    } catch (error) {
      this.lastEpoch = before
      throw error
    }
  }

  /** Sets the learning rates of the groups. */
  protected setLr(rates: readonly number[]): void {
    const { groups } = this
    const { name } = this.constructor
    if (!isArrayOf(rates, Number.isFinite)) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${name}: getLr() must return finite numbers at epoch ${this.lastEpoch}, got ${inspect(rates)}. ${EARLY}`,
        { op: name },
      )
    }
    if (rates.length !== groups.length) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${name}: ${rates.length} learning rates for ${groups.length} parameter groups: make a new schedule after adding a group`,
        { op: name },
      )
    }
    groups.forEach((group, index) => {
      group.lr = rates[index] as number
    })
    this.record()
  }

  /** Remembers the groups' learning rates as those of the last step. */
  protected record(): void {
    this.#lastLr = this.groups.map(({ lr }) => lr)
  }

  /** The learning rate of each group as of the last step. */
  getLastLr(): number[] {
    return [...this.#lastLr]
  }

  /** The state, as plain data that JSON can hold. Functions are `null` in it. Save the optimizer's state along. */
  stateDict(...none: undefined[]): LRSchedulerStateDict {
    requireNone('stateDict', none)
    const dict = { ...(plain(this.state, this.constructor.name) as Record<string, PlainData>), ...this.#fields() }
    return dict as LRSchedulerStateDict
  }

  #fields(): Partial<Record<Field, number | number[]>> {
    const { lastEpoch } = this
    const all = { baseLrs: [...this.baseLrs], lastEpoch, stepCount: this.#stepCount, lastLr: this.getLastLr() }
    return Object.fromEntries(this.saved.map((field) => [field, all[field]]))
  }

  /**
   * Loads a state: from {@link stateDict}, or from PyTorch's `state_dict()` read by `torch.load`. It does not change the
   * learning rates of the optimizer, which are part of the optimizer's state.
   *
   * @throws {TorchError} that names what does not fit. Nothing has changed then.
   */
  loadStateDict(stateDict: LRSchedulerStateDict | Readonly<Record<string, unknown>>): void {
    this[PREPARE](stateDict)()
  }

  /** @internal Checks a state, and returns what loads it. */
  [PREPARE](stateDict: unknown): () => void {
    const name = `${this.constructor.name}.loadStateDict`
    const given = this.translate(translated(requireDict(name, 'the state dict', stateDict), name, spelled))
    const fields = this.#fields()
    const known = [...Object.keys(this.state), ...Object.keys(fields)]
    for (const key of Object.keys(given)) {
      if (known.includes(key) || INTERNAL.includes(key)) continue
      throw torchError('ERR_TORCH_OPTION', `${name}: ${unknownOption(key, known)}`, { op: name })
    }
    const commits: (() => void)[] = []
    const state: Record<string, unknown> = {}
    for (const [key, own] of Object.entries(this.state)) {
      if (Object.hasOwn(given, key)) state[key] = copied(`${name}: ${key}`, own, given[key], commits)
      else if (typeof own === 'function' || own === null) state[key] = own
      else throw torchError('ERR_TORCH_VALUE', `${name}: the state dict lacks '${key}'`, { op: name })
    }
    this.check(state as State)
    const { baseLrs, lastEpoch, stepCount, lastLr } = { ...fields, ...this.#readFields(name, given) } as {
      [Name in Field]: never
    }
    return () => {
      for (const commit of commits) commit()
      Object.assign(this.state, state)
      this.baseLrs = baseLrs ?? this.baseLrs
      this.lastEpoch = lastEpoch ?? this.lastEpoch
      this.#stepCount = stepCount ?? this.#stepCount
      this.#lastLr = lastLr
    }
  }

  #readFields(name: string, given: Record<string, unknown>): Record<string, unknown> {
    const { length } = this.groups
    const read: Record<string, unknown> = {}
    for (const field of this.saved) {
      const value = given[field]
      if (field === 'lastEpoch' || field === 'stepCount') requireInteger(name, field, value, -1)
      else if (!isArrayOf(value, Number.isFinite) || value.length !== length) {
        throw invalid(name, field, `an array of ${length} numbers, one for each group`, value)
      }
      read[field] = Array.isArray(value) ? [...value] : value
    }
    return read
  }

  /** A state dict, with the values as they are named here. Default: unchanged. */
  protected translate(stateDict: Record<string, unknown>): Record<string, unknown> {
    return stateDict
  }

  /** The class, and the state. */
  [inspect.custom](): string {
    return `${this.constructor.name} ${inspect(this.stateDict())}`
  }
}
