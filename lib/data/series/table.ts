import { nearestName } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { type Coroutine, perform } from '../../io/coroutine.ts'
import { offload, tidy } from '../../tensor/context.ts'
import { tensor } from '../../tensor/creation.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { inBlocks } from './pace.ts'
import { columnOf, type Storage } from './storage.ts'
import { timeText } from './time.ts'

export const OWNER = 'Series.from'

/** In which order the rows of a source may be. */
export type RowOrder = 'any' | 'monotonic'

/** The columns to read. */
export interface Names {
  readonly time: string
  /** Columns of numbers. */
  readonly values: readonly string[]
  readonly groups: readonly string[]
  /** The format of times as text; undefined for ISO 8601. */
  readonly timeFormat: string | undefined
  readonly order: RowOrder
}

/** The columns to read from a file or a query. */
export interface FileNames extends Omit<Names, 'time'> {
  /** Undefined: the order of rows is that of time. */
  readonly time: string | undefined
  /** Whether to read the number of each row, too. */
  readonly numbered?: true
}

/** The columns of a source: rows by group, and by time within each. A missing value is NaN. */
export interface Table {
  readonly times: Float64Array
  /** By name. */
  readonly columns: ReadonlyMap<string, Float64Array>
  readonly groups: readonly Group[]
}

/** Consecutive rows, from `start` to before `end`. */
export interface Rows {
  readonly start: number
  readonly end: number
}

export interface Group extends Rows {
  /** Undefined if there are no groups. */
  readonly name: string | undefined
}

/** Columns of names and numbers as they were read. */
export interface RawTable {
  readonly times: Float64Array
  readonly columns: ReadonlyMap<string, Float64Array>
  /** The index of each row's group in `names`; undefined without groups. */
  readonly groupIndices: Float64Array | undefined
  readonly names: readonly string[]
  /** The number of each row in the source, from 1; undefined unless it was asked for. */
  readonly rows?: Float64Array
}

/** The latest time of a Date. */
const LATEST = 8.64e15

/** The end of a message about a missing column: the nearest name, and all columns. */
export function otherColumns(missing: string, columns: readonly string[]): string {
  const meant = nearestName(missing, columns) ?? columns.find((name) => name.toLowerCase() === missing.toLowerCase())
  const list = columns.join(', ')
  return meant === undefined ? `: its columns are ${list}` : `; did you mean '${meant}'? Its columns are ${list}`
}

/** ` in group 'a'`, or nothing. */
export const inGroup = ({ name }: { name: string | undefined }): string =>
  name === undefined ? '' : ` in group '${name}'`

/** The name of a group: its value, or those of several columns as JSON, which keeps them apart. */
export function groupName(values: readonly string[]): string {
  return values.length === 1 ? (values[0] as string) : JSON.stringify(values)
}

