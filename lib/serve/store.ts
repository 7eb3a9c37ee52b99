/**
 * Where the states of sessions are kept that are not in memory: a table of bytes by the session's id. Its methods may be
 * those of a database or a cache; what they throw, or reject with, is
 * the cause of the `ERR_TORCH_RUNTIME` with which the step that needs them rejects.
 */
export interface SessionStore {
  /** The bytes that were saved under an id, or undefined (or null) if there are none. */
  load(id: string): Promise<Uint8Array | null | undefined> | Uint8Array | null | undefined
  /** Keeps the bytes under an id, instead of those before. */
  save(id: string, bytes: Uint8Array): Promise<unknown> | unknown
  /** Forgets an id, which it need not know. */
  delete(id: string): Promise<unknown> | unknown
}

/** A store in the memory of this process: for tests, and to bring sessions from one server to the next. */
export class MemoryStore implements SessionStore {
  readonly #saved = new Map<string, Uint8Array>()

  /** How many states it has. */
  get size(): number {
    return this.#saved.size
  }

  /** {@inheritDoc SessionStore.load} */
  load(id: string): Uint8Array | undefined {
    return this.#saved.get(id)
  }

  /** {@inheritDoc SessionStore.save} */
  save(id: string, bytes: Uint8Array): void {
    this.#saved.set(id, bytes)
  }

  /** {@inheritDoc SessionStore.delete} */
  delete(id: string): void {
    this.#saved.delete(id)
  }
}
