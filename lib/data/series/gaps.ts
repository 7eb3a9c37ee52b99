import { totalmem } from 'node:os'
import { torchError } from '../../errors.ts'
import type { Coroutine } from '../../io/coroutine.ts'
import { inBlocks } from './pace.ts'
import { columnOf, MEMORY, type Storage } from './storage.ts'
import { type Group, inGroup, MOST_ROWS, OWNER, type Table } from './table.ts'
import { inferStep, type Step, stepsBetween, timeBetween, timeText } from './time.ts'

/** Steps that a series lacks between two neighbouring rows. */
export interface Gap {
  /** The series, if there are several. */
  readonly group?: string
  /** The times of the rows before and behind. */
  readonly after: Date
  readonly before: Date
  /** The number of steps that are absent. */
  readonly steps: number
}

// Enough to find the median; more would only take time.
const MOST_INTERVALS = 100_000

/** The distance of most neighbouring rows; undefined if no group has two. */
export function stepOf({ times, groups }: Table): Step | undefined {
  const stride = Math.ceil(times.length / MOST_INTERVALS)
  const intervals: number[] = []
  for (const { start, end } of groups) {
    for (let row = start + 1; row < end; row += stride) {
      intervals.push((times[row] as number) - (times[row - 1] as number))
    }
  }
  return inferStep(Float64Array.from(intervals))
}

/** The rows behind a gap, each with the number of steps that are absent before it. */
export type GapRows = ReadonlyMap<number, number>

/** @throws {TorchError} if `isExact` and rows are closer to each other than a step. */
export function* findGaps({ times, groups }: Table, step: Step, isExact: boolean): Coroutine<GapRows> {
  const found = new Map<number, number>()
  for (const group of groups) {
    yield* inBlocks(
      group.end,
      (start, end) => {
        for (let row = start; row < end; row++) {
          const [from, to] = [times[row - 1] as number, times[row] as number]
          const steps = stepsBetween(step, from, to)
          if (steps > 1) found.set(row, steps - 1)
          if (steps > 0 || !isExact) continue
          throw torchError(
            'ERR_TORCH_VALUE',
            `${OWNER}: frequency is '${step.frequency}', but there are rows at ${timeText(from)} and ${timeText(to)}${inGroup(group)}: give the frequency of the rows, or aggregate them in SQL`,
            { op: OWNER },
          )
        }
      },
      group.start + 1,
    )
  }
  return found
}

export function describeGaps({ times, groups }: Table, gaps: GapRows): Gap[] {
  let index = 0
  return [...gaps].map(([row, steps]) => {
    while ((groups[index] as Group).end <= row) index++
    const { name } = groups[index] as Group
    const [after, before] = [new Date(times[row - 1] as number), new Date(times[row] as number)]
    return { ...(name === undefined ? {} : { group: name }), after, before, steps }
  })
}

/**
 * The table with rows for the absent steps, in which all values are missing.
 * @throws {TorchError} if these are more than a series, or the memory, can hold.
 */
export function* fillGaps(table: Table, gaps: GapRows, step: Step, storage: Storage): Coroutine<Table> {
  if (gaps.size === 0) return table
  const { times, columns, groups } = table
  let absent = 0
  for (const steps of gaps.values()) absent += steps
  const length = times.length + absent
  const bytes = length * 8 * (columns.size + 1)
  if (length > MOST_ROWS || (storage === MEMORY && bytes > totalmem())) throw tooMany(table, gaps, absent, bytes)
  /** Writes the column, and what `absentValue` gives for the `k`-th of the steps that are absent before a row. */
  const filled = (column: Float64Array, absentValue: (row: number, k: number) => number): Coroutine<Float64Array> => {
    let row = 0
    let k = 1
    return columnOf(storage, length, (block) => {
      for (let i = 0; i < block.length; i++) {
        if (k <= (gaps.get(row) ?? 0)) {
          block[i] = absentValue(row, k++)
          continue
        }
        block[i] = column[row++] as number
        k = 1
      }
    })
  }
  const filledTimes = yield* filled(times, (row, k) =>
    timeBetween(step, times[row - 1] as number, times[row] as number, k, (gaps.get(row) as number) + 1),
  )
  const filledColumns = new Map<string, Float64Array>()
  for (const [name, column] of columns) filledColumns.set(name, yield* filled(column, () => Number.NaN))
  const rows = [...gaps]
  let next = 0
  let before = 0
  const newGroups = groups.map(({ name, start, end }) => {
    const newStart = start + before
    for (; next < rows.length && (rows[next] as [number, number])[0] < end; next++) {
      before += (rows[next] as [number, number])[1]
    }
    return { name, start: newStart, end: end + before }
  })
  return { times: filledTimes, columns: filledColumns, groups: newGroups }
}

function tooMany(table: Table, gaps: GapRows, absent: number, bytes: number): Error {
  let longest = [0, 0]
  for (const gap of gaps) if (gap[1] > (longest[1] as number)) longest = gap
  const [found] = describeGaps(table, new Map([longest as [number, number]])) as [Gap]
  return torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: gaps: 'fill' would put ${absent} rows in, ${(bytes / 2 ** 30).toFixed(1)} GB in all; the longest gap is of ${found.steps} steps between ${timeText(found.after.getTime())} and ${timeText(found.before.getTime())}${inGroup({ name: found.group })}: correct that time, give the frequency, or take gaps: 'break'`,
    { op: OWNER },
  )
}
