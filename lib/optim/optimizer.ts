import { inspect } from 'node:util'
import { checkOptions, requireBoolean, requireNone, requireSubclass } from '../check.ts'
import { markCopy } from '../copy.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { python, snakeCase } from '../nn/repr.ts'
import { opaque } from '../opaque.ts'
import { atOnce, noGrad, tidy } from '../tensor/context.ts'
import { full, zerosLike } from '../tensor/creation.ts'
import { zeroGrad } from '../tensor/gradient.ts'
import { tensorOp } from '../tensor/packet.ts'
import { type Device, isTensor, keep, type Tensor } from '../tensor/tensor.ts'
import { readStateDict } from './state-dict.ts'

/** Tensors that an optimizer keeps for one parameter, by PyTorch's names in camelCase. */
export type ParameterState = Record<string, Tensor>

/** Parameters with their own settings. */
export type ParamGroup<Settings> = Settings & {
  params: Tensor[]
  /** The names of the parameters, if they were given with names. */
  paramNames?: string[]
  /** The learning rate at the beginning of a schedule: see `optim.lrScheduler`. */
  initialLr?: number
}

/** Parameters, alone or with names: `module.parameters()`, `module.namedParameters()`. */
export type ParamList = Iterable<Tensor> | Iterable<readonly [string, Tensor]>

/** Parameters with settings that differ from the common ones. */
export type ParamGroupOptions<Settings> = Partial<Settings> & { params: ParamList }

/** The first argument of an optimizer: parameters, or groups of them. */
export type Params<Settings> = ParamList | readonly ParamGroupOptions<Settings>[]

export interface OptimizerStateDict<Settings> {
  /** By the indices of the parameters, counted over all groups. */
  state: Record<number, ParameterState>
  paramGroups: (Settings & { params: number[]; paramNames?: string[] })[]
}

/** What a gradient scaler and a captured step pass to a step: tensors, so that nothing waits for their values. */
export interface StepInputs {
  /** The factor of the gradients, if they are not unscaled yet. */
  gradScale?: Tensor | undefined
  /** 1 to skip the step, else 0. */
  foundInf?: Tensor | undefined
  /** The learning rate of each group. */
  rates?: readonly Tensor[] | undefined
}

/**
 * @internal Checks the settings of all groups, which can be changed at any time. Those that have not changed since the
 * last check cost next to nothing.
 * @throws {TorchError} for a setting that the constructor would refuse.
 */
export let checkGroups: (optimizer: Optimizer) => void
/** @internal A number that increases when tensors of the state are created or replaced. */
export let revisionOf: (optimizer: Optimizer) => number
/** @internal Moves the state to where the parameters are now. */
export let moveState: (optimizer: Optimizer) => void

/**
 * The base class of all optimizers: parameter groups, the state of each parameter, and a step that passes them to
 * {@link update}.
 *
 * @example
 * // A custom optimizer: its settings, its state tensors, and the update of a parameter.
 * class Momentum extends optim.Optimizer<{ lr: number; momentum: number }> {
 *   protected override readonly stateFields = ['velocity']
 *   constructor(params: optim.Params<{ lr: number; momentum: number }>) {
 *     super(params, {}, { lr: 0.1, momentum: 0.9 })
 *   }
 *   protected override update(parameter: Tensor, gradient: Tensor, { velocity }: optim.ParameterState, group) {
 *     velocity.mul_(group.momentum).add_(gradient)
 *     parameter.sub_(velocity, { alpha: group.lr })
 *   }
 * }
 * @see https://docs.pytorch.org/docs/stable/optim.html#torch.optim.Optimizer
 */
export abstract class Optimizer<Settings extends object = object> {
  static {
    markCopy(Optimizer)
    checkGroups = (optimizer) => optimizer.#checkGroups()
    revisionOf = (optimizer) => optimizer.#revision
    moveState = (optimizer) => optimizer.#moveState()
  }

  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('Optimizer', 'use stateDict()')
  /** The groups. Their settings, such as `lr`, can be changed between steps. */
  readonly paramGroups: ParamGroup<Settings>[] = []
  readonly #defaults: Settings
  readonly #names: readonly string[]
  readonly #booleans: readonly string[]
  readonly #state = new Map<Tensor, ParameterState>()
  /** The settings of each group as they were when they were last checked. */
  readonly #checked = new WeakMap<object, unknown[]>()
  #revision = 0

