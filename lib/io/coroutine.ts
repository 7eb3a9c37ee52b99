import { TorchError } from '../errors.ts'

/** One thing to do, in two forms: at once, or off the main thread. */
export interface Action {
  sync: () => unknown
  async: () => Promise<unknown>
}

/** Work that is written once and run by {@link runSync} or {@link run}. */
export type Coroutine<T> = Generator<Action, T, unknown>

/** Does `sync()` or awaits `async()`, as the caller of the whole wants it. */
export function* perform<T>(sync: () => T, async: () => Promise<T>): Coroutine<T> {
  return (yield { sync, async }) as T
}

/** Lets the event loop turn, in the form that may wait. */
export function* pause(): Coroutine<void> {
  yield* perform(
    () => undefined,
    () => new Promise<void>((resolve) => setImmediate(resolve)),
  )
}

/** The coroutine, whose errors get the trace of `site`: their own ends at a generator, and does not show the caller. */
function* fromSite<T>(coroutine: Coroutine<T>, site: TorchError): Coroutine<T> {
  try {
    return yield* coroutine
  } catch (error) {
    const trace = site.stack ?? ''
    if (error instanceof TorchError) error.stack = `${error}${trace.slice(trace.indexOf('\n'))}`
    throw error
  }
}

/** Runs all actions at once, and blocks meanwhile. */
export function runSync<T>(work: Coroutine<T>): T {
  const coroutine = fromSite(work, new TorchError('ERR_TORCH_RUNTIME', ''))
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
  const coroutine = fromSite(work, new TorchError('ERR_TORCH_RUNTIME', ''))
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
