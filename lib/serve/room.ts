import { inGroups } from './groups.ts'
import type { SessionState } from './session-state.ts'

/** The share of the sessions that leave the memory together when it is full: finding them takes a look at each. */
const SHARE = 0.01

/** Makes room for sessions in memory: the least recently used ones leave it, as far as they are not busy. */
export class Room {
  readonly #states: ReadonlyMap<string, SessionState>
  readonly #max: number
  readonly #retire: (state: SessionState) => Promise<void>
  #making: Promise<void> | undefined

  constructor(states: ReadonlyMap<string, SessionState>, max: number, retire: (state: SessionState) => Promise<void>) {
    this.#states = states
    this.#max = max
    this.#retire = retire
  }

  /** Settles when there is room, if it is at that. */
  get making(): Promise<void> | undefined {
    return this.#making
  }

  make(): Promise<void> {
    this.#making ??= this.#evict()
    return this.#making
  }

  async #evict(): Promise<void> {
    try {
      for (;;) {
        const { size } = this.#states
        const count = Math.ceil(this.#max * SHARE) + Math.max(0, size - this.#max)
        const free = [...this.#states.values()].filter(({ status, busy }) => status === 'ready' && !busy)
        const oldest = free.sort((a, b) => a.used - b.used).slice(0, count)
        await inGroups(oldest, this.#retire)
        // More may have been opened meanwhile; or the store may fail.
        if (this.#states.size <= this.#max || this.#states.size >= size) return
      }
    } finally {
      this.#making = undefined
    }
  }
}
