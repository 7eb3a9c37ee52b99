import { torchError } from '../../errors.ts'
import { type Group, inGroup, OWNER, type Table } from './table.ts'
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
export function findGaps({ times, groups }: Table, step: Step, isExact: boolean): GapRows {
  const found = new Map<number, number>()
  for (const group of groups) {
    for (let row = group.start + 1; row < group.end; row++) {
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

/** The table with rows for the absent steps, in which all values are missing. */
export function fillGaps(table: Table, gaps: GapRows, step: Step): Table {
  if (gaps.size === 0) return table
  const { times, columns, groups } = table
  const absent = [...gaps.values()].reduce((sum, steps) => sum + steps, 0)
  const length = times.length + absent
  const filledTimes = new Float64Array(length)
  const filled = new Map([...columns.keys()].map((name) => [name, new Float64Array(length).fill(Number.NaN)]))
  const newGroups: Group[] = []
  let position = 0
  for (const { name, start, end } of groups) {
    const newStart = position
    for (let row = start; row < end; row++) {
      const steps = gaps.get(row) ?? 0
      for (let k = 1; k <= steps; k++) {
        filledTimes[position++] = timeBetween(step, times[row - 1] as number, times[row] as number, k, steps + 1)
      }
      filledTimes[position] = times[row] as number
      for (const [column, values] of columns) (filled.get(column) as Float64Array)[position] = values[row] as number
      position++
    }
    newGroups.push({ name, start: newStart, end: position })
  }
  return { times: filledTimes, columns: filled, groups: newGroups }
}
