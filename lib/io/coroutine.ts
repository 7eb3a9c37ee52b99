import { type Site, siteOf, TorchError } from '../errors.ts'

/** One action in two forms: synchronous, or off the main thread. */
export interface Action {
  sync: () => unknown
  async: () => Promise<unknown>
}

/** Work that is written once and run by {@link runSync} or {@link run}. */
export type Coroutine<T> = Generator<Action, T, unknown>

/** Calls `sync()` or awaits `async()`, depending on who runs the coroutine. */
export function* perform<T>(sync: () => T, async: () => Promise<T>): Coroutine<T> {
  return (yield { sync, async }) as T
}

/** A coroutine that has its result already. */
// biome-ignore lint/correctness/useYield: there is nothing to wait for.
export function* ready<T>(value: T): Coroutine<T> {
  return value
}

/** Yields to the event loop, in the async form. */
export function* pause(): Coroutine<void> {
  yield* perform(
    () => undefined,
    () => new Promise<void>((resolve) => setImmediate(resolve)),
  )
}

/**
 * Runs the coroutine and gives its errors the trace of `site`, because their own ends at a generator and does not show
 * the caller.
 */
function* fromSite<T>(coroutine: Coroutine<T>, site: Site): Coroutine<T> {
  try {
    return yield* coroutine
  } catch (error) {
    const trace = site.stack ?? ''
    if (error instanceof TorchError) error.stack = `${error}${trace.slice(trace.indexOf('\n'))}`
    throw error
  }
}

/** Runs all actions synchronously, which blocks. */
export function runSync<T>(work: Coroutine<T>): T {
  const coroutine = fromSite(work, siteOf(runSync))
  let next = coroutine.next()
  while (!next.done) {
    let value: unknown
    try {
      value = next.value.sync()
    } catch (error) {
      next = coroutine.throw(error)
      continue
    }
    next = coroutine.next(value)
  }
  return next.value
}

/** Runs the actions one after the other, each off the main thread. */
export async function run<T>(work: Coroutine<T>): Promise<T> {
  const coroutine = fromSite(work, siteOf(run))
  let next = coroutine.next()
  while (!next.done) {
    let value: unknown
    try {
      value = await next.value.async()
    } catch (error) {
      next = coroutine.throw(error)
      continue
    }
    next = coroutine.next(value)
  }
  return next.value
}
