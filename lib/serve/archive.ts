import { isNativeError } from 'node:util/types'
import { messageOf, TorchError, torchError } from '../errors.ts'
import { inGroups } from './groups.ts'
import type { Patience } from './patience.ts'
import type { SessionCounts } from './session-options.ts'
import type { SessionState } from './session-state.ts'
import { decodeState, encodeState, type SavedState } from './state.ts'
import type { SessionStore } from './store.ts'

/** The states of sessions in a store, which is asked about each in order. Without a store there is nothing in it. */
export class Archive {
  readonly #store: SessionStore | undefined
  readonly #counts: SessionCounts
  /** Those that are being deleted without being in memory. */
  readonly #deleting = new Map<string, Promise<boolean>>()
  /** What the server had when it was closed and the store did not take. */
  readonly #left = new Map<string, Uint8Array>()
  #failed = Number.NEGATIVE_INFINITY
  #fails = false

  constructor(store: SessionStore | undefined, counts: SessionCounts) {
    this.#store = store
    this.#counts = counts
  }

  /** Whether there is a store. */
  get exists(): boolean {
    return this.#store !== undefined
  }

  /** Whether the last state that it was to save could not be saved. */
  get fails(): boolean {
    return this.#fails
  }

  /** When a state could not be saved last, as of `performance.now()`. */
  get failed(): number {
    return this.#failed
  }

  /** How many states are {@link keep kept}. */
  get left(): number {
    return this.#left.size
  }

  /** The state of a session, or undefined if there is none. */
  async load({ id, version }: SessionState): Promise<SavedState | undefined> {
    const bytes = await this.#ask('load', id, (store) => store.load(id))
    if (bytes === undefined || bytes === null) return undefined
    const saved = decodeState('session', bytes, version.stateKind as string, version.engine.stateSize as number)
    this.#counts.restored += 1
    return saved
  }

  /** Writes the present state, unless it is there. */
  async write(state: SessionState): Promise<void> {
    if (this.#store === undefined) return
    const { steps } = state
    if (steps === state.saved) return
    const bytes = bytesOf(state)
    await this.#inOrder(state, 'save', (store) => store.save(state.id, bytes))
    state.saved = steps
    this.#counts.saved += 1
    // It took longer than the server waited when it was closed.
    this.#left.delete(state.id)
  }

  /** Keeps the bytes of a state that could not be written, for {@link writeLeft}. */
  keep(state: SessionState): void {
    this.#left.set(state.id, bytesOf(state))
  }

  /** Writes what was kept; what cannot be is kept on. The errors. */
  async writeLeft(patient: Patience): Promise<unknown[]> {
    const errors: unknown[] = []
    await inGroups([...this.#left], async ([id, bytes]) => {
      try {
        await patient.wait(async () => {
          await this.#ask('save', id, (store) => store.save(id, bytes))
          this.#left.delete(id)
          this.#counts.saved += 1
        })
      } catch (error) {
        errors.push(error)
      }
    })
    return errors
  }

  async delete(state: SessionState): Promise<void> {
    await this.#inOrder(state, 'delete', (store) => store.delete(state.id))
  }

  /** Deletes the state of a session that is not in memory. False if there is none. */
  async deleteId(id: string): Promise<boolean> {
    if (this.#store === undefined) return false
    const known = this.#deleting.get(id)
    if (known !== undefined) {
      await known
      return false
    }
    const deleting = (async () => {
      const bytes = await this.#ask('load', id, (store) => store.load(id))
      if (bytes === undefined || bytes === null) return false
      await this.#ask('delete', id, (store) => store.delete(id))
      return true
    })()
    this.#deleting.set(id, deleting)
    try {
      return await deleting
    } finally {
      this.#deleting.delete(id)
    }
  }

  /** Settles when a session of this id is deleted, if it is at that. */
  deleting(id: string): Promise<unknown> | undefined {
    return this.#deleting.get(id)
  }

  /** Counts the failures of the store. */
  async #ask<T>(
    what: keyof SessionStore,
    id: string,
    fn: (store: SessionStore) => Promise<T> | T,
  ): Promise<T | undefined> {
    if (this.#store === undefined) return undefined
    try {
      const value = await fn(this.#store)
      if (what === 'save') this.#fails = false
      return value
    } catch (error) {
      if (what === 'save') {
        this.#fails = true
        this.#failed = performance.now()
      }
      this.#counts.storeErrors += 1
      throw storeError(what, id, error)
    }
  }

  /** Asks something about a session after what was asked before. */
  async #inOrder(state: SessionState, what: 'save' | 'delete', fn: (store: SessionStore) => unknown): Promise<void> {
    if (this.#store === undefined) return
    const before = state.asked
    const asked = (async () => {
      // It was told of this one's failure.
      await before?.catch(() => {})
      await this.#ask(what, state.id, fn)
    })()
    state.asked = asked
    await asked
  }
}

/** The present state as bytes. */
export const bytesOf = ({ version, slot, steps }: SessionState): Uint8Array =>
  encodeState({ state: version.engine.readSlot(slot), steps }, version.stateKind as string)

/** What a store throws, which may be any value, as an error of this library. */
export function storeError(what: keyof SessionStore, id: string, thrown: unknown): TorchError {
  // Asking a revoked proxy for its class throws.
  if (isNativeError(thrown) && thrown instanceof TorchError) return thrown
  const message = `session: the store could not ${what} '${id}': ${messageOf(thrown)}`
  return torchError('ERR_TORCH_RUNTIME', message, { cause: thrown })
}