  constructor(params: Params<Settings>, options: Partial<Settings>, defaults: Settings, none: readonly unknown[] = []) {
    requireSubclass(new.target, Optimizer, 'optim.SGD', ['update'])
    const { name } = new.target
    checkOptions(name, options, Object.keys(defaults))
    requireNone(name, none)
    this.#defaults = { ...defaults, ...options }
    this.#names = Object.keys(defaults)
    this.#booleans = Object.keys(defaults).filter((option) => typeof defaults[option as keyof Settings] === 'boolean')
    const entries = listOf(params, name)
    if (entries.length === 0) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${name}: got no parameters. parameters() can be iterated only once; layers must be properties of their module or in a ModuleList; weights must be nn.Parameter`,
      )
    }
    const grouped = entries.every(
      (entry) => !isTensor(entry) && typeof entry === 'object' && entry !== null && 'params' in entry,
    )
    const groups = grouped ? entries : [{ params: entries }]
    for (const group of groups) this.addParamGroup(group as ParamGroupOptions<Settings>)
  }

  /**
   * Adds parameters to train, with their own settings: for example, a layer that was frozen until now.
   *
   * @throws {TorchError} for parameters that already have a group, and for everything the constructor rejects.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.add_param_group.html
   */
  addParamGroup(group: ParamGroupOptions<Settings>): void {
    const name = this.constructor.name
    checkOptions(name, group, [...Object.keys(this.#defaults), 'params'])
    const { params: given, ...settings } = group
    const params: Tensor[] = []
    const paramNames: string[] = []
    for (const entry of isTensor(given) ? [given] : listOf(given, name)) {
      const [param, paramName] = isNamed(entry) ? [entry[1], entry[0]] : [entry]
      params.push(this.#admit(param, params))
      if (paramName !== undefined) paramNames.push(paramName)
    }
    if (paramNames.length !== 0 && paramNames.length !== params.length) {
      throw torchError('ERR_TORCH_VALUE', `${name}: either all parameters of a group have names, or none`)
    }
    const made = { ...this.#defaults, ...settings, params } as ParamGroup<Settings>
    if (paramNames.length > 0) made.paramNames = paramNames
    this.#checkSettings(made)
    this.paramGroups.push(made)
  }

  #admit(param: unknown, group: readonly Tensor[]): Tensor {
    const { name } = this.constructor
    if (!isTensor(param)) {
      throw torchError('ERR_TORCH_TYPE', `${name}: params must be Tensors, but one of them is ${describe(param)}`)
    }
    if (!param.isLeaf) throw torchError('ERR_TORCH_VALUE', `${name}: can't optimize a non-leaf Tensor`)
    if (group.includes(param)) {
      throw torchError('ERR_TORCH_VALUE', `${name}: a parameter appears more than once in a parameter group`)
    }
    if (this.paramGroups.some(({ params }) => params.includes(param))) {
      throw torchError('ERR_TORCH_VALUE', `${name}: some parameters appear in more than one parameter group`)
    }
    return param
  }

