import { LONGEST_DELAY } from '../check.ts'
import { inGroups } from './groups.ts'
import type { SessionState } from './session-state.ts'

/** Those of about the same time are looked at together, in ms. */
const TOGETHER = 10

/** Looks for sessions that no step has come for, and retires them: one timer for all. */
export class IdleWatch {
  readonly #states: () => Iterable<SessionState>
  readonly #retire: (state: SessionState) => Promise<void>
  #timer: NodeJS.Timeout | undefined
  #at = Number.POSITIVE_INFINITY
  #isStopped = false

  constructor(states: () => Iterable<SessionState>, retire: (state: SessionState) => Promise<void>) {
    this.#states = states
    this.#retire = retire
  }

  /** Sees to it that a session is looked at when it may be idle, after `idle` ms. */
  watch(state: SessionState, idle: number): void {
    state.idle = idle
    if (idle < Number.POSITIVE_INFINITY && !this.#isStopped) this.#lookNotAfter(state.used + idle)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #lookNotAfter(at: number): void {
    if (at >= this.#at) return
    clearTimeout(this.#timer)
    this.#at = at
    const delay = Math.min(LONGEST_DELAY, Math.max(1, Math.ceil(at - performance.now())))
    this.#timer = setTimeout(() => void this.#look(), delay)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    this.#at = Number.POSITIVE_INFINITY
    const now = performance.now()
    const idle = [...this.#states()].filter((state) => state.used + state.idle <= now)
    await inGroups(idle, this.#retire)
    if (this.#isStopped) return
    let next = Number.POSITIVE_INFINITY
    for (const state of this.#states()) next = Math.min(next, state.used + state.idle)
    if (next < Number.POSITIVE_INFINITY) this.#lookNotAfter(Math.max(next, now + TOGETHER))
  }
}