/** The error for a row whose time is on the wrong side of that of the row before. */
export function disorder(where: string, time: number, before: number, group: string): Error {
  const side = time > before ? 'after' : 'before'
  return torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: ${where}: ${timeText(time)} comes ${side} ${timeText(before)}, the time of the row before${group}, but most rows go the other way: mend the times, or sort the rows with order: 'any'`,
    { op: OWNER },
  )
}

/** @throws {TorchError} unless the times of each group rise, or fall, from row to row. */
export function* requireMonotonic({ times, groupIndices: ids, names }: RawTable, time: string): Coroutine<void> {
  const last = new Map<number, number>()
  const counts = { up: 0, down: 0 }
  const first: { up?: [row: number, before: number]; down?: [row: number, before: number] } = {}
  yield* inBlocks(times.length, (start, end) => {
    for (let row = start; row < end; row++) {
      const id = ids?.[row] ?? 0
      const [value, before] = [times[row] as number, last.get(id) ?? Number.NaN]
      last.set(id, value)
      const way = value > before ? 'up' : value < before ? 'down' : undefined
      if (way === undefined) continue
      counts[way]++
      first[way] ??= [row, before]
    }
  })
  const wrong = counts.up >= counts.down ? first.down : first.up
  if (wrong === undefined) return
  const [row, before] = wrong
  const group = ids === undefined ? '' : inGroup({ name: names[ids[row] as number] })
  throw disorder(`row ${row}, column '${time}'`, times[row] as number, before, group)
}

/** Rows that a series may have: tensors of their numbers are int32. */
export const MOST_ROWS = 2 ** 31 - 1

/**
 * Sorts rows unless they are sorted: by group, in the order in which these come, and by time.
 * @throws {TorchError} if there are no rows, two at one time, or a time that Date does not have.
 */
export function* tableOf(raw: RawTable, storage: Storage): Coroutine<Table> {
  const { names } = raw
  const { length } = raw.times
  if (length === 0) throw torchError('ERR_TORCH_VALUE', `${OWNER}: the source has no rows`, { op: OWNER })
  if (length > MOST_ROWS) {
    throw torchError('ERR_TORCH_VALUE', `${OWNER}: the source has ${length} rows; at most ${MOST_ROWS} are possible`, {
      op: OWNER,
    })
  }
  yield* requireTimes(raw.times)
  const order = yield* orderOf(raw)
  function* sorted(column: Float64Array): Coroutine<Float64Array> {
    if (order === undefined) return column
    return yield* columnOf(storage, length, (block, start) => {
      for (let i = 0; i < block.length; i++) block[i] = column[order[start + i] as number] as number
    })
  }
  const times = yield* sorted(raw.times)
  const ids = raw.groupIndices && (yield* sorted(raw.groupIndices))
  const groups: Group[] = []
  let first = 0
  yield* inBlocks(length, (start, end) => {
    for (let row = Math.max(1, start); row < end; row++) {
      const id = ids?.[row - 1]
      if (ids?.[row] !== id) {
        groups.push({ name: id === undefined ? undefined : names[id], start: first, end: row })
        first = row
      } else if (times[row] === times[row - 1]) {
        const group = { name: id === undefined ? undefined : names[id] }
        throw torchError(
          'ERR_TORCH_VALUE',
          `${OWNER}: two rows have the time ${timeText(times[row] as number)}${inGroup(group)}: name the columns that tell their series apart in groups, or aggregate the rows in SQL; a time in several columns is made there, such as make_date(year, month, 1)`,
          { op: OWNER },
        )
      }
    }
  })
  const id = ids?.[length - 1]
  groups.push({ name: id === undefined ? undefined : names[id], start: first, end: length })
  const columns = new Map<string, Float64Array>()
  for (const [name, column] of raw.columns) columns.set(name, yield* sorted(column))
  return { times, columns, groups }
}

function* requireTimes(times: Float64Array): Coroutine<void> {
  yield* inBlocks(times.length, (start, end) => {
    for (let row = start; row < end; row++) {
      const time = times[row] as number
      if (Math.abs(time) <= LATEST) continue
      throw torchError(
        'ERR_TORCH_VALUE',
        `${OWNER}: the time ${time} is no number of milliseconds since 1970: it is beyond those of Date`,
        { op: OWNER },
      )
    }
  })
}

/** The rows in their order, or undefined if they are in order. */
function* orderOf({ times, groupIndices: ids }: RawTable): Coroutine<Uint32Array | Int32Array | undefined> {
  const compare = (a: number, b: number): number =>
    (ids === undefined ? 0 : (ids[a] as number) - (ids[b] as number)) || (times[a] as number) - (times[b] as number)
  let inOrder = true
  yield* inBlocks(times.length, (start, end) => {
    for (let row = Math.max(1, start); inOrder && row < end; row++) inOrder = compare(row - 1, row) <= 0
  })
  if (inOrder) return undefined
  return yield* perform<Uint32Array | Int32Array>(
    () => Uint32Array.from(times, (_, i) => i).sort(compare),
    () => orderOffThread(times, ids),
  )
}

/** By time, and then by group: both sorts keep the order of equals. */
async function orderOffThread(times: Float64Array, ids: Float64Array | undefined): Promise<Int32Array> {
  const made = [times, ...(ids === undefined ? [] : [ids])].map((values) => tensor(values))
  const [byTime, groups] = made as [Tensor, Tensor | undefined]
  const argsort = (values: Tensor): Tensor => values.sort({ stable: true })[1] as Tensor
  try {
    const order = await offload(() =>
      tidy(() => {
        const inTime = argsort(byTime)
        if (groups === undefined) return inTime.int()
        return inTime.indexSelect(0, argsort(groups.indexSelect(0, inTime))).int()
      }),
    )
    const rows = order.toTypedArray() as Int32Array
    order.dispose()
    return rows
  } finally {
    for (const one of made) one.dispose()
  }
}

/** Gives each name the number under which it came first. */
export class GroupNumbers {
  readonly #numbers = new Map<string, number>()

  numberOf(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    this.#numbers.set(name, this.#numbers.size)
    return this.#numbers.size - 1
  }

  get names(): string[] {
    return [...this.#numbers.keys()]
  }
}
