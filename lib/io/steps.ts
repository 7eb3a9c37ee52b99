import { TorchError } from '../errors.ts'

/** One thing to do, in two forms: at once, or off the main thread. */
export interface Step {
  sync: () => unknown
  async: () => Promise<unknown>
}

/** Work that is written once and run by {@link runSync} or {@link run}. */
export type Steps<T> = Generator<Step, T, unknown>

/** Does `sync()` or awaits `async()`, as the caller of the whole wants it. */
export function* step<T>(sync: () => T, async: () => Promise<T>): Steps<T> {
  return (yield { sync, async }) as T
}

/** Lets the event loop turn, in the form that may wait. */
export function* pause(): Steps<void> {
  yield* step(
    () => undefined,
    () => new Promise<void>((resolve) => setImmediate(resolve)),
  )
}

/** The steps, whose errors get the trace of `site`: their own ends at a generator, and does not show the caller. */
function* fromSite<T>(steps: Steps<T>, site: TorchError): Steps<T> {
  try {
    return yield* steps
  } catch (error) {
    const trace = site.stack ?? ''
    if (error instanceof TorchError) error.stack = `${error}${trace.slice(trace.indexOf('\n'))}`
    throw error
  }
}

/** Runs all steps at once, and blocks meanwhile. */
export function runSync<T>(work: Steps<T>): T {
  const steps = fromSite(work, new TorchError('ERR_TORCH_RUNTIME', ''))
  let next = steps.next()
  while (!next.done) {
    let value: unknown
    try {
      value = next.value.sync()
    } catch (error) {
      next = steps.throw(error)
      continue
    }
    next = steps.next(value)
  }
  return next.value
}

/** Runs the steps one after the other, each off the main thread. */
export async function run<T>(work: Steps<T>): Promise<T> {
  const steps = fromSite(work, new TorchError('ERR_TORCH_RUNTIME', ''))
  let next = steps.next()
  while (!next.done) {
    let value: unknown
    try {
      value = await next.value.async()
    } catch (error) {
      next = steps.throw(error)
      continue
    }
    next = steps.next(value)
  }
  return next.value
}
