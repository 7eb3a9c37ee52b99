import { torchError } from '../../errors.ts'
import { type Coroutine, perform } from '../../io/coroutine.ts'
import { offload, tidy } from '../../tensor/context.ts'
import { tensor } from '../../tensor/creation.ts'
import { BLOCK, pacing } from '../series/pace.ts'

/** The values of a feature that are not missing, or their logarithms. They are made anew in each pass, block by block. */
export class Values {
  readonly #parts: readonly Float64Array[]
  /** What is added before the logarithm; undefined if there is none. */
  readonly #offset: number | undefined
  #length = 0

  constructor(parts: readonly Float64Array[], offset: number | undefined) {
    this.#parts = parts
    this.#offset = offset
  }

  /** Calls `fn` with one block after the other, which is used again for the next. */
  *each(fn: (block: Float64Array) => void): Coroutine<void> {
    const pace = pacing()
    const offset = this.#offset
    const longest = this.#parts.reduce((most, { length }) => Math.max(most, length), 0)
    const block = new Float64Array(Math.min(BLOCK, longest))
    for (const part of this.#parts) {
      for (let start = 0; start < part.length; start += BLOCK) {
        const end = Math.min(part.length, start + BLOCK)
        let length = 0
        for (let i = start; i < end; i++) {
          const value = part[i] as number
          if (Number.isNaN(value)) continue
          block[length++] = offset === undefined ? value : Math.log(value + offset)
        }
        fn(block.subarray(0, length))
        yield* pace()
      }
    }
  }

  /** Returns the number of values. @throws {TorchError} if there are none, or some are not finite. */
  *check(owner: string, name: string): Coroutine<number> {
    let allFinite = true
    let count = 0
    yield* this.each((block) => {
      count += block.length
      allFinite &&= block.every(Number.isFinite)
    })
    if (count === 0) throw torchError('ERR_TORCH_VALUE', `${name} has no values`, { op: owner })
    this.#length = count
    if (allFinite) return count
    const offset = this.#offset
    const problem = offset === undefined ? 'infinite values' : `values of ${-offset} or less, or infinite ones`
    throw torchError('ERR_TORCH_VALUE', `${name} has ${problem}`, { op: owner })
  }

  /** All values in ascending order. */
  *sorted(): Coroutine<Float64Array> {
    const all = new Float64Array(this.#length)
    let position = 0
    yield* this.each((block) => {
      all.set(block, position)
      position += block.length
    })
    if (all.length <= BLOCK) return all.sort()
    return yield* perform(
      () => all.sort(),
      () => sortedOffThread(all),
    )
  }
}

async function sortedOffThread(values: Float64Array): Promise<Float64Array> {
  const unsorted = tensor(values)
  const sorted = await offload(() => tidy(() => unsorted.sort()[0]))
  unsorted.dispose()
  const result = sorted.toTypedArray() as Float64Array
  sorted.dispose()
  return result
}
