import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { checkBoolean, checkOptions } from '../options.ts'
import { atOnce, noGrad, tidy } from '../tensor/context.ts'
import { full, zerosLike } from '../tensor/creation.ts'
import { type FusedHyper, type FusedLists, fusedStep, zeroGrad } from '../tensor/gradient.ts'
import { type Device, isTensor, keep, type Tensor } from '../tensor/tensor.ts'

/** Tensors that an optimizer keeps for one parameter, by PyTorch's names in camelCase. */
export type ParameterState = Record<string, Tensor>

/** Parameters with settings of their own. */
export type ParamGroup<Settings> = Settings & { params: Tensor[] }

/** What an optimizer is made from: parameters, or groups of them with settings that differ from the common ones. */
export type Params<Settings> = Iterable<Tensor> | readonly (Partial<Settings> & { params: Iterable<Tensor> })[]

export interface OptimizerStateDict<Settings> {
  /** By the parameters' numbers, counted through all groups. */
  state: Record<number, ParameterState>
  paramGroups: (Settings & { params: number[] })[]
}

/** What a gradient scaler and a captured step give to a step: tensors, whose values nothing waits for. */
export interface StepInputs {
  /** What the gradients have been multiplied by, where they are not unscaled yet. */
  gradScale?: Tensor | undefined
  /** 1 where the step is to be left out, else 0. */
  foundInf?: Tensor | undefined
  /** The learning rate of each group. */
  rates?: readonly Tensor[] | undefined
}

/** @internal @throws {TorchError} unless the number is in the range, in PyTorch's words: "Invalid learning rate: -1". */
export function requireRange(what: string, value: unknown, least = 0, below = Number.POSITIVE_INFINITY): void {
  if (!(typeof value === 'number' && value >= least && (value < below || below === Number.POSITIVE_INFINITY))) {
    throw torchError('ERR_TORCH_VALUE', `Invalid ${what}: ${describe(value)}`)
  }
}

/**
 * The base of all optimizers: parameter groups, their state, and the step in one native call per group.
 * @see https://docs.pytorch.org/docs/stable/optim.html#torch.optim.Optimizer
 */
export abstract class Optimizer<Settings extends object = object> {
  /** The groups. Their settings, such as `lr`, can be changed between steps. */
  readonly paramGroups: ParamGroup<Settings>[]
  readonly #state = new Map<Tensor, ParameterState>()
  #revision = 0

  constructor(params: Params<Settings>, options: Partial<Settings>, defaults: Settings) {
    const name = new.target.name
    checkOptions(name, options, Object.keys(defaults))
    const common = { ...defaults, ...options }
    if (isTensor(params) || typeof (params as Iterable<unknown> | undefined)?.[Symbol.iterator] !== 'function') {
      throw torchError(
        'ERR_TORCH_TYPE',
        `params argument given to the optimizer should be an iterable of Tensors or dicts, but got ${describe(params)}`,
      )
    }
    const entries = [...params] as (Tensor | (Partial<Settings> & { params: Iterable<Tensor> }))[]
    if (entries.length === 0) throw torchError('ERR_TORCH_VALUE', 'optimizer got an empty parameter list')
    const grouped = entries.every(
      (entry) => !isTensor(entry) && typeof entry === 'object' && entry !== null && 'params' in entry,
    )
    const groups = grouped
      ? (entries as (Partial<Settings> & { params: Iterable<Tensor> })[])
      : [{ params: entries as Tensor[] } as unknown as Partial<Settings> & { params: Iterable<Tensor> }]
    this.paramGroups = groups.map((group) => {
      checkOptions(name, group, [...Object.keys(defaults), 'params'])
      for (const [option, standard] of Object.entries(defaults)) {
        if (typeof standard === 'boolean') checkBoolean(name, option, { ...common, ...group }[option as keyof Settings])
      }
      return { ...common, ...group, params: isTensor(group.params) ? [group.params] : [...group.params] }
    })
    const seen = new Set<Tensor>()
    for (const group of this.paramGroups) {
      this.check(group)
      for (const param of group.params) this.#admit(param, seen)
    }
  }

