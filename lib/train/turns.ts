/** How long work may run without a turn of the event loop: one that reads what is not computed yet, waits here. */
const TURN_MS = 5

/** Turns of the event loop while steps run. */
export class Turns {
  #last = performance.now()

  /** Waits for a turn, if there has been none for some time. */
  next(): Promise<void> | undefined {
    const now = performance.now()
    if (now - this.#last < TURN_MS) return undefined
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#last = performance.now()
        resolve()
      })
    })
  }
}
