import { torchError } from '../../errors.ts'
import type { Coroutine } from '../../io/coroutine.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { FORWARD } from '../scaler/scaler.ts'
import { COLUMNS_OF, type SeriesScaler } from '../scaler/series-scaler.ts'
import { circleOf } from './calendar.ts'
import type { Contents } from './contents.ts'
import { differenceAt, rowBefore, segmentAt } from './difference.ts'
import { BLOCK, pacing } from './pace.ts'
import { type Group, inGroup } from './table.ts'
import { timeText } from './time.ts'

/** The rows of a series as tensors, scaled. */
export interface Frame {
  /** (T, I), float32. */
  readonly inputs: Tensor
  /** (T, O), float32: scaled values, or what they add to those before, 0 where that is not known. */
  readonly targets: Tensor
  /** (T, O), float32: 1 where a target was observed, else 0. Undefined unless missing values are marked. */
  readonly observed: Tensor | undefined
}

/** Where the features of an input are that a forecast takes the place of: see `Series.inputNames`. */
export interface Layout {
  /** The number of targets, the first features; 0 if a model does not see their past. */
  readonly targets: number
  /** The first feature that says whether a target was observed, if there are such. */
  readonly observed: number | undefined
}

export function layoutOf({ targets, inputs, autoregressive, masked }: Contents): Layout {
  const seen = autoregressive ? targets.length : 0
  return { targets: seen, observed: masked && autoregressive ? seen + inputs.length : undefined }
}

/** Writes a feature of the rows from `start` to before `end`, at `offset` of each `stride` elements. */
type Feature = (rows: Float32Array, start: number, end: number, offset: number, stride: number) => void

/**
 * Makes the tensors of a series, which the caller disposes.
 * @throws {TorchError} if a value has no scaled value: a logarithm of a negative number.
 */
export function* frameOf(owner: string, contents: Contents, scaler: SeriesScaler): Coroutine<Frame> {
  const { targets, inputs, calendar, autoregressive, masked, table } = contents
  const names = [...(autoregressive ? targets : []), ...inputs]
  const { difference } = scaler
  const values = scaling(owner, contents, scaler)
  const steps = difference === undefined ? values : differencing(owner, contents, scaler)
  const scaled = (name: string, missing: number): Feature => (targets.includes(name) ? steps : values)(name, missing)
  const observation = (name: string): Feature =>
    difference !== undefined && targets.includes(name)
      ? presenceOfSteps(contents, name, difference)
      : presence(table.columns.get(name) as Float64Array)
  const features: Feature[] = [
    ...names.map((name) => scaled(name, masked ? 0 : Number.NaN)),
    ...(masked ? names.map(observation) : []),
  ]
  const times = table.times
  for (const name of calendar) {
    features.push((rows, start, end, offset, stride) => {
      for (let row = start, at = offset; row < end; row++, at += stride) {
        const [sin, cos] = circleOf(name, times[row] as number)
        rows[at] = sin
        rows[at + 1] = cos
      }
    })
  }
  // Both inputs of a calendar are written by one function.
  const width = features.length + calendar.length
  const offsets = features.map((_, i) => i + Math.max(0, i - (features.length - calendar.length)))
  const fill = filling(contents)
  const made: Tensor[] = []
  try {
    made.push(yield* fill(width, features, offsets))
    // What is masked takes part in the loss with weight 0: 0 times NaN is NaN.
    const wanted = targets.map((name) => scaled(name, masked ? 0 : Number.NaN))
    made.push(yield* fill(targets.length, wanted, [...wanted.keys()]))
    if (masked) {
      const seen = targets.map(observation)
      made.push(yield* fill(targets.length, seen, [...seen.keys()]))
    }
  } catch (error) {
    for (const tensor of made) tensor.dispose()
    throw error
  }
  const [inputRows, targetRows, observed] = made as [Tensor, Tensor, Tensor | undefined]
  return { inputs: inputRows, targets: targetRows, observed }
}

type Fill = (width: number, features: readonly Feature[], offsets: readonly number[]) => Coroutine<Tensor>

