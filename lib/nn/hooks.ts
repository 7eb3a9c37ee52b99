import { describe } from '../describe.ts'
import { dispose } from '../dispose.ts'
import { torchError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Module } from './module.ts'

/** The inputs of a module; of one whose class is not known, anything. */
export type ForwardInputs<M extends Module> =
  Parameters<M['forward']> extends never[] ? readonly unknown[] : Parameters<M['forward']>

/**
 * A function of which TypeScript compares parameters either way, or LSTM, whose hooks take its inputs, would be no subclass
 * of Module. So it does for methods, unless they are a mere call signature.
 */
export type HookFunction<Inputs extends readonly unknown[], Result> = {
  method(...inputs: Inputs): Result
}['method'] & {
  readonly name: string
}

/** A function that runs before `forward`. Its result replaces the inputs, unless it is `undefined` or `null`. */
export type ForwardPreHook<M extends Module> = HookFunction<
  [module: M, inputs: ForwardInputs<M>],
  // Not the types of the inputs, or a hook for one network would not suit another that takes more.
  Tensor | readonly unknown[] | null | undefined
>

/** A function that runs after `forward`. Its result replaces the output, unless it is `undefined` or `null`. */
export type ForwardHook<M extends Module> = HookFunction<
  [module: M, inputs: ForwardInputs<M>, output: ReturnType<M['forward']>],
  ReturnType<M['forward']> | null | undefined
>

/** The same without the types of a module. */
export type PreHook = (module: Module, inputs: readonly unknown[]) => unknown

/** The same without the types of a module. */
export type Hook = (module: Module, inputs: readonly unknown[], output: unknown) => unknown

export interface HookOptions {
  /** Run before the hooks that are there, instead of after them. Default `false`. */
  prepend?: boolean
}

/**
 * Takes a hook off its module, by `remove()` or at the end of a block with `using`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.utils.hooks.RemovableHandle.html
 */
export class RemovableHandle {
  readonly #remove: () => void

  /** @internal */
  constructor(remove: () => void) {
    this.#remove = remove
  }

  /** Takes the hook off; does nothing the second time. */
  remove(): void {
    this.#remove()
  }

  /** The same as {@link remove}, for `using`. */
  [dispose](): void {
    this.remove()
  }
}

type Forward = (...inputs: readonly unknown[]) => unknown

/** A hook may be registered twice, so it is told by its entry. */
interface Entry<Function> {
  readonly hook: Function
}

/**
 * The hooks of one module. Users call `forward` directly, so while there are hooks, the instance has a `forward` property
 * that runs them around the `forward` of its class. Code with a short cut looks for such properties (`keeps` in
 * inheritance.ts), and does not take it.
 */
export class Hooks {
  readonly #module: Module
  #before: readonly Entry<PreHook>[] = []
  #after: readonly Entry<Hook>[] = []
  /** A `forward` that was assigned to the module, beside that of its class. */
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

  // Always the same function: code that compares `forward` with an earlier one sees no change between two calls.
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
      // A method that is exchanged meanwhile is still called between the hooks.
      set: (value: unknown) => {
        this.#assigned = { value, writable: true, enumerable: true, configurable: true }
      },
      configurable: true,
      enumerable: false,
    })
  }

  #uninstallLast(): void {
    if (this.#before.length + this.#after.length > 0) return
    const found = Object.getOwnPropertyDescriptor(this.#module, 'forward')
    if (found?.get?.call(this.#module) !== this.#run) return
    if (this.#assigned !== undefined) Object.defineProperty(this.#module, 'forward', this.#assigned)
    else Reflect.deleteProperty(this.#module, 'forward')
  }
}

/** The result of a hook, `undefined` if it changes nothing. */
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
