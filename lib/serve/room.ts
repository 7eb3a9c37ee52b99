import type { Archive } from './archive.ts'
import { inGroups } from './groups.ts'
import type { SessionState } from './session-state.ts'

/** The share of the sessions that leave the memory together when it is full: finding them takes a look at each. */
const SHARE = 0.01

/** After how long it tries again, if there were too many that were busy, or the store failed, in ms. */
const PAUSE = 250

/** Makes room for sessions in memory: the least recently used ones leave it, as far as they are not busy. */
export class Room {
  readonly #states: ReadonlyMap<string, SessionState>
  readonly #max: number
  readonly #archive: Pick<Archive, 'exists' | 'fails' | 'failed'>
  readonly #retire: (state: SessionState) => Promise<void>
  #making: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(
    states: ReadonlyMap<string, SessionState>,
    max: number,
    archive: Pick<Archive, 'exists' | 'fails' | 'failed'>,
    retire: (state: SessionState) => Promise<void>,
  ) {
    this.#states = states
    this.#max = max
    this.#archive = archive
    this.#retire = retire
  }

  /** Settles when there is room, if it is at that. */
  get making(): Promise<void> | undefined {
    return this.#making
  }

  /** Settles when it has tried; undefined without a store, and just after that has failed. */
  make(): Promise<void> | undefined {
    const { exists, fails, failed } = this.#archive
    if (!exists || (fails && performance.now() - failed < PAUSE)) return this.#making
    this.#making ??= this.#evict()
    return this.#making
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  async #evict(): Promise<void> {
    try {
      for (;;) {
        // One is enough to find out whether a store that has failed is back.
        const isProbe = this.#archive.fails
        const count = isProbe ? 1 : Math.ceil(this.#max * SHARE) + Math.max(0, this.#states.size - this.#max)
        const free = [...this.#states.values()].filter(({ status, busy }) => status === 'ready' && !busy)
        const oldest = free.sort((a, b) => a.used - b.used).slice(0, count)
        await inGroups(oldest, async (state) => {
          if (isProbe || !this.#archive.fails) await this.#retire(state)
        })
        if (this.#states.size <= this.#max || this.#archive.fails) return
        // More may have been opened meanwhile, or all may be in use.
        if (!oldest.some(({ status }) => status === 'gone')) return
      }
    } finally {
      this.#making = undefined
      if (this.#states.size > this.#max) this.#tryAgain()
    }
  }

  #tryAgain(): void {
    clearTimeout(this.#timer)
    if (this.#isStopped) return
    this.#timer = setTimeout(() => {
      if (this.#states.size > this.#max) this.#making ??= this.#evict()
    }, PAUSE)
    this.#timer.unref()
  }
}
