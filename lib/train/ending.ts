import { AsyncLocalStorage } from 'node:async_hooks'

/** How long is waited for something that does not settle, when a `fit` is to end. */
export const GRACE_MS = 10_000

/** Something that is being waited for. */
interface Wait {
  /** Waits on for the time of grace. */
  expire(): void
}

/** The wait whose own code runs. */
const inside = new AsyncLocalStorage<Wait>()

/**
 * Waits for the user's code in a `fit`, which may never settle: when the `fit` is to end, the wait ends, too, after a
 * time of grace. Code that asks for the end itself, such as a hook that calls `stop()`, is waited for as before.
 */
export class Ending {
  readonly #grace: number
  readonly #waiting = new Set<Wait>()
  #isUrgent = false

  constructor(grace = GRACE_MS) {
    this.#grace = grace
  }

  /** Asks for the end of what is being waited for now. */
  ask(): void {
    const own = inside.getStore()
    for (const wait of this.#waiting) if (wait !== own) wait.expire()
  }

  /** The same, also of what is waited for later. */
  demand(): void {
    this.#isUrgent = true
    this.ask()
  }

  /**
   * Calls `fn` and waits for what it returns; only for the time of grace, when the end has been asked for.
   *
   * @returns whether it has settled. What it does after that, also failing, goes unnoticed.
   */
  async settled(fn: () => unknown): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    let give: (settled: boolean) => void = () => {}
    const given = new Promise<boolean>((resolve) => {
      give = resolve
    })
    const wait: Wait = {
      expire: () => {
        timer ??= setTimeout(() => give(false), this.#grace)
      },
    }
    this.#waiting.add(wait)
    const isUrgent = this.#isUrgent
    try {
      const work = inside.run(wait, async () => {
        await fn()
        return true
      })
      if (isUrgent) wait.expire()
      return await Promise.race([work, given])
    } finally {
      this.#waiting.delete(wait)
      clearTimeout(timer)
    }
  }
}
