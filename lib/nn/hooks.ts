import { describe } from '../describe.ts'
import { dispose } from '../dispose.ts'
import { type TorchError, torchError } from '../errors.ts'
import { isPromise } from '../tensor/context.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { type BackwardHook, BackwardPass, type BackwardPreHook } from './backward-hooks.ts'
import type { Module } from './module.ts'
import { PackedSequence } from './utils/packed-sequence.ts'

/** The inputs of a module; any inputs if the module's class is not known. */
export type ForwardInputs<M extends Module> =
  Parameters<M['forward']> extends never[] ? readonly unknown[] : Parameters<M['forward']>

/**
 * A function whose parameters TypeScript compares bivariantly. Otherwise LSTM, whose hooks take its own inputs, would
 * not be a subclass of Module. TypeScript does so for methods, unless they are a mere call signature.
 */
export type HookFunction<Inputs extends readonly unknown[], Result> = {
  method(...inputs: Inputs): Result
}['method'] & {
  readonly name: string
}

/** A function that runs before `forward`. Its result replaces the inputs, unless it is `undefined` or `null`. */
export type ForwardPreHook<M extends Module> = HookFunction<
  [module: M, inputs: ForwardInputs<M>],
  // Not the types of the inputs: otherwise a hook for one network would not fit another with more inputs.
  Tensor | readonly unknown[] | null | undefined
>

/** A function that runs after `forward`. Its result replaces the output, unless it is `undefined` or `null`. */
export type ForwardHook<M extends Module> = HookFunction<
  [module: M, inputs: ForwardInputs<M>, output: ReturnType<M['forward']>],
  ReturnType<M['forward']> | null | undefined
>

/** The same, without a specific module's types. */
export type PreHook = (module: Module, inputs: readonly unknown[]) => unknown

/** The same, without a specific module's types. */
export type Hook = (module: Module, inputs: readonly unknown[], output: unknown) => unknown

export interface HookOptions {
  /** Run before the hooks already registered, instead of after them. Default `false`. */
  prepend?: boolean
}

/**
 * Removes a hook from its module, by `remove()` or, with `using`, at the end of the block.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.utils.hooks.RemovableHandle.html
 */
export class RemovableHandle {
  readonly #remove: () => void

  /** @internal */
  constructor(remove: () => void) {
    this.#remove = remove
  }

  /** Removes the hook. Further calls do nothing. */
  remove(): void {
    this.#remove()
  }

  /** The same as {@link remove}, for `using`. */
  [dispose](): void {
    this.remove()
  }
}

type Forward = (...inputs: readonly unknown[]) => unknown

/** The hooks of each kind. */
interface Kinds {
  before: PreHook
  after: Hook
  backwardPre: BackwardPreHook
  backward: BackwardHook
}

/** Identifies a registration: the same hook may be registered twice. */
interface Entry<Function> {
  readonly hook: Function
}

/**
 * The hooks of one module. Users call `forward` directly, so while hooks exist, the instance has a `forward` property
 * that runs them around the `forward` of its class. Code with a shortcut checks for such properties (`keeps` in
 * inheritance.ts) and then does not use it.
 */
