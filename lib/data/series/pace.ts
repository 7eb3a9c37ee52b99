import { type Coroutine, pause } from '../../io/coroutine.ts'

/** How long, in milliseconds, work goes on before the event loop gets a turn. */
const SLICE = 5

/** Rows that are worked on between two looks at the clock. */
export const BLOCK = 1 << 16

/** Returns what long work calls after each block: in the async form, the event loop gets a turn after each slice. */
export function pacing(): () => Coroutine<void> {
  let last = performance.now()
  return function* () {
    if (performance.now() - last < SLICE) return
    yield* pause()
    last = performance.now()
  }
}

/** Calls `fn` for `length` rows, block by block. */
export function* inBlocks(length: number, fn: (start: number, end: number) => void, from = 0): Coroutine<void> {
  const pace = pacing()
  for (let start = from; start < length; start += BLOCK) {
    fn(start, Math.min(length, start + BLOCK))
    yield* pace()
  }
}
