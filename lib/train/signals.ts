/** How a `fit` answers when the process is asked to end. */
export interface Signals {
  /** The signal that has come, if any. */
  readonly received: NodeJS.Signals | undefined
  /** Ends the process as the signal would have, unless the program listens to it, too. */
  raise(): void
  /** Stops listening. */
  close(): void
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** Listens to SIGTERM and SIGINT. A second one ends the process at once, as usual. */
export function listen(): Signals {
  let received: NodeJS.Signals | undefined
  const listeners = SIGNALS.map((name) => {
    const listener = (): void => {
      received ??= name
    }
    process.once(name, listener)
    return [name, listener] as const
  })
  const close = (): void => {
    for (const [name, listener] of listeners) process.off(name, listener)
  }
  return {
    get received() {
      return received
    },
    raise() {
      close()
      if (received !== undefined) process.kill(process.pid, received)
    },
    close,
  }
}
