import { isArrayOf } from '../array.ts'
import { requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { NativeIndex } from '../native/addon.ts'
import { native } from './binding.ts'
import { enter } from './context.ts'
import { tensor } from './creation.ts'
import { op } from './packet.ts'
import { extend, idOf, isTensor, receiverOf, type Scalar, type Tensor, wrap } from './tensor.ts'

/** A range of positions, like Python's `start:stop:step`. */
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
 * The positions from `start` to `stop` (exclusive), in steps of `step`. Negative bounds count from the end. By default
 * or with `null`, `start` is the first position, `stop` is one past the last, and `step` is 1.
 *
 * @example x.index(slice(1, null), slice(null, -1)) // x[1:, :-1]
 */
export function slice(
  start: number | null = null,
  stop: number | null = null,
  step: number | null = null,
  ...none: undefined[]
): Slice {
  requireNone('slice', none)
  return new Slice(start, stop, step)
}

/** Calls `use` with the items in the form that native code reads. Then disposes the tensors made from arrays. */
function indexItems<T>(items: readonly Index[], use: (items: NativeIndex[]) => T): T {
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

/** Methods that read or write parts of tensors. */
export class TensorIndexing {
  /**
   * Returns a part of the tensor. There is one item per dimension: a number selects, `slice(start, stop, step)` slices,
   * `null` adds a dimension, `'...'` stands for all dimensions in between, an integer tensor or array gathers, and a
   * boolean one masks. Numbers and slices return views of the same memory.
   *
   * @example x.index(0); x.index('...', slice(1, -1)); x.index([0, 2], null); x.index(x.gt(0))
   */
  index(this: Tensor, ...items: Index[]): Tensor {
    const scope = enter()
    return indexItems(items, (native_) => wrap(native.index(idOf(this, 'index'), native_), scope))
  }

  /** Broadcasts `value` and assigns it to the part that {@link index} returns for the same items. */
  indexPut_<T extends Tensor>(this: T, items: readonly Index[], value: Tensor | Scalar): T {
    enter()
    if (!isTensor(value) && !['number', 'bigint', 'boolean'].includes(typeof value)) {
      throw torchError('ERR_TORCH_TYPE', `indexPut_: value must be a Tensor or a number, got ${describe(value)}`)
    }
    indexItems(items, (native_) =>
      native.indexPut(idOf(this, 'indexPut_'), native_, isTensor(value) ? { tensor: idOf(value) } : value),
    )
    return this
  }

  /**
   * Takes elements from this tensor where the condition is true, and from `other` elsewhere. All three are broadcast.
   *
   * @example x.where(x.gt(0), 0)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.where.html
   */
  where(this: Tensor, condition: Tensor, other: Tensor | Scalar): Tensor {
    receiverOf(this)
    return (isTensor(other) ? op('aten::where.self') : op('aten::where.ScalarOther'))(condition, this, other) as Tensor
  }
}

extend(TensorIndexing)
