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
 * rules of PyTorch's `Module.__setattr__`.
 */
export class Registry {
  readonly #owner: object
  readonly #isModule: (value: unknown) => boolean
  readonly #admit: (name: string, value: unknown) => unknown
  readonly #entries = new Map<string, Entry>()

  /** @param admit what to store for a value that is assigned */
  constructor(
    owner: object,
    isModule: (value: unknown) => boolean,
    admit: (name: string, value: unknown) => unknown = (_, value) => value,
  ) {
    this.#owner = owner
    this.#isModule = isModule
    this.#admit = admit
  }

  /** Registers those properties of the owner that hold a parameter, a buffer or a module. */
  scan(properties: readonly [name: string, value: unknown][]): void {
    let known = 0
    for (const [name, value] of properties) {
      const entry = this.#entries.get(name)
      if (entry !== undefined) known++
      const kind = this.#kindOf(value)
      if (kind === undefined || entry?.value === value) continue
      const found = Object.getOwnPropertyDescriptor(this.#owner, name)
      // Not for a getter of the user's, or a frozen module.
      if (found?.configurable && found.writable) this.#define(name, { kind, persistent: isPersistent(value), value })
    }
    if (known === this.#entries.size) return
    for (const name of this.#entries.keys()) if (!Object.hasOwn(this.#owner, name)) this.#entries.delete(name)
  }

  /** Registers a value under a name, or the name alone if the value is `null`. */
  add(name: string, kind: Kind, value: unknown, persistent = true): void {
    this.#define(name, { kind, persistent, value })
  }

  #define(name: string, entry: Entry): void {
    this.#entries.set(name, entry)
    Object.defineProperty(this.#owner, name, {
      get: () => entry.value,
      set: (value: unknown) => {
        this.#assign(name, entry, this.#admit(name, value))
      },
      enumerable: true,
      configurable: true,
    })
  }

  #assign(name: string, entry: Entry, value: unknown): void {
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

function isPersistent(value: unknown): boolean {
  return !(value instanceof Buffer) || value.persistent
}
