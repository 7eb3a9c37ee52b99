import { types } from 'node:util'
import { isPlain } from '../check.ts'
import { torchError } from '../errors.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { Buffer, Parameter } from './parameter.ts'

/**
 * The static method that makes the object which a copy begins as. A class with private fields or methods has its own,
 * since only its constructor gives them to an object.
 */
export const BLANK = Symbol('BLANK')

/** The method that copies a module as a part of a larger copy. */
export const COPY = Symbol('COPY')
/** The method that is called on a copy with the properties of its source, to copy what is kept elsewhere. */
export const COPIED = Symbol('COPIED')

/** @internal A module, as copying sees it. */
export interface Cloneable {
  clone(): object
  [COPY](copies: Copies): object
}

type Constructor = abstract new (...args: never[]) => object

/** An object of the class of `source`, of whose constructors only that of `Class` and those above have run. */
export function blankOf(Class: Constructor, args: readonly unknown[], source: object): object {
  return Reflect.construct(Class as new () => object, args, source.constructor) as object
}

function isCloneable(value: object): value is Cloneable {
  return typeof value.constructor === 'function' && BLANK in value.constructor
}

/** Copies values, each object once: what was shared is shared by the copies, too. */
export class Copies {
  readonly #made = new Map<object, object>()
  readonly #standard: () => object

  /** @param standard the `clone` of modules that do not override it */
  constructor(standard: () => object) {
    this.#standard = standard
  }

  /** Notes that `copy` is the copy of `source`, before its parts are copied: they may refer to it. */
  note(source: object, copy: object): void {
    this.#made.set(source, copy)
  }

  /**
   * The copy of tensors, modules, arrays, plain objects, maps, sets, dates and typed arrays; functions and other objects
   * themselves.
   */
  copy<T>(value: T): T {
    if (typeof value !== 'object' || value === null) return value
    const known = this.#made.get(value)
    if (known !== undefined) return known as T
    const made = this.#copyOf(value)
    this.note(value, made)
    return made as T
  }

  #copyOf(value: object): object {
    if (isTensor(value)) return copyTensor(value)
    if (isCloneable(value)) return value.clone === this.#standard ? value[COPY](this) : value.clone()
    if (Array.isArray(value)) {
      return this.#fill(value, [] as unknown[], (copy) => {
        for (const item of value as unknown[]) copy.push(this.copy(item))
      })
    }
    if (types.isMap(value)) {
      return this.#fill(value, new Map(), (copy) => {
        for (const [key, item] of value) copy.set(this.copy(key), this.copy(item))
      })
    }
    if (types.isSet(value)) {
      return this.#fill(value, new Set(), (copy) => {
        for (const item of value) copy.add(this.copy(item))
      })
    }
    if (types.isDate(value)) return new Date(value)
    if (types.isTypedArray(value)) return value.slice()
    if (!isPlain(value)) return value
    return this.#fill(value, Object.create(Object.getPrototypeOf(value)) as object, (copy) => {
      this.properties(value, copy)
    })
  }

  #fill<C extends object>(source: object, copy: C, fill: (copy: C) => void): C {
    this.note(source, copy)
    fill(copy)
    return copy
  }

  /** Gives `target` copies of the own properties of `source`, in their order, except those that `handles` takes on. */
  properties(source: object, target: object, handles: (name: string) => boolean = () => false): void {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(source))) {
      if (handles(name)) continue
      const copied = 'value' in property ? { ...property, value: this.copy(property.value) } : property
      Object.defineProperty(target, name, copied)
    }
  }
}

/** Parameters without their gradients, other tensors with them, as copy.deepcopy does. */
function copyTensor(source: Tensor): Tensor {
  if (!source.isLeaf) {
    throw torchError(
      'ERR_TORCH_RUNTIME',
      'Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment: detach() it first',
      { op: 'clone' },
    )
  }
  const values = source.detach().clone()
  if (source instanceof Parameter) return new Parameter(values, { requiresGrad: source.requiresGrad })
  const copy = source instanceof Buffer ? new Buffer(values, { persistent: source.persistent }) : values
  if (source.requiresGrad) copy.requiresGrad_()
  const gradient = source.grad
  if (gradient !== null) copy.grad = gradient.detach().clone()
  return copy
}
