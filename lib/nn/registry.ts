import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { isTensor } from '../tensor/tensor.ts'
import { Buffer, Parameter } from './parameter.ts'

/** What a module registers. */
export type Kind = 'parameter' | 'buffer' | 'child module'

interface Entry {
  kind: Kind
  /** Whether tensors that are assigned to a buffer are in the state dictionary. */
  persistent: boolean
  value: unknown
}

/** What a registered name takes, by its kind. */
const EXPECTED: Record<Kind, string> = {
  parameter: 'nn.Parameter or null',
  buffer: 'nn.Buffer, Tensor or null',
  'child module': 'nn.Module or null',
}

/**
 * The parameters, buffers and child modules of one module. Each becomes a property with a setter, which assigns by the
 * rules of PyTorch's `Module.__setattr__`. `admit` gives what to store for a value that is assigned.
 */
export class Registry {
  readonly #owner: Record<string, unknown>
  readonly #isModule: (value: unknown) => boolean
  readonly #admit: (name: string, value: unknown) => unknown
  readonly #entries = new Map<string, Entry>()

  constructor(
    owner: object,
    isModule: (value: unknown) => boolean,
    admit: (name: string, value: unknown) => unknown = (_, value) => value,
  ) {
    this.#owner = owner as Record<string, unknown>
    this.#isModule = isModule
    this.#admit = admit
    registries.set(owner, this)
  }

  /** The properties of the owner, in their order. Those that hold a parameter, a buffer or a module are registered. */
  scan(): [name: string, value: unknown][] {
    let known = 0
    // Faster than Object.entries if there are getters.
    const properties = Object.keys(this.#owner).map((name): [string, unknown] => {
      const value = this.#owner[name]
      // Other values are most of a module's, and this runs at each step.
      if (typeof value !== 'object') return [name, value]
      const entry = this.#entries.get(name)
      if (entry !== undefined) known++
      const kind = entry?.value === value ? undefined : this.#kindOf(value)
      if (kind !== undefined) this.#claim(name, kind, value)
      return [name, value]
    })
    if (known < this.#entries.size) this.#forgetDeleted()
    return properties
  }

  /** Registers a value under a name, or the name alone if the value is `null`. */
  add(name: string, kind: Kind, value: unknown, persistent = true): void {
    this.#entries.set(name, { kind, persistent, value })
    Object.defineProperty(this.#owner, name, accessorOf(name))
  }

  /** Registers a copy of a value with another module; `false` if the name is not registered. */
  copyTo(other: Registry, name: string, copyOf: <T>(value: T) => T): boolean {
    const entry = this.#entries.get(name)
    if (entry === undefined) return false
    other.add(name, entry.kind, copyOf(entry.value), entry.persistent)
    return true
  }

  /** The value of a registered name. */
  get(name: string): unknown {
    return this.#entries.get(name)?.value
  }

  #claim(name: string, kind: Kind, value: unknown): void {
    const found = Object.getOwnPropertyDescriptor(this.#owner, name)
    // Not for a getter of the user's, or a frozen module.
    if (found?.configurable && found.writable)
      this.add(name, kind, value, !(value instanceof Buffer) || value.persistent)
  }

  #forgetDeleted(): void {
    for (const name of this.#entries.keys()) if (!Object.hasOwn(this.#owner, name)) this.#entries.delete(name)
  }

  /** Assigns to a registered name. */
  set(name: string, given: unknown): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    const value = this.#admit(name, given)
    const kind = this.#kindOf(value)
    const { kind: before, persistent } = entry
    const fits =
      value === null ||
      value === undefined ||
      kind === 'parameter' ||
      kind === before ||
      (before === 'buffer' && (kind === 'child module' || isTensor(value)))
    if (!fits) {
      const hint = before === 'parameter' && isTensor(value) ? '; for a computed weight, delete the property first' : ''
      throw torchError(
        'ERR_TORCH_TYPE',
        `cannot assign ${describe(value)} as ${before} '${name}' (${EXPECTED[before]} expected)${hint}`,
        { op: this.#owner.constructor.name },
      )
    }
    entry.kind = kind ?? before
    entry.value = kind === undefined && isTensor(value) ? new Buffer(value, { persistent }) : value
    if (value instanceof Buffer) entry.persistent = value.persistent
  }

  #kindOf(value: unknown): Kind | undefined {
    if (value instanceof Parameter) return 'parameter'
    if (value instanceof Buffer) return 'buffer'
    return this.#isModule(value) ? 'child module' : undefined
  }
}

const registries = new WeakMap<object, Registry>()
const accessors = new Map<string, PropertyDescriptor>()

/** The accessor of a name, one for all modules: with accessors of their own, V8 makes dictionaries of the modules. */
function accessorOf(name: string): PropertyDescriptor {
  let accessor = accessors.get(name)
  if (accessor === undefined) {
    accessor = {
      get(): unknown {
        return registries.get(this)?.get(name)
      },
      set(value: unknown): void {
        registries.get(this)?.set(name, value)
      },
      enumerable: true,
      configurable: true,
    }
    accessors.set(name, accessor)
  }
  return accessor
}