export class Hooks {
  readonly #module: Module
  readonly #entries: { [Kind in keyof Kinds]: readonly Entry<Kinds[Kind]>[] } = {
    before: [],
    after: [],
    backwardPre: [],
    backward: [],
  }
  /** A `forward` that was assigned to the instance and overrides that of its class. */
  #assigned: PropertyDescriptor | undefined

  constructor(module: Module) {
    this.#module = module
  }

  /** Adds a hook: one that runs before or after `forward`, or before or after the gradients of its inputs. */
  add<Kind extends keyof Kinds>(kind: Kind, hook: Kinds[Kind], { prepend = false }: HookOptions): RemovableHandle {
    const entries: Record<Kind, readonly Entry<Kinds[Kind]>[]> = this.#entries
    const entry = { hook }
    entries[kind] = prepend ? [entry, ...entries[kind]] : [...entries[kind], entry]
    this.#install()
    return new RemovableHandle(() => {
      entries[kind] = entries[kind].filter((other) => other !== entry)
      this.#uninstallLast()
    })
  }

  /** Whether there are any, so that `forward` is theirs. */
  get active(): boolean {
    return Object.values(this.#entries).some(({ length }) => length > 0)
  }

  /** The same hooks for a copy of the module, whose `forward` they are to run around. */
  cloneFor(module: Module): Hooks {
    const copy = new Hooks(module)
    Object.assign(copy.#entries, this.#entries)
    if (this.active) {
      copy.#install()
      copy.#assigned = this.#assigned
    }
    return copy
  }

  // Always the same function, so that code comparing `forward` with an earlier value sees no change between two calls.
  readonly #run: Forward = (...inputs) => {
    const module = this.#module
    const { before, backwardPre, backward } = this.#entries
    let given: readonly unknown[] = inputs
    for (const { hook } of before) given = newInputs(module, given, hook(module, given))
    const pass =
      backward.length + backwardPre.length === 0
        ? undefined
        : new BackwardPass(
            module,
            backward.map(({ hook }) => hook),
            backwardPre.map(({ hook }) => hook),
          )
    if (pass !== undefined) given = pass.inputs(given)
    let output = Reflect.apply(this.#forward, module, given) as unknown
    for (const { hook } of this.#entries.after) output = newOutput(module, output, hook(module, given, output))
    return pass === undefined ? output : pass.output(output)
  }

  /** The `forward` without hooks. */
  get #forward(): Forward {
    return this.#assigned?.value ?? (Object.getPrototypeOf(this.#module) as { forward: Forward }).forward
  }

  #install(): void {
    const found = Object.getOwnPropertyDescriptor(this.#module, 'forward')
    if (found?.get?.call(this.#module) === this.#run) return
    this.#assigned = found
    Object.defineProperty(this.#module, 'forward', {
      get: () => this.#run,
      // A `forward` that is assigned while hooks exist still runs between the hooks.
      set: (value: unknown) => {
        this.#assigned = { value, writable: true, enumerable: true, configurable: true }
      },
      configurable: true,
      enumerable: false,
    })
  }

  #uninstallLast(): void {
    if (this.active) return
    const found = Object.getOwnPropertyDescriptor(this.#module, 'forward')
    if (found?.get?.call(this.#module) !== this.#run) return
    if (this.#assigned !== undefined) Object.defineProperty(this.#module, 'forward', this.#assigned)
    else Reflect.deleteProperty(this.#module, 'forward')
  }
}

/** Whether a value can be used in the place of another: tensors for tensors, and as many of them in an array. */
function fits(value: unknown, before: unknown): boolean {
  if (isTensor(before)) return isTensor(value)
  if (before instanceof PackedSequence) return isTensors(value)
  if (!Array.isArray(before)) return true
  // The output alone, without the state.
  if (isTensor(value)) return true
  return Array.isArray(value) && value.length === before.length && before.every((part, i) => fits(value[i], part))
}

const isTensors = (value: unknown): boolean => isTensor(value) || value instanceof PackedSequence

function newInputs(module: Module, before: readonly unknown[], returned: unknown): readonly unknown[] {
  if (returned === null || returned === undefined) return before
  const inputs: unknown[] = Array.isArray(returned) ? returned : [returned]
  // The first input is needed; others may be left out.
  const wrong = before.findIndex(
    (value, i) => isTensors(value) && !isTensors(inputs[i]) && (i === 0 || (inputs[i] ?? null) !== null),
  )
  if (wrong < 0) return inputs
  const wanted = 'undefined, null, the new input, or an array of all inputs'
  throw nonsense(module, 'pre-hook', wanted, Array.isArray(returned) ? inputs[wrong] : returned, wrong)
}

function newOutput(module: Module, before: unknown, returned: unknown): unknown {
  if (returned === null || returned === undefined) return before
  if (fits(returned, before)) return returned
  const form = Array.isArray(before) ? `an array of ${before.length}, in the form of the output` : 'a Tensor'
  throw nonsense(module, 'hook', `undefined, null, or the new output: ${form}`, returned)
}

function nonsense(module: Module, kind: string, wanted: string, returned: unknown, position?: number): TorchError {
  const { name } = module.constructor
  const hint = isPromise(returned) ? '; hooks run within forward and cannot be async' : ''
  const place = position === undefined ? '' : ` for input ${position}`
  return torchError(
    'ERR_TORCH_TYPE',
    `${name}.forward: a forward ${kind} must return ${wanted}, but it returned ${describe(returned)}${place}${hint}`,
    { op: name },
  )
}
