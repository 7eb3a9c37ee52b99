import { isArrayOf } from '../../array.ts'
import { invalid, requireBoolean, requireInteger } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { opaque } from '../../opaque.ts'
import { tidy } from '../../tensor/context.ts'
import { full, tensor } from '../../tensor/creation.ts'
import { tensorOp } from '../../tensor/packet.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { NamedBatch } from '../batch.ts'
import type { Dataset } from '../dataset.ts'
import { COLUMNS_OF, type SeriesScaler } from '../scaler/series-scaler.ts'
import type { Contents } from './contents.ts'
import { accumulated, inverseOf, levelOf, scaleOf, segmentAt } from './difference.ts'
import { type Frame, type Layout, layoutOf } from './frame.ts'
import type { Rows } from './table.ts'

const indexSelect = tensorOp('aten::index_select')
const view = tensorOp('aten::view')
const cat = tensorOp('aten::cat')
const ne = tensorOp('aten::ne.Scalar')

/** @internal The keys of what only this library reads of windows. */
export const ahead = Symbol('ahead')
/** @internal */
export const levels = Symbol('levels')
/** @internal */
export const layout = Symbol('layout')
/** @internal */
export const pastValues = Symbol('pastValues')
/** @internal */
export const training = Symbol('training')

/** A batch of windows. */
export interface WindowBatch extends NamedBatch {
  /** (N, past, I), or (past, N, I) without `batchFirst`. */
  input: Tensor
  /** (N, horizon, O), or (horizon, N, O). */
  target: Tensor
  /** Which targets were observed, bool, of the shape of `target`: there with `missing: 'mask'`. */
  mask?: Tensor
}

/**
 * Where windows are: runs of such that follow each other within a group, `stride` rows apart. Memory grows with the
 * number of runs, not of windows.
 */
export class Windows {
  readonly past: number
  readonly horizon: number
  readonly stride: number
  /** The number of windows. */
  length = 0
  // Of each run: the index of its first window, the row where that one starts, and its group.
  readonly #offsets: number[] = []
  readonly #starts: number[] = []
  readonly #groups: number[] = []

  constructor({ past, horizon, stride }: Required<WindowOptions>) {
    this.past = past
    this.horizon = horizon
    this.stride = stride
  }

  /** Adds `count` windows, the first of which starts at row `start`. */
  add(group: number, start: number, count: number): void {
    if (count <= 0) return
    const last = this.#offsets.length - 1
    const continues = last >= 0 && this.#groups[last] === group && this.#startOf(last, this.length) === start
    if (!continues) {
      this.#offsets.push(this.length)
      this.#starts.push(start)
      this.#groups.push(group)
    }
    this.length += count
  }

  /** The row where a window starts. */
  start(index: number): number {
    return this.#startOf(this.#runOf(index), index)
  }

  /** The number of the group of a window. */
  group(index: number): number {
    return this.#groups[this.#runOf(index)] as number
  }

  #startOf(run: number, index: number): number {
    return (this.#starts[run] as number) + (index - (this.#offsets[run] as number)) * this.stride
  }