function filling({ table: { times }, storage }: Contents): Fill {
  const { length } = times
  const pace = pacing()
  return function* (width, features, offsets) {
    const sink = storage.tensor(length, width)
    try {
      for (let start = 0; start < length; start += BLOCK) {
        const end = Math.min(length, start + BLOCK)
        const rows = new Float32Array((end - start) * width)
        for (const [i, write] of features.entries()) {
          write(rows, start, end, offsets[i] as number, width)
          yield* pace()
        }
        yield* sink.append(rows)
        yield* pace()
      }
      return yield* sink.finish()
    } catch (error) {
      sink.abort()
      throw error
    }
  }
}

function presence(column: Float64Array): Feature {
  return (rows, start, end, offset, stride) => {
    for (let row = start, at = offset; row < end; row++, at += stride) rows[at] = Number.isNaN(column[row]) ? 0 : 1
  }
}

/** Which values were observed, and one before from which they differ. */
function presenceOfSteps({ table, segments }: Contents, name: string, steps: number): Feature {
  const column = table.columns.get(name) as Float64Array
  return (rows, start, end, offset, stride) => {
    for (let row = start, at = offset; row < end; row++, at += stride) {
      const segment = Number.isNaN(column[row]) ? undefined : segmentAt(segments, row)
      rows[at] = segment !== undefined && rowBefore(column, row, steps, segment.start) >= 0 ? 1 : 0
    }
  }
}

/** Scaled differences of targets; those that are not known are 0. */
function differencing(
  owner: string,
  { table, segments, targets, inputs }: Contents,
  scaler: SeriesScaler,
): (name: string) => Feature {
  const steps = scaler.difference as number
  const all = [...targets, ...inputs]
  const ofGroups = table.groups.map(({ name }) => scaler[COLUMNS_OF](owner, name))
  return (name) => {
    const column = table.columns.get(name) as Float64Array
    const index = all.indexOf(name)
    return (rows, start, end, offset, stride) => {
      for (let row = start, at = offset; row < end; row++, at += stride) {
        const segment = segmentAt(segments, row)
        const one = ofGroups[segment?.group ?? 0]?.[index]
        const value = column[row] as number
        if (one?.offset !== undefined && value + one.offset <= 0) {
          throw tooSmall(owner, table, name, row, { value, offset: one.offset })
        }
        const found =
          segment === undefined ? Number.NaN : differenceAt(column, row, segment.start, { steps, scaler: one })
        rows[at] = Number.isNaN(found) ? 0 : found
      }
    }
  }
}

function tooSmall(
  owner: string,
  { times, groups }: Contents['table'],
  name: string,
  row: number,
  { value, offset }: { value: number; offset: number | undefined },
): Error {
  const group = groups.find(({ end }) => row < end) as Group
  return torchError(
    'ERR_TORCH_VALUE',
    `${owner}: column '${name}' at ${timeText(times[row] as number)}${inGroup(group)}: ${value} is too small for the logarithm of x + ${offset}`,
    { op: owner },
  )
}

function scaling(owner: string, contents: Contents, scaler: SeriesScaler): (name: string, missing: number) => Feature {
  const { columns, groups } = contents.table
  const ofGroups = groups.map(({ name }) => scaler[COLUMNS_OF](owner, name))
  const all = [...contents.targets, ...contents.inputs]
  return (name, missing) => {
    const column = columns.get(name) as Float64Array
    const index = all.indexOf(name)
    const scaleRows = (
      rows: Float32Array,
      start: number,
      end: number,
      at: number,
      stride: number,
      group: number,
    ): void => {
      const one = ofGroups[group]?.[index]
      const forward = one?.[FORWARD](0) ?? ((value: number) => value)
      for (let row = start, position = at; row < end; row++, position += stride) {
        const value = column[row] as number
        const result = forward(value)
        rows[position] = Number.isNaN(value) ? missing : result
        if (Number.isFinite(result) || Number.isNaN(value)) continue
        throw tooSmall(owner, contents.table, name, row, { value, offset: one?.offset })
      }
    }
    return (rows, start, end, offset, stride) => {
      let from = start
      for (let group = groups.findIndex((each) => each.end > start); from < end; group++) {
        const to = Math.min(end, (groups[group] as Group).end)
        scaleRows(rows, from, to, offset + (from - start) * stride, stride, group)
        from = to
      }
    }
  }
}
