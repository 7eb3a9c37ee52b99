/** A batch that an engine has. */
export interface Run {
  /** When its computing began, as of `performance.now()`. */
  start: number
}

/**
 * What the lanes of an engine compute: a batch each, and at most one more, which is ready for the first lane that has
 * none, so that this need not wait for the event loop.
 */
export class Lanes {
  readonly #count: number
  #running = 0
  #ready: Run | undefined

  constructor(count: number) {
    this.#count = count
  }

  get count(): number {
    return this.#count
  }

  /** Whether nothing is computed. */
  get areIdle(): boolean {
    return this.#running === 0
  }

  /** Whether a lane has no batch. */
  get areFree(): boolean {
    return this.#running < this.#count
  }

  /** Whether all have one, and none is ready. */
  get canPrepare(): boolean {
    return this.#running === this.#count
  }

  /** Notes a batch that the engine gets. */
  begin(now: number): Run {
    const run = { start: now }
    this.#running += 1
    if (this.#running > this.#count) this.#ready = run
    return run
  }

  /** Notes that the engine has computed a batch. Returns how long that took, in ms. */
  end(run: Run, now: number): number {
    this.#running -= 1
    if (this.#ready !== undefined) {
      this.#ready.start = now
      this.#ready = undefined
    }
    return now - run.start
  }
}