  #runOf(index: number): number {
    let [low, high] = [0, this.#offsets.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#offsets[middle] as number) <= index) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** The rows `from` … `from + length - 1` behind each start, in the order of a batch. */
export function rowsOf(starts: ArrayLike<number>, from: number, length: number, batchFirst: boolean): Int32Array {
  const size = starts.length
  const rows = new Int32Array(size * length)
  for (let n = 0; n < size; n++) {
    const first = (starts[n] as number) + from
    for (let step = 0; step < length; step++) rows[batchFirst ? n * length + step : step * size + n] = first + step
  }
  return rows
}

/** The rows behind each start as (N, length, F), or (length, N, F) without `batchFirst`. */
export function gather(
  source: Tensor,
  starts: ArrayLike<number>,
  from: number,
  length: number,
  batchFirst: boolean,
): Tensor {
  return tidy(() => {
    const rows = indexSelect(source, 0, tensor(rowsOf(starts, from, length, batchFirst)))
    const sizes = batchFirst ? [starts.length, length] : [length, starts.length]
    return view(rows, [...sizes, source.size(1)])
  })
}

/**
 * One part of a `Series` as windows, scaled: a dataset for a `Trainer` or a `DataLoader`. A sample is `past` steps of
 * inputs and the `horizon` steps of targets that follow.
 */
export class WindowDataset implements Dataset<WindowBatch> {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('WindowDataset', 'use scaler.config')
  readonly length: number
  readonly past: number
  readonly horizon: number
  readonly stride: number
  /** The scales, the same in all parts. */
  readonly scaler: SeriesScaler
  readonly #contents: Contents
  readonly #frame: Frame
  readonly #windows: Windows
  readonly #training: WindowDataset | undefined

  /** @internal @param training the part that comes first, if this is another */
  constructor(contents: Contents, frame: Frame, windows: Windows, scaler: SeriesScaler, training?: WindowDataset) {
    this.length = windows.length
    this.past = windows.past
    this.horizon = windows.horizon
    this.stride = windows.stride
    this.scaler = scaler
    this.#contents = contents
    this.#frame = frame
    this.#windows = windows
    this.#training = training
  }

  /** The number of features of an input. */
  get inputSize(): number {
    return this.#frame.inputs.size(1)
  }

  /** The number of targets. */
  get outputSize(): number {
    return this.#frame.targets.size(1)
  }

  /** Returns the windows with these indices, from 0 to `length` - 1. */
  batch(indices: readonly number[], batchFirst: boolean): WindowBatch {
    const owner = 'WindowDataset.batch'
    requireBoolean(owner, 'batchFirst', batchFirst)
    const starts = this.#startsOf(owner, indices)
    const { inputs, targets, observed } = this.#frame
    const ahead = (source: Tensor): Tensor => gather(source, starts, this.past, this.horizon, batchFirst)
    const { difference } = this.scaler
    return {
      input: gather(inputs, starts, 0, this.past, batchFirst),
      target:
        difference === undefined
          ? ahead(targets)
          : tidy(() => accumulated(ahead(targets), batchFirst ? 1 : 0, difference)),
      ...(observed === undefined ? {} : { mask: tidy(() => ne(ahead(observed), 0)) }),
    }
  }

  /** @internal The features of inputs at the steps to forecast: (N, horizon, I). */
  [ahead](indices: readonly number[]): Tensor {
    const starts = this.#startsOf('WindowDataset.ahead', indices)
    return gather(this.#frame.inputs, starts, this.past, this.horizon, true)
  }

  /** @internal The targets at the steps of the inputs, in their units, (N, past, O) in a row; NaN are missing ones. */
  [pastValues](indices: readonly number[]): Float64Array {
    const starts = this.#startsOf('WindowDataset.targets', indices)
    return this.#values(starts.map((start) => ({ start, end: start + this.past })))
  }

  /**
   * @internal The targets of all rows in these windows, each once, in the order of time: (T, O). NaN are missing ones, and
   * `apart` rows between those that are not neighbours.
   * @param scaled whether they are divided by their scale, rather than in their units
   */
  [levels](indices: readonly number[], apart: number, scaled: boolean): Tensor {
    const starts = this.#startsOf('WindowDataset.targets', indices).sort((a, b) => a - b)
    const length = this.past + this.horizon
    const begins = new Set(this.#contents.segments.map(({ start }) => start))
    const runs: Rows[] = []
    for (let i = 0; i < starts.length; ) {
      const first = starts[i] as number
      let end = first + length
      for (i++; i < starts.length; i++) {
        const start = starts[i] as number
        // A gap is between two rows that follow each other in the table.
        if (start > end || (start === end && begins.has(start))) break
        end = start + length
      }
      runs.push({ start: first, end })
    }
    const size = this.outputSize
    const group = this.groups(indices.slice(0, 1))?.[0]
    const scalers = this.scaler[COLUMNS_OF]('WindowDataset', group)
    return tidy(() => {
      const between = full([apart, size], Number.NaN, { dtype: 'float64' })
      const parts = runs.flatMap((run, i) => {
        const values = this.#values([run])
        for (let at = 0; scaled && at < values.length; at++) {
          const scaler = scalers[at % size]
          values[at] = levelOf(scaler)(values[at] as number) / scaleOf(scaler)[1]
        }
        return [...(i > 0 ? [between] : []), tensor(values, { shape: [run.end - run.start, size] })]
      })
      return cat(parts, 0)
    })
  }

  /** The targets of ranges of rows, one after the other. */
  #values(ranges: readonly Rows[]): Float64Array {
    const { table, targets } = this.#contents
    const size = targets.length
    const values = new Float64Array(ranges.reduce((sum, { start, end }) => sum + end - start, 0) * size)
    for (const [k, name] of targets.entries()) {
      const column = table.columns.get(name) as Float64Array
      let at = k
      for (const { start, end } of ranges) {
        for (let row = start; row < end; row++, at += size) values[at] = column[row] as number
      }
    }
    return values
  }

  /** @internal The part to train on of the split that made this one; it may be this one. */
  get [training](): WindowDataset {
    return this.#training ?? this
  }

  /** @internal */
  get [layout](): Layout {
    return layoutOf(this.#contents)
  }

  /** The times of the targets of a window. */
  times(index: number): Date[] {
    const [start = 0] = this.#startsOf('WindowDataset.times', [index])
    const first = start + this.past
    return Array.from(this.#contents.table.times.subarray(first, first + this.horizon), (time) => new Date(time))
  }

  /** The times of the inputs of a window. */
  inputTimes(index: number): Date[] {
    const [start = 0] = this.#startsOf('WindowDataset.inputTimes', [index])
    return Array.from(this.#contents.table.times.subarray(start, start + this.past), (time) => new Date(time))
  }

  /** The group of each of these windows; undefined if the series has no groups. */
  groups(indices: readonly number[]): string[] | undefined {
    requireWindowIndices('WindowDataset.groups', indices, this.length)
    const names = indices.flatMap((index) => this.#contents.table.groups[this.#windows.group(index)]?.name ?? [])
    return this.#contents.table.groups[0]?.name === undefined ? undefined : names
  }

  /**
   * Turns a model's output, or targets, for the windows with these indices back into the units of the targets:
   * (N, horizon, O), (horizon, N, O) without `batchFirst`, or (N, O).
   */
  inverseTransform(output: Tensor, indices: readonly number[], batchFirst = true): Tensor {
    const groups = this.groups(indices)
    const { scaler } = this
    if (scaler.difference === undefined) {
      return scaler.inverseTransform(output, { batchFirst, ...(groups === undefined ? {} : { groups }) })
    }
    const origins = this.#startsOf('WindowDataset.inverseTransform', indices).map((start, n) => ({
      group: groups?.[n],
      start: (segmentAt(this.#contents.segments, start) as Rows).start,
      last: start + this.past - 1,
    }))
    return inverseOf('WindowDataset.inverseTransform', output, {
      contents: this.#contents,
      scaler,
      origins,
      horizon: this.horizon,
      batchFirst,
    })
  }

  #startsOf(owner: string, indices: unknown): number[] {
    requireWindowIndices(owner, indices, this.length)
    return indices.map((index) => this.#windows.start(index))
  }
}

function requireWindowIndices(owner: string, indices: unknown, length: number): asserts indices is readonly number[] {
  if (!isArrayOf(indices, Number.isSafeInteger)) throw invalid(owner, 'indices', 'an array of integers', indices)
  const wrong = (indices as number[]).find((index) => index < 0 || index >= length)
  if (wrong === undefined) return
  throw torchError('ERR_TORCH_INDEX', `${owner}: index ${wrong} is out of range for ${length} windows`, { op: owner })
}

export interface WindowOptions {
  /** The steps of inputs. */
  past: number
  /** The steps of targets. Default 1. */
  horizon?: number
  /** Steps from one window to the next. Default 1. */
  stride?: number
}

export function requireWindow(
  owner: string,
  { past, horizon = 1, stride = 1 }: WindowOptions,
): Required<WindowOptions> {
  for (const [name, value] of Object.entries({ past, horizon, stride }))
    requireInteger(owner, name, value, 1, 2 ** 31 - 1)
  return { past, horizon, stride }
}
