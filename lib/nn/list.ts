import { invalid } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { BLANK, blankOf } from './clone.ts'
import { Module } from './module.ts'

/**
 * An ordered list of modules or parameters, named by their positions: the base of the lists and of {@link Sequential}.
 */
export abstract class List<T> extends Module {
  [index: number]: T

  /** @internal */
  static override [BLANK](source: Module): object {
    return blankOf(List, [], source)
  }

  /** Whether a property of this module is an element of the list. */
  protected abstract isElement(value: unknown): value is T

  /** The element to store for `value`. @throws {TorchError} if it cannot be an element. */
  protected abstract elementOf(value: unknown): T

  /** The number of elements. */
  get length(): number {
    return [...this].length
  }

  /** The elements, in order. */
  *[Symbol.iterator](): Generator<T> {
    for (const [, value] of this.ownEntries()) if (this.isElement(value)) yield value
  }

  /** The element at `index`; negative indices count from the end. @throws {TorchError} if out of range. */
  at(index: number): T {
    const elements = [...this]
    const found = Number.isSafeInteger(index) ? elements.at(index) : undefined
    if (found === undefined) {
      throw torchError('ERR_TORCH_INDEX', `index ${describe(index)} is out of range`, { op: this.constructor.name })
    }
    return found
  }

  /** Appends an element. */
  append(element: T): this {
    const name = String(this.length)
    if (name in this) {
      throw torchError('ERR_TORCH_VALUE', `attribute '${name}' already exists`, { op: this.constructor.name })
    }
    Object.assign(this, { [name]: this.elementOf(element) })
    return this
  }

  /** Appends several elements. */
  extend(elements: Iterable<T>): this {
    if (typeof elements !== 'object' || elements === null || !(Symbol.iterator in elements)) {
      throw invalid(`${this.constructor.name}.extend`, 'elements', 'an iterable', elements)
    }
    for (const element of [...elements]) this.append(element)
    return this
  }

  /** Inserts an element at `index`; the elements from there on move up by one. */
  insert(index: number, element: T): this {
    const elements = this.#numbered()
    if (!Number.isSafeInteger(index) || index < -elements.length || index > elements.length) {
      throw torchError('ERR_TORCH_INDEX', `Index out of range: ${describe(index)}`, { op: this.constructor.name })
    }
    return this.#renumber(elements.toSpliced(index, 0, this.elementOf(element)))
  }

  /** Removes and returns an element, by default the last; those after it move down by one. */
  pop(index = -1): T {
    const elements = this.#numbered()
    const found = this.at(index)
    this.#renumber(elements.toSpliced(index, 1))
    return found
  }

  /** The elements, if their names are their positions. */
  #numbered(): T[] {
    const elements = [...this]
    if (elements.some((element, index) => this[index] !== element)) {
      throw torchError('ERR_TORCH_VALUE', 'modules with custom names have no position to move to', {
        op: this.constructor.name,
      })
    }
    return elements
  }

  #renumber(elements: readonly T[]): this {
    const before = this.length
    for (let i = 0; i < before; i++) delete this[i]
    for (const [i, element] of elements.entries()) this[i] = element
    return this
  }
}

/** Base of {@link Sequential} and {@link ModuleList}. */
export abstract class Modules<M extends Module> extends List<M> {
  protected override isElement(value: unknown): value is M {
    return value instanceof Module
  }

  protected override elementOf(value: unknown): M {
    if (value instanceof Module) return value as M
    throw invalid(this.constructor.name, 'module', 'a Module', value)
  }

  override addModule(name: string, module: M): void {
    // Adding a module must not silently replace another one.
    if (typeof name === 'string' && name in this) {
      throw torchError('ERR_TORCH_VALUE', `attribute '${name}' already exists`, { op: this.constructor.name })
    }
    super.addModule(name, module)
  }
}
