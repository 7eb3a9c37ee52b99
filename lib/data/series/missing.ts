import { torchError } from '../../errors.ts'
import type { Coroutine } from '../../io/coroutine.ts'
import { inBlocks } from './pace.ts'
import { columnOf, type Storage } from './storage.ts'
import { type Group, inGroup, OWNER, type Rows, type Table } from './table.ts'
import { timeText } from './time.ts'

/**
 * What becomes of missing values (NULL, NaN, null, undefined):
 * - `'error'`: none is allowed
 * - `'mask'`: they are marked. Each column gets a further input, 1 where the value was observed and else 0, in which
 *   case the value is 0 after scaling; targets get a mask.
 * - `'forward'`: the value before is carried forward
 * - `'interpolate'`: linear in time between the values before and after. It uses values that come later: a forecast
 *   could not.
 * - `'drop'`: the row is left out, which leaves a gap in time
 */
export type Missing = 'error' | 'mask' | 'forward' | 'interpolate' | 'drop'

export const MISSING = ['error', 'mask', 'forward', 'interpolate', 'drop'] as const satisfies readonly Missing[]

/** @throws {TorchError} that names the columns with missing values, if there are any. */
export function* requireComplete(table: Table): Coroutine<void> {
  const problems: string[] = []
  for (const [name, column] of table.columns) {
    let count = 0
    let first = -1
    yield* inBlocks(column.length, (start, end) => {
      for (let row = start; row < end; row++) {
        if (!Number.isNaN(column[row])) continue
        if (count++ === 0) first = row
      }
    })
    if (count === 0) continue
    const group = table.groups.find(({ end }) => first < end) as Group
    const time = timeText(table.times[first] as number)
    problems.push(
      count === 1
        ? `column '${name}' has 1 missing value, at ${time}${inGroup(group)}`
        : `column '${name}' has ${count} missing values, the first at ${time}${inGroup(group)}`,
    )
  }
  if (problems.length === 0) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: ${problems.join('; ')}. Say what to do: missing: 'mask', 'forward', 'interpolate' or 'drop'`,
    { op: OWNER },
  )
}

/** The table without the rows that lack a value. */
export function* dropRows({ times, columns, groups }: Table, storage: Storage): Coroutine<Table> {
  const keep = new Uint8Array(times.length).fill(1)
  for (const column of columns.values()) {
    yield* inBlocks(column.length, (start, end) => {
      for (let row = start; row < end; row++) if (Number.isNaN(column[row])) keep[row] = 0
    })
  }
  const newGroups: Group[] = []
  let position = 0
  for (const group of groups) {
    const first = position
    yield* inBlocks(
      group.end,
      (start, end) => {
        for (let row = start; row < end; row++) position += keep[row] as number
      },
      group.start,
    )
    if (position === first) {
      throw torchError('ERR_TORCH_VALUE', `${OWNER}: each row${inGroup(group)} has a missing value: none is left`, {
        op: OWNER,
      })
    }
    newGroups.push({ name: group.name, start: first, end: position })
  }
  const length = position
  const kept = (column: Float64Array): Coroutine<Float64Array> => {
    let row = 0
    return columnOf(storage, length, (block) => {
      for (let i = 0; i < block.length; i++) {
        while (keep[row] === 0) row++
        block[i] = column[row++] as number
      }
    })
  }
  const newTimes = yield* kept(times)
  const newColumns = new Map<string, Float64Array>()
  for (const [name, column] of columns) newColumns.set(name, yield* kept(column))
  return { times: newTimes, columns: newColumns, groups: newGroups }
}

/**
 * Fills the missing values in place. What lies before the first value of a column in its group, and for
 * `'interpolate'` behind the last one, has nothing to be filled from and stays missing.
 */
export function* fillMissing({ times, columns, groups }: Table, how: 'forward' | 'interpolate'): Coroutine<void> {
  for (const column of columns.values()) {
    for (const group of groups) {
      let last = -1
      yield* inBlocks(
        group.end,
        (start, end) => {
          for (let row = start; row < end; row++) {
            if (Number.isNaN(column[row])) {
              if (how === 'forward' && last >= 0) column[row] = column[last] as number
              continue
            }
            if (how === 'interpolate' && last >= 0) interpolate(times, column, last, row)
            last = row
          }
        },
        group.start,
      )
    }
  }
}

function interpolate(times: Float64Array, column: Float64Array, from: number, to: number): void {
  const [start, end] = [times[from] as number, times[to] as number]
  const [low, high] = [column[from] as number, column[to] as number]
  for (let row = from + 1; row < to; row++) {
    column[row] = low + (high - low) * (((times[row] as number) - start) / (end - start))
  }
}

/**
 * The rows of a group from the first to the last that have all values.
 * @throws {TorchError} if a column has no value in the group.
 */
export function completeRows({ columns }: Table, group: Group): Rows {
  let { start, end } = group
  for (const [name, column] of columns) {
    let first = group.start
    while (first < group.end && Number.isNaN(column[first])) first++
    if (first === group.end) {
      throw torchError('ERR_TORCH_VALUE', `${OWNER}: column '${name}' has no values${inGroup(group)}`, { op: OWNER })
    }
    let last = group.end
    while (Number.isNaN(column[last - 1])) last--
    start = Math.max(start, first)
    end = Math.min(end, last)
  }
  return { start, end: Math.max(start, end) }
}
