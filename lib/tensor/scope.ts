import { native } from './binding.ts'
import { listOf } from './ids.ts'
import type { Tensor } from './tensor.ts'

/** Gives a scope access to private fields of tensors; provided by `tensor.ts`. */
export interface ScopeAccess {
  isTensor(value: unknown): value is Tensor
  /** The scope that will dispose the tensor. */
  scopeOf(tensor: Tensor): Scope | undefined
  /** Moves the tensor to another scope, or leaves it to the garbage collector. */
  move(tensor: Tensor, scope: Scope | undefined): void
  /** Marks the tensor as disposed, with the reason. Returns its id, or -1 if it was already disposed. */
  forget(tensor: Tensor, failed: boolean): number
}

let access: ScopeAccess

export function grantAccess(granted: ScopeAccess): void {
  access = granted
}

/** The tensors that were created during one `tidy`. */
export class Scope {
  readonly #parent: Scope | undefined
  #tensors: Tensor[] = []
  #closed = false

  constructor(parent: Scope | undefined) {
    this.#parent = parent
  }

  /** The scope for tensors created now: after an async `tidy` has ended, remaining work belongs to its parent. */
  get open(): Scope | undefined {
    return this.#closed ? this.#parent?.open : this
  }

  add(tensor: Tensor): void {
    this.#tensors.push(tensor)
  }

  /** Moves all tensors to the parent. */
  dissolve(): void {
    this.#closed = true
    const parent = this.#parent?.open
    for (const tensor of this.#tensors) {
      if (access.scopeOf(tensor) === this) access.move(tensor, parent)
    }
    this.#tensors = []
  }

  /**
   * Disposes all tensors except those found in `result`, which move to the parent. `failed`: there is no result because
   * of an error.
   */
  close(result: unknown, failed = false): void {
    this.#closed = true
    const parent = this.#parent?.open
    for (const tensor of tensorsIn(result)) {
      if (access.scopeOf(tensor) === this) access.move(tensor, parent)
    }
    const ids: number[] = []
    for (const tensor of this.#tensors) {
      if (access.scopeOf(tensor) !== this) continue
      const id = access.forget(tensor, failed)
      if (id >= 0) ids.push(id)
    }
    this.#tensors = []
    if (ids.length > 0) native.release(listOf(ids))
  }
}

function* tensorsIn(value: unknown, seen = new Set<unknown>()): Generator<Tensor> {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  if (access.isTensor(value)) {
    yield value
    return
  }
  seen.add(value)
  if (Array.isArray(value) || value instanceof Set) {
    for (const element of value) yield* tensorsIn(element, seen)
  } else if (value instanceof Map) {
    for (const element of value.values()) yield* tensorsIn(element, seen)
  } else if (!ArrayBuffer.isView(value)) {
    for (const element of Object.values(value)) yield* tensorsIn(element, seen)
  }
}
