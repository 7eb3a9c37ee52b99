/** Calls a function at the end of a turn of the event loop, when all has come that comes in it: once, however often it is asked. */
export class EndOfTurn {
  readonly #fn: () => void
  #isAsked = false

  constructor(fn: () => void) {
    this.#fn = fn
  }

  ask(): void {
    if (this.#isAsked) return
    this.#isAsked = true
    setImmediate(() => {
      this.#isAsked = false
      this.#fn()
    })
  }
}
