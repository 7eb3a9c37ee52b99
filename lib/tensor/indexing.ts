import { isArrayOf } from '../array.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { NativeIndex } from '../native/addon.ts'
import { tensor } from './creation.ts'
import { idOf, isTensor, type Tensor } from './tensor.ts'

/** A range of positions, as Python's `start:stop:step`. */
export class Slice {
  readonly start: number | null
  readonly stop: number | null
  readonly step: number | null

  constructor(start: number | null, stop: number | null, step: number | null) {
    for (const bound of [start, stop, step]) {
      if (bound !== null && !Number.isSafeInteger(bound)) {
        throw torchError('ERR_TORCH_TYPE', `slice indices must be integers or null, got ${describe(bound)}`)
      }
    }
    if (step !== null && step <= 0) throw torchError('ERR_TORCH_VALUE', 'step must be greater than zero')
    this.start = start
    this.stop = stop
    this.step = step
  }
}

/** One item of an index: see {@link Tensor.index}. */
export type Index = number | null | '...' | boolean | Slice | Tensor | readonly number[] | readonly boolean[]

/**
 * Positions from `start` up to, not including, `stop`, by `step`; counted from the end where negative. `null` or
 * nothing means from the first, to the last, every one.
 *
 * @example x.index(slice(1, null), slice(null, -1)) // x[1:, :-1]
 */
export function slice(start: number | null = null, stop: number | null = null, step: number | null = null): Slice {
  return new Slice(start, stop, step)
}

/** Calls `use` with the items as native code reads them; tensors made of arrays live just that long. */
export function indexItems<T>(items: readonly Index[], use: (items: NativeIndex[]) => T): T {
  const temporary: Tensor[] = []
  const read = (item: Index): NativeIndex => {
    if (item === null || item === '...' || typeof item === 'boolean') return item
    if (typeof item === 'number' && Number.isSafeInteger(item)) return item
    if (item instanceof Slice) return [item.start, item.stop, item.step]
    if (isTensor(item)) return { tensor: idOf(item) }
    if (Array.isArray(item)) {
      const dtype = item.length > 0 && typeof item[0] === 'boolean' ? 'bool' : 'int64'
      if (dtype === 'int64' && !isArrayOf(item, Number.isSafeInteger)) {
        throw torchError('ERR_TORCH_INDEX', 'an array used as an index must hold integers or booleans', { op: 'index' })
      }
      temporary.push(tensor(item, { dtype }))
      return { tensor: idOf(temporary.at(-1) as Tensor) }
    }
    throw torchError(
      'ERR_TORCH_INDEX',
      `only integers, slices (torch.slice), ellipsis ('...'), null and integer or boolean tensors or arrays are valid indices (got ${describe(item)})`,
      { op: 'index' },
    )
  }
  if (!Array.isArray(items)) throw torchError('ERR_TORCH_TYPE', `an index is an array of items, got ${describe(items)}`)
  try {
    return use(items.map(read))
  } finally {
    for (const made of temporary) made.dispose()
  }
}
