import { describe } from '../describe.ts'
import { dispose } from '../dispose.ts'
import { torchError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Module } from './module.ts'

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
  #before: readonly Entry<PreHook>[] = []
  #after: readonly Entry<Hook>[] = []
  /** A `forward` that was assigned to the instance and overrides that of its class. */
  #assigned: PropertyDescriptor | undefined

  constructor(module: Module) {
    this.#module = module
  }

  /** Adds a hook that runs before `forward`. */
  before(hook: PreHook, { prepend = false }: HookOptions): RemovableHandle {
    const entry = { hook }
    this.#before = prepend ? [entry, ...this.#before] : [...this.#before, entry]
    this.#install()
    return new RemovableHandle(() => {
      this.#before = this.#before.filter((other) => other !== entry)
      this.#uninstallLast()
    })
  }

  /** Adds a hook that runs after `forward`. */
  after(hook: Hook, { prepend = false }: HookOptions): RemovableHandle {
    const entry = { hook }
    this.#after = prepend ? [entry, ...this.#after] : [...this.#after, entry]
    this.#install()
    return new RemovableHandle(() => {
      this.#after = this.#after.filter((other) => other !== entry)
      this.#uninstallLast()
    })
  }

  /** Whether there are any, so that `forward` is theirs. */
  get active(): boolean {
    return this.#before.length + this.#after.length > 0
  }

  /** The same hooks for a copy of the module, whose `forward` they are to run around. */
  cloneFor(module: Module): Hooks {
    const copy = new Hooks(module)
    copy.#before = this.#before
    copy.#after = this.#after
    if (this.active) {
      copy.#install()
      copy.#assigned = this.#assigned
    }
    return copy
  }

  // Always the same function, so that code comparing `forward` with an earlier value sees no change between two calls.
  readonly #run: Forward = (...inputs) => {
    const module = this.#module
    let given: readonly unknown[] = inputs
    for (const { hook } of this.#before) {
      const changed = answer(module, 'pre-hook', hook(module, given))
      if (changed !== undefined) given = Array.isArray(changed) ? changed : [changed]
    }
    let output = Reflect.apply(this.#forward, module, given) as unknown
    for (const { hook } of this.#after) {
      const changed = answer(module, 'hook', hook(module, given, output))
      if (changed !== undefined) output = changed
    }
    return output
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

/** The result of a hook, or `undefined` if it changes nothing. */
function answer(module: Module, kind: string, value: unknown): unknown {
  if (value === null) return undefined
  if (typeof (value as { then?: unknown } | undefined)?.then !== 'function') return value
  const { name } = module.constructor
  throw torchError(
    'ERR_TORCH_TYPE',
    `${name}.forward: a ${kind} returned ${describe(value)}; hooks run within forward and cannot be async`,
    { op: name },
  )
}
