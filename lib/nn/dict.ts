import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { BLANK, blankOf, type Copies } from './clone.ts'
import { Module } from './module.ts'

/** Pairs of name and value, or an object that maps names to values. */
export type DictEntries<T> = T | Iterable<readonly [name: keyof T & string, value: T[keyof T]]>

/** Modules or parameters by name, in insertion order: the base of {@link ModuleDict} and {@link ParameterDict}. */
export abstract class Dict<T extends Record<string, unknown>> extends Module {
  // Not stored as properties, unlike in other modules, so that any name is allowed, even `size` or `get`.
  readonly #values = new Map<string, T[keyof T]>()

  /** The name of the values in errors. */
  protected abstract get kind(): 'module' | 'parameter'

  /** The module or parameter to store for `value`. @throws {TorchError} if it cannot become one. */
  protected abstract elementOf(value: unknown): T[keyof T]

  /** @internal */
  static override [BLANK](source: Module): object {
    return blankOf(Dict, [], source)
  }

  /** @internal */
  protected override onCloned(source: this, copies: Copies): void {
    for (const [name, value] of source.#values) this.#values.set(name, copies.copy(value))
  }

  protected override *ownEntries(): Generator<[name: string, value: unknown]> {
    yield* super.ownEntries()
    yield* this.#values
  }

  /**
   * The value of this name.
   * @throws {TorchError} if the name is unknown.
   */
  get<K extends keyof T & string>(name: K): T[K] {
    const found = this.#values.get(name)
    if (found !== undefined) return found as T[K]
    const names = [...this.#values.keys()].join(', ')
    const { name: op } = this.constructor
    throw torchError('ERR_TORCH_VALUE', `${op}: no ${this.kind} ${describe(name)}; there are ${names || 'none'}`, {
      op,
    })
  }

  /** Whether the name exists. */
  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** Adds a value, or replaces the one with this name. */
  set<K extends keyof T & string>(name: K, value: T[K]): this {
    const { name: op } = this.constructor
    const stored = this.elementOf(value)
    if (typeof name !== 'string') {
      throw torchError('ERR_TORCH_TYPE', `${this.kind} name should be a string. Got ${describe(name)}`, { op })
    }
    if (name.includes('.')) {
      throw torchError('ERR_TORCH_VALUE', `${this.kind} name can't contain ".", got: ${name}`, { op })
    }
    if (name === '') throw torchError('ERR_TORCH_VALUE', `${this.kind} name can't be empty string ""`, { op })
    this.#values.set(name, stored)
    return this
  }

  /** Adds all values of an object, or of pairs of name and value. */
  update(values: DictEntries<Partial<T>>): this {
    const { name: op } = this.constructor
    if (typeof values !== 'object' || values === null) {
      throw torchError(
        'ERR_TORCH_TYPE',
        `${op}.update should be called with an object or an iterable of key/value pairs, but got ${describe(values)}`,
        { op },
      )
    }
    const pairs: unknown[] = Symbol.iterator in values ? [...values] : Object.entries(values)
    for (const pair of pairs) {
      if (!Array.isArray(pair) || pair.length !== 2) {
        throw torchError('ERR_TORCH_TYPE', `${op}: expected pairs of a name and a ${this.kind}, got ${describe(pair)}`)
      }
      this.set(pair[0], pair[1])
    }
    return this
  }

  /** Removes a value and returns it. @throws {TorchError} if the name is unknown. */
  pop<K extends keyof T & string>(name: K): T[K] {
    const found = this.get(name)
    this.#values.delete(name)
    return found
  }

  /** Removes all values. */
  clear(): void {
    this.#values.clear()
  }

  /** The number of values. */
  get size(): number {
    return this.#values.size
  }

  /** The names, in insertion order. */
  keys(): IterableIterator<keyof T & string> {
    return this.#values.keys()
  }

  /** The values, in insertion order. */
  values(): IterableIterator<T[keyof T]> {
    return this.#values.values()
  }

  /** Pairs of name and value, in insertion order. */
  entries(): IterableIterator<[name: keyof T & string, value: T[keyof T]]> {
    return this.#values.entries()
  }

  /** Pairs of name and value, in insertion order. */
  [Symbol.iterator](): IterableIterator<[name: keyof T & string, value: T[keyof T]]> {
    return this.entries()
  }
}