  #checkSettings(settings: Settings): void {
    for (const option of this.#booleans) {
      requireBoolean(this.constructor.name, option, settings[option as keyof Settings])
    }
    this.check(settings)
  }

  #checkGroups(): void {
    for (const group of this.paramGroups) {
      const before = this.#checked.get(group)
      const settings = this.#names.map((name) => group[name as keyof Settings] as unknown)
      if (before !== undefined && settings.every((value, i) => isSame(value, before[i]))) continue
      this.#checkSettings(group)
      this.#checked.set(
        group,
        settings.map((value) => (Array.isArray(value) ? [...value] : value)),
      )
    }
  }

  /** Checks the settings of a group, in addition to the types of boolean ones. Default: nothing. */
  protected check(_settings: Settings): void {}

  /** The names of the tensors in the state of a parameter. They have its shape, and start with zeros. */
  protected abstract readonly stateFields: readonly string[]

  /** Those of {@link stateFields} that are single float32 numbers. */
  protected readonly singleFields: readonly string[] = ['step']

  /** The value with which a tensor of the state starts, in all elements. Default 0. */
  protected initial(_field: string, _settings: Settings): number {
    return 0
  }

  /** Whether the settings of a group need this tensor of {@link stateFields}. */
  protected keeps(_field: string, _settings: Settings): boolean {
    return true
  }

  /**
   * Updates a parameter and the tensors of its state in place, using its gradient. It runs without recording gradients,
   * and the tensors it creates are disposed.
   */
  protected abstract update(parameter: Tensor, gradient: Tensor, state: ParameterState, settings: Settings): void

  /** The device of the single numbers in a parameter's state. */
  protected singleDevice(param: Tensor): Device {
    return param.device
  }

  /**
   * Updates the parameters by their gradients. Parameters without a gradient do not change.
   *
   * @param inputs what a captured step passes. A `GradScaler` passes inputs only to fused optimizers; for others it
   *   unscales and skips by itself
   */
  step(inputs: StepInputs = {}): void {
    // The rates are those of the groups.
    checkOptions('step', inputs, ['rates'])
    this.#checkGroups()
    noGrad(() =>
      tidy(() => {
        for (const group of this.paramGroups) {
          for (const param of group.params) {
            const gradient = param.grad
            if (gradient !== null) this.update(param, gradient, this.stateOf(param, group), group)
          }
        }
      }),
    )
  }

  /** The state of a parameter; missing tensors are created. */
  protected stateOf(param: Tensor, settings: Settings): ParameterState {
    const known = this.#state.get(param)
    const names = this.stateFields.filter((name) => this.keeps(name, settings))
    if (known !== undefined && names.every((name) => name in known)) return known
    // PyTorch's files have no step counter for SGD: if there is a momentum buffer, there has been a step.
    const before = known !== undefined && 'momentumBuffer' in known ? 1 : 0
    const state = known ?? {}
    atOnce(() =>
      noGrad(() => {
        for (const name of names) {
          const value = name === 'step' ? before : this.initial(name, settings)
          state[name] ??= keep(
            this.singleFields.includes(name)
              ? full([], value, { dtype: 'float32', device: this.singleDevice(param) })
              : filledLike(param, value),
          )
        }
      }),
    )
    this.#state.set(param, state)
    this.#revision++
    return state
  }

  #moveState(): void {
    for (const [param, state] of this.#state) {
      for (const [name, value] of Object.entries(state)) {
        const device = this.#deviceOf(param, name)
        if (value.device === device) continue
        // The old tensor may be in someone's state dict.
        state[name] = noGrad(() => keep(value.to(device)))
        this.#revision++
      }
    }
  }

  #deviceOf(param: Tensor, name: string): Device {
    return this.singleFields.includes(name) ? this.singleDevice(param) : param.device
  }

  /** Drops all gradients, or with `setToNone: false` fills them with 0. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    checkOptions('zeroGrad', options, ['setToNone'])
    const { setToNone = true } = options
    requireBoolean('zeroGrad', 'setToNone', setToNone)
    for (const group of this.paramGroups) zeroGrad(group.params, setToNone)
  }

  /** Settings, and state by parameter index, in PyTorch's layout. The tensors are the optimizer's own, not copies. */
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

  /**
   * Loads the settings and a copy of the state of an optimizer with as many parameters in each group: from
   * {@link stateDict}, or from PyTorch's `state_dict()` read by `torch.load`. The previous state is dropped.
   *
   * @throws {TorchError} that names the mismatch: groups, settings, names or shapes of the state. Nothing has changed
   *   then.
   */
  loadStateDict(stateDict: OptimizerStateDict<Settings>): void {
    const loaded = readStateDict<Settings>(stateDict, {
      optimizer: this.constructor.name,
      groups: this.paramGroups,
      settings: Object.keys(this.#defaults),
      fields: this.stateFields,
      singles: this.singleFields,
      keeps: (field, settings) => this.keeps(field, settings),
      check: (settings) => this.#checkSettings(settings),
    })
    const state = tidy(() =>
      noGrad(() => loaded.state.map(([param, tensors]) => [param, this.#copy(param, tensors)] as const)),
    )
    this.paramGroups.forEach((group, index) => {
      Object.assign(group, loaded.settings[index])
    })
    this.#state.clear()
    for (const [param, own] of state) this.#state.set(param, own)
    this.#revision++
  }

  #copy(param: Tensor, tensors: Record<string, Tensor | number>): ParameterState {
    const copies = Object.entries(tensors).map(([name, value]) => {
      const device = this.#deviceOf(param, name)
      const single = this.singleFields.includes(name)
      const dtype = single ? 'float32' : param.dtype
      const copy = isTensor(value)
        ? value.to({ dtype, device, copy: true }).reshape(single ? [] : param.shape)
        : full([], value, { dtype, device })
      return [name, keep(copy)] as const
    })
    return Object.fromEntries(copies)
  }

  /** A setting as PyTorch prints it. */
  protected line(name: string, value: unknown): string {
    return `${snakeCase(name)}: ${python(value)}`
  }

  /** As PyTorch prints optimizers: the settings of each group. */
  toString(): string {
    const groups = this.paramGroups.map(({ params: _, ...settings }, index) => {
      const lines = Object.entries(settings).map(([name, value]) => `    ${this.line(name, value)}`)
      return [`Parameter Group ${index}`, ...lines.sort()].join('\n')
    })
    return `${this.constructor.name} (\n${groups.join('\n\n')}\n)`
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

const viewAsReal = tensorOp('aten::view_as_real')

/** For complex numbers, both parts get the value, as in PyTorch. */
function filledLike(param: Tensor, value: number): Tensor {
  const made = zerosLike(param)
  if (value !== 0) tidy(() => void (made.isComplex() ? viewAsReal(made) : made).fill_(value))
  return made
}

/** Whether a setting is as before; arrays are compared by their elements. */
function isSame(value: unknown, before: unknown): boolean {
  if (!Array.isArray(value) || !Array.isArray(before)) return value === before
  return value.length === before.length && value.every((element, i) => element === before[i])
}

function isNamed(entry: unknown): entry is readonly [string, unknown] {
  return Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string'
}

function listOf(params: unknown, optimizer: string): unknown[] {
  if (!isTensor(params) && typeof (params as Iterable<unknown> | undefined)?.[Symbol.iterator] === 'function') {
    return [...(params as Iterable<unknown>)]
  }
  const hint =
    typeof (params as { parameters?: unknown } | null)?.parameters === 'function' ? ': pass its parameters()' : ''
  throw torchError(
    'ERR_TORCH_TYPE',
    `${optimizer}: params argument given to the optimizer should be an iterable of Tensors or groups of them, but got ${describe(params)}${hint}`,
  )
}
