const NAMES = ['SIGTERM', 'SIGINT'] as const

/** The fits that listen, for which the process has one listener. */
const open = new Set<Signals>()
const whenNoneIsOpen: (() => void)[] = []

function listener(name: NodeJS.Signals): void {
  const isShared = process.listenerCount(name) > 1
  const isRepeated = [...open].some(({ received }) => received !== undefined)
  if (name === 'SIGINT' && isRepeated && !isShared) end(name)
  for (const signals of open) signals.receive(name, isShared)
}

/** Ends the process as the signal does by default. */
function end(name: NodeJS.Signals): void {
  for (const one of NAMES) process.off(one, listener)
  process.kill(process.pid, name)
}

/**
 * SIGTERM and SIGINT during a `fit`: they do not end the process, which is then for the `fit` to do. A SIGINT after
 * another signal ends the process at once.
 */
export class Signals {
  #received: NodeJS.Signals | undefined
  #isShared = false
  readonly #onReceived: () => void

  /** @param onReceived is called at each signal */
  constructor(onReceived: () => void = () => {}) {
    this.#onReceived = onReceived
    // Before other listeners: those of `once` are gone when they have been called.
    if (open.size === 0) for (const name of NAMES) process.prependListener(name, listener)
    open.add(this)
  }

  /** The first signal that has come. */
  get received(): NodeJS.Signals | undefined {
    return this.#received
  }

  /** `isShared`: whether the program listens to it, too. */
  receive(name: NodeJS.Signals, isShared: boolean): void {
    this.#onReceived()
    if (this.#received !== undefined) return
    this.#received = name
    this.#isShared = isShared
  }

  /** Stops listening. */
  close(): void {
    if (!open.delete(this) || open.size > 0) return
    for (const name of NAMES) process.off(name, listener)
    for (const resolve of whenNoneIsOpen.splice(0)) resolve()
  }

  /**
   * Stops listening and, if a signal has come, ends the process as usual, when other fits have closed, too. Resolves if
   * none has come, or if the program listens to it: then it decides what to do.
   */
  async raise(): Promise<void> {
    this.close()
    if (this.#received === undefined || this.#isShared) return
    if (open.size > 0) await new Promise<void>((resolve) => whenNoneIsOpen.push(resolve))
    end(this.#received)
    // The signal may take a moment, in which the program must not go on.
    await new Promise(() => {})
  }
}