  #admit(param: Tensor, seen: Set<Tensor>): void {
    if (!isTensor(param)) {
      throw torchError(
        'ERR_TORCH_TYPE',
        `optimizer can only optimize Tensors, but one of the params is ${describe(param)}`,
      )
    }
    if (!param.isLeaf) throw torchError('ERR_TORCH_VALUE', "can't optimize a non-leaf Tensor")
    if (seen.has(param)) throw torchError('ERR_TORCH_VALUE', 'some parameters appear in more than one parameter group')
    seen.add(param)
  }

  /** @throws {TorchError} for settings that cannot be used. */
  protected abstract check(settings: Settings): void

  /** The names of the tensors in each parameter's state, in the shape of the parameter. */
  protected abstract stateNames(settings: Settings): readonly string[]

  protected abstract fused(settings: Settings): { algorithm: 'sgd' | 'adam' | 'adamw'; hyper: FusedHyper }

  /** Where the counter of a parameter's steps lies: for the fused kernels of Adam, with the parameter. */
  protected counterDevice(param: Tensor): Device {
    return param.device
  }

  /**
   * Changes the parameters by their gradients. Those without a gradient stay as they are.
   *
   * @param inputs What a `GradScaler` or a captured step gives.
   */
  step(inputs: StepInputs = {}): void {
    checkOptions('step', inputs, ['gradScale', 'foundInf', 'rates'])
    const { gradScale, foundInf, rates } = inputs
    this.paramGroups.forEach((group, index) => {
      const { params, ...settings } = group
      const names = this.stateNames(settings as unknown as Settings)
      const states = params.map((param) => this.#stateOf(param, names))
      const lists: Record<string, Tensor[]> = {}
      for (const name of names) {
        lists[name === 'step' ? 'steps' : `${name}s`] = states.map((state) => state[name] as Tensor)
      }
      const { algorithm, hyper } = this.fused(settings as unknown as Settings)
      fusedStep(algorithm, { params, ...lists } as FusedLists, hyper, { gradScale, foundInf, lr: rates?.[index] })
    })
  }

  #stateOf(param: Tensor, names: readonly string[]): ParameterState {
    const known = this.#state.get(param)
    if (known !== undefined && names.every((name) => name in known)) return known
    // A file of PyTorch has no counter of SGD's steps: where there is a momentum, there has been a step.
    const before = known !== undefined && 'momentumBuffer' in known ? 1 : 0
    const state = known ?? {}
    atOnce(() =>
      noGrad(() => {
        for (const name of names) {
          state[name] ??= keep(
            name === 'step' ? full([], before, { device: this.counterDevice(param) }) : zerosLike(param),
          )
        }
      }),
    )
    this.#state.set(param, state)
    this.#revision++
    return state
  }

  /** @internal Grows when tensors of the state are made or replaced. */
  get revision(): number {
    return this.#revision
  }

  /** @internal Moves the state to where the parameters are now. */
  follow(): void {
    for (const [param, state] of this.#state) {
      for (const [name, value] of Object.entries(state)) {
        const device = this.#deviceOf(param, name)
        if (value.device === device) continue
        // The old one may be in someone's state dict.
        state[name] = noGrad(() => keep(value.to(device)))
        this.#revision++
      }
    }
  }

  #deviceOf(param: Tensor, name: string): Device {
    return name === 'step' ? this.counterDevice(param) : param.device
  }

  /** Drops all gradients, or with `setToNone: false` fills them with 0. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    checkOptions('zeroGrad', options, ['setToNone'])
    const { setToNone = true } = options
    checkBoolean('zeroGrad', 'setToNone', setToNone)
    for (const group of this.paramGroups) zeroGrad(group.params, setToNone)
  }

  /** Settings and state by the numbers of the parameters, in PyTorch's layout. The tensors are the optimizer's own. */
  stateDict(): OptimizerStateDict<Settings> {
    const state: Record<number, ParameterState> = {}
    let number = 0
    const paramGroups = this.paramGroups.map((group) => {
      const numbers = group.params.map((param) => {
        const own = this.#state.get(param)
        if (own !== undefined) state[number] = { ...own }
        return number++
      })
      return { ...group, params: numbers }
    })
    return { state, paramGroups }
  }

  /** Takes over settings and a copy of the state of an optimizer of the same shape. */
  loadStateDict(stateDict: OptimizerStateDict<Settings>): void {
    const { paramGroups, state } = stateDict ?? {}
    if (typeof state !== 'object' || state === null) {
      throw torchError('ERR_TORCH_TYPE', `expected the state dict of an optimizer, got ${describe(stateDict)}`)
    }
    for (const value of Object.values(state).flatMap((saved) => Object.values(saved ?? {}))) {
      if (!isTensor(value)) {
        throw torchError('ERR_TORCH_TYPE', `the state of an optimizer is made of Tensors, got ${describe(value)}`)
      }
    }
    if (!Array.isArray(paramGroups) || paramGroups.length !== this.paramGroups.length) {
      throw torchError('ERR_TORCH_VALUE', 'loaded state dict has a different number of parameter groups')
    }
    this.paramGroups.forEach((group, index) => {
      if (paramGroups[index]?.params?.length !== group.params.length) {
        throw torchError(
          'ERR_TORCH_VALUE',
          "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
        )
      }
      const { params: _, ...settings } = paramGroups[index] as Settings & { params: number[] }
      this.check(settings as unknown as Settings)
    })
    this.paramGroups.forEach((group, index) => {
      const { params: numbers, ...settings } = paramGroups[index] as Settings & { params: number[] }
      Object.assign(group, settings)
      group.params.forEach((param, i) => {
        const saved = state[numbers[i] as number]
        if (saved === undefined) return
        this.#revision++
        this.#state.set(
          param,
          tidy(() =>
            noGrad(() =>
              Object.fromEntries(
                Object.entries(saved).map(([name, value]) => [
                  name,
                  keep(
                    value.to({
                      dtype: name === 'step' ? 'float32' : param.dtype,
                      device: this.#deviceOf(param, name),
                      copy: true,
                    }),
                  ),
                ]),
              ),
            ),
          ),
        )
      })
    })
  }
}
