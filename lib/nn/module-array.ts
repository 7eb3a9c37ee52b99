import { isArrayOf } from '../array.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { Module } from './module.ts'

/** Modules in an order, named by their positions: what {@link Sequential} and {@link ModuleList} have in common. */
export abstract class ModuleArray<M extends Module> extends Module {
  [index: number]: M

  override addModule(name: string, module: M): void {
    // To replace a module unseen is what nobody means by adding one.
    if (typeof name === 'string' && name in this) {
      throw torchError('ERR_TORCH_VALUE', `attribute '${name}' already exists`, { op: this.constructor.name })
    }
    super.addModule(name, module)
  }

  /** How many there are. */
  get length(): number {
    return [...this].length
  }

  *[Symbol.iterator](): Generator<M> {
    for (const [, module] of this.childEntries()) yield module as M
  }

  /** One of them; negative numbers count from the end. @throws {TorchError} where there is none. */
  at(index: number): M {
    const modules = [...this]
    const found = Number.isSafeInteger(index) ? modules.at(index) : undefined
    if (found === undefined) {
      throw torchError('ERR_TORCH_INDEX', `index ${describe(index)} is out of range`, { op: this.constructor.name })
    }
    return found
  }

  /** Adds a module at the end. */
  append(module: M): this {
    this.addModule(String(this.length), module)
    return this
  }

  /** Adds modules at the end. */
  extend(modules: Iterable<M>): this {
    if (typeof modules !== 'object' || modules === null || !(Symbol.iterator in modules)) {
      const { name } = this.constructor
      throw torchError(
        'ERR_TORCH_TYPE',
        `${name}.extend should be called with an iterable, but got ${describe(modules)}`,
        { op: name },
      )
    }
    for (const module of [...modules]) this.append(module)
    return this
  }

  /** Puts a module before the one at `index`, which moves with all after it. */
  insert(index: number, module: M): this {
    const modules = this.#numbered()
    if (!Number.isSafeInteger(index) || index < -modules.length || index > modules.length) {
      throw torchError('ERR_TORCH_INDEX', `Index out of range: ${describe(index)}`, { op: this.constructor.name })
    }
    return this.#renumber(modules.toSpliced(index, 0, module))
  }

  /** Takes a module out, the last by default; those after it move. */
  pop(index = -1): M {
    const modules = this.#numbered()
    const found = this.at(index)
    this.#renumber(modules.toSpliced(index, 1))
    return found
  }

  /** The modules, if their names are their positions. */
  #numbered(): M[] {
    const modules = [...this]
    if (modules.some((module, index) => this[index] !== module)) {
      throw torchError('ERR_TORCH_VALUE', 'modules with names of their own have no position to move to', {
        op: this.constructor.name,
      })
    }
    return modules
  }

  #renumber(modules: readonly M[]): this {
    const before = this.length
    if (!isArrayOf(modules, (module) => module instanceof Module)) {
      throw torchError('ERR_TORCH_TYPE', 'module should be of type: Module', { op: this.constructor.name })
    }
    for (let i = 0; i < before; i++) delete this[i]
    for (const [i, module] of modules.entries()) this[i] = module
    return this
  }
}
