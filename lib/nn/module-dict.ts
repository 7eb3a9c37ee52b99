import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { Module } from './module.ts'

/**
 * Modules by name, in the order in which they came, which belong to the module that has it: `heads.price.weight`.
 *
 * @example
 * heads = new nn.ModuleDict({ price: new nn.Linear(8, 1), volume: new nn.Linear(8, 1) })
 * this.heads.get('price').forward(x)
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleDict.html
 */
export class ModuleDict<T extends Record<string, Module> = Record<string, Module>> extends Module {
  // Not properties, as in other modules: so a name may be any word, such as `size` or `get`.
  readonly #modules = new Map<string, Module>()

  constructor(modules: T | Iterable<readonly [name: keyof T & string, module: T[keyof T]]> = {} as T) {
    super()
    this.update(modules)
  }

  protected override *ownEntries(): Generator<[name: string, value: unknown]> {
    yield* super.ownEntries()
    yield* this.#modules
  }

  /**
   * The module of this name.
   * @throws {TorchError} where there is none.
   */
  get<K extends keyof T & string>(name: K): T[K] {
    const found = this.#modules.get(name)
    if (found === undefined) {
      const names = [...this.#modules.keys()].join(', ')
      throw torchError('ERR_TORCH_VALUE', `ModuleDict: no module ${describe(name)}; there are ${names || 'none'}`)
    }
    return found as T[K]
  }

  override addModule(name: string, module: Module): void {
    this.set(name, module as T[string])
  }

  /** Whether there is a module of this name. */
  has(name: string): boolean {
    return this.#modules.has(name)
  }

  /** Adds a module, or puts it in the place of the one of this name. */
  set<K extends keyof T & string>(name: K, module: T[K]): this {
    if (!(module instanceof Module)) {
      throw torchError('ERR_TORCH_TYPE', `${describe(module)} is not a Module subclass`, { op: 'ModuleDict' })
    }
    if (typeof name !== 'string') {
      throw torchError('ERR_TORCH_TYPE', `module name should be a string. Got ${describe(name)}`, { op: 'ModuleDict' })
    }
    if (name.includes('.')) {
      throw torchError('ERR_TORCH_VALUE', `module name can't contain ".", got: ${name}`, { op: 'ModuleDict' })
    }
    if (name === '') {
      throw torchError('ERR_TORCH_VALUE', 'module name can\'t be empty string ""', { op: 'ModuleDict' })
    }
    this.#modules.set(name, module)
    return this
  }

  /** Adds all modules of an object, or of pairs of name and module. */
  update(modules: Partial<T> | Iterable<readonly [name: keyof T & string, module: T[keyof T]]>): this {
    if (typeof modules !== 'object' || modules === null) {
      throw torchError(
        'ERR_TORCH_TYPE',
        `ModuleDict.update should be called with an object or an iterable of key/value pairs, but got ${describe(modules)}`,
        { op: 'ModuleDict' },
      )
    }
    const pairs: unknown[] = Symbol.iterator in modules ? [...modules] : Object.entries(modules)
    for (const pair of pairs) {
      if (!Array.isArray(pair) || pair.length !== 2) {
        throw torchError('ERR_TORCH_TYPE', `ModuleDict: expected pairs of a name and a module, got ${describe(pair)}`)
      }
      this.set(pair[0], pair[1])
    }
    return this
  }

  /** Takes a module out, and returns it. @throws {TorchError} where there is none of this name. */
  pop<K extends keyof T & string>(name: K): T[K] {
    const found = this.get(name)
    this.#modules.delete(name)
    return found
  }

  /** Removes all modules. */
  clear(): void {
    this.#modules.clear()
  }

  get size(): number {
    return this.#modules.size
  }

  /** The names, in the order of insertion. */
  keys(): IterableIterator<keyof T & string> {
    return this.#modules.keys()
  }

  /** The modules, in the order of insertion. */
  values(): IterableIterator<T[keyof T]> {
    return this.#modules.values() as IterableIterator<T[keyof T]>
  }

  /** Names and modules, in the order of insertion. */
  entries(): IterableIterator<[name: keyof T & string, module: T[keyof T]]> {
    return this.#modules.entries() as IterableIterator<[string, T[keyof T]]>
  }

  [Symbol.iterator](): IterableIterator<[name: keyof T & string, module: T[keyof T]]> {
    return this.entries()
  }

  override forward(): never {
    throw torchError('ERR_TORCH_NOT_IMPLEMENTED', 'Module [ModuleDict] is missing the required "forward" function')
  }
}
