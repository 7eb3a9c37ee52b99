const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Ctrl-C and SIGTERM during a comparison: the first ends it between two steps, a second one at once. */
export class Interruption {
  readonly #controller = new AbortController()
  received: (typeof SIGNALS)[number] | undefined

  readonly #listener = (signal: NodeJS.Signals): void => {
    if (this.received !== undefined) process.exit(this.exitCode)
    this.received = signal as (typeof SIGNALS)[number]
    this.#controller.abort(new Error(`stopped by ${signal}`))
  }

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#listener)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get exitCode(): number {
    return this.received === 'SIGINT' ? 130 : 143
  }

  /** Whether this is how a signal has ended the work. */
  isCause(error: unknown): boolean {
    return this.signal.aborted && error === this.signal.reason
  }

  close(): void {
    for (const name of SIGNALS) process.off(name, this.#listener)
  }
}
