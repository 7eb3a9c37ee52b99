/** What is given up when a signal is aborted. */
interface Abortable {
  abort(reason: unknown): void
}

/**
 * What waits for each signal. Each has a single listener: adding one for each request would be slow, and more than ten
 * make Node warn of a leak.
 */
const waiting = new WeakMap<AbortSignal, Set<Abortable>>()

/** A signal for one request, whose client may hang up. An AbortSignal takes longer to make than a small model to compute. */
export class HangUp {
  aborted = false
  reason: unknown
  #abortable: Abortable | undefined

  abort(reason: unknown): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#abortable?.abort(reason)
  }

  /** Aborts this one, until the function is called that it returns. */
  listen(abortable: Abortable): () => void {
    this.#abortable = abortable
    return () => {
      this.#abortable = undefined
    }
  }
}

/** Calls `abort` when the signal, which is not aborted yet, is. Returns a function that ends this. */
export function onAbort(signal: AbortSignal | HangUp, abortable: Abortable): () => void {
  if (signal instanceof HangUp) return signal.listen(abortable)
  const known = waiting.get(signal)
  const all = known ?? new Set<Abortable>()
  all.add(abortable)
  if (known === undefined) {
    waiting.set(signal, all)
    const abortAll = (): void => {
      for (const one of [...all]) one.abort(signal.reason)
    }
    signal.addEventListener('abort', abortAll, { once: true })
  }
  return () => all.delete(abortable)
}
