/** What is given up when a signal is aborted. */
interface Abortable {
  abort(reason: unknown): void
}

/**
 * What waits for each signal. Each has a single listener: adding one for each request would be slow, and more than ten
 * make Node warn of a leak.
 */
const waiting = new WeakMap<AbortSignal, Set<Abortable>>()

/** Calls `abort` when the signal, which is not aborted yet, is. Returns a function that ends this. */
export function onAbort(signal: AbortSignal, abortable: Abortable): () => void {
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
