import { checkOptions, requireBoolean, requireDict, requireInteger } from '../../check.ts'
import { torchError } from '../../errors.ts'
import type { Coroutine } from '../../io/coroutine.ts'
import { type ScalerChoice, scalerOf } from '../scaler/index.ts'
import { FIT_COLUMNS, type Scaler } from '../scaler/scaler.ts'
import { SeriesScaler } from '../scaler/series-scaler.ts'
import type { Contents } from './contents.ts'
import { differencesIn } from './difference.ts'
import { frameOf } from './frame.ts'
import { pacing } from './pace.ts'
import { inGroup, type Rows, type Table } from './table.ts'
import { requireSplitPoint, type SplitPoint, timeOf, timeText } from './time.ts'
import { requireWindow, WindowDataset, type WindowOptions, Windows } from './windows.ts'

export interface SplitOptions extends WindowOptions {
  /**
   * Where the validation part starts: a time such as `'2014'`, `'2014-06-30T12:00'` or a Date; or its share of the
   * rows, such as 0.2. Default: there is none.
   */
  validation?: SplitPoint
  /** Where the test part starts, which comes last. Default: there is none. */
  test?: SplitPoint
  /** How columns are scaled, or a scaler that is fitted already. Default `'standard'`. */
  scaler?: ScalerChoice | 'none' | SeriesScaler
  /** Other scalers for single columns, by name. Default: none. */
  scalers?: Readonly<Record<string, ScalerChoice | 'none'>>
  /** Whether each group has scales of its own. Default `true`. */
  scalePerGroup?: boolean
  /**
   * Models see, and forecast, what targets add to their values so many steps before: 1 takes a trend away, the steps of a
   * season a season and its trend. With the scaler `'log'` it is the growth. Windows then need so many steps more before
   * their past. Default: targets are the values.
   */
  difference?: number
}

/** The parts that were asked for. */
export type Split<O> = { train: WindowDataset } & {
  [Part in keyof Pick<O, Extract<keyof O, 'validation' | 'test'>>]: WindowDataset
}

const OWNER = 'Series.split'
const OPTIONS = [
  'validation',
  'test',
  'past',
  'horizon',
  'stride',
  'scaler',
  'scalers',
  'scalePerGroup',
  'difference',
] as const

export function* splitSeries(contents: Contents, options: SplitOptions): Coroutine<Record<string, WindowDataset>> {
  checkOptions(OWNER, options, OPTIONS)
  const size = requireWindow(OWNER, options)
  const bounds = boundsOf(contents, options)
  const trainEnd = bounds.validation ?? bounds.test ?? Number.POSITIVE_INFINITY
  const scaler = yield* scalerFor(contents, options, trainEnd)
  const parts: [name: string, start: number, end: number][] = [['train', Number.NEGATIVE_INFINITY, trainEnd]]
  const { validation, test } = bounds
  if (validation !== undefined) parts.push(['validation', validation, test ?? Number.POSITIVE_INFINITY])
  if (test !== undefined) parts.push(['test', test, Number.POSITIVE_INFINITY])
  const found: [name: string, windows: Windows][] = []
  for (const [name, start, end] of parts) {
    const windows = yield* windowsIn(contents, size, { start, end }, scaler.difference ?? 0)
    if (windows.length === 0) throw noWindows(contents, size, name, scaler.difference)
    found.push([name, windows])
  }
  const frame = yield* frameOf(OWNER, contents, scaler)
  const made: Record<string, WindowDataset> = {}
  for (const [name, windows] of found) made[name] = new WindowDataset(contents, frame, windows, scaler, made.train)
  return made
}

interface Bounds {
  validation: number | undefined
  test: number | undefined
}

/** The times at which the parts start. */
function boundsOf({ table }: Contents, options: SplitOptions): Bounds {
  const { length } = table.times
  const resolve = (name: 'validation' | 'test', end: number): number | undefined => {
    const point = options[name]
    if (point === undefined) return undefined
    requireSplitPoint(OWNER, name, point)
    if (typeof point !== 'number') return timeOf(point)
    const row = rowsBefore(table, end) - Math.round(point * length)
    if (row > 0) return timeOfRank(table, Math.min(row, length - 1))
    throw torchError('ERR_TORCH_VALUE', `${OWNER}: with ${name}: ${point} no rows are left to train on`, { op: OWNER })
  }
  const test = resolve('test', Number.POSITIVE_INFINITY)
  const validation = resolve('validation', test ?? Number.POSITIVE_INFINITY)
  if (validation !== undefined && test !== undefined && validation >= test) {
    if (typeof options.validation === 'number' && typeof options.test === 'number') {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${OWNER}: ${length} rows are too few for three parts: validation: ${options.validation} and test: ${options.test} both start at ${timeText(test)}`,
        { op: OWNER },
      )
    }
    throw torchError(
      'ERR_TORCH_VALUE',
      `${OWNER}: validation must start before test, but starts at ${timeText(validation)}, and test at ${timeText(test)}`,
      { op: OWNER },
    )
  }
  return { validation, test }
}

/** The number of rows before a time, of all groups. */
function rowsBefore({ times, groups }: Table, time: number): number {
  return groups.reduce((sum, { start, end }) => sum + lowerBound(times, time, start, end) - start, 0)
}

/** The `rank`-th of the times of all groups, in ascending order. Groups overlap in time, so it is found by halving. */
function timeOfRank(table: Table, rank: number): number {
  const { times, groups } = table
  // There are at most `rank` rows before `low`, and more before `high`.
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const { start, end } of groups) {
    low = Math.min(low, times[start] as number)
    high = Math.max(high, times[end - 1] as number)
  }
  if (rowsBefore(table, high) <= rank) return high
  for (;;) {
    const middle = low + (high - low) / 2
    if (middle <= low || middle >= high) return low
    if (rowsBefore(table, middle) <= rank) low = middle
    else high = middle
  }
}

/** The first index in ascending values from `start` to `end` whose value is at least `value`. */
function lowerBound(values: Float64Array, value: number, start = 0, end = values.length): number {
  let [low, high] = [start, end]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((values[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}

function* scalerFor(contents: Contents, options: SplitOptions, trainEnd: number): Coroutine<SeriesScaler> {
  const { targets, inputs, table, segments } = contents
  const { scaler = 'standard', scalers = {}, scalePerGroup = true, difference } = options
  requireBoolean(OWNER, 'scalePerGroup', scalePerGroup)
  if (difference !== undefined) requireInteger(OWNER, 'difference', difference, 1)
  if (scaler instanceof SeriesScaler) {
    if (options.scalers !== undefined || options.scalePerGroup !== undefined || difference !== undefined) {
      throw torchError(
        'ERR_TORCH_OPTION',
        `${OWNER}: the scaler is fitted: scalers, scalePerGroup and difference cannot change it`,
      )
    }
    return requireFitting(OWNER, contents, scaler)
  }
  const choices = requireDict(OWNER, 'scalers', scalers)
  const columns = [...targets, ...inputs]
  const unknown = Object.keys(choices).find((name) => !columns.includes(name))
  if (unknown !== undefined) {
    throw torchError('ERR_TORCH_VALUE', `${OWNER}: scalers names '${unknown}', but columns are ${columns.join(', ')}`, {
      op: OWNER,
    })
  }
  const make = (column: string): Scaler | undefined => {
    const own = Object.hasOwn(choices, column)
    const choice = own ? choices[column] : scaler
    return choice === 'none' ? undefined : scalerOf(OWNER, own ? `scalers.${column}` : 'scaler', choice)
  }
  const perGroup = scalePerGroup && table.groups[0]?.name !== undefined
  const ranges = table.groups.map(({ name, start, end }) => ({
    name,
    start,
    end: lowerBound(table.times, trainEnd, start, end),
  }))
  const fitted: (Scaler | undefined)[][] = []
  for (const rows of perGroup ? ranges.map((range) => [range]) : [ranges]) {
    const scalers: (Scaler | undefined)[] = []
    for (const column of columns) {
      const values = table.columns.get(column) as Float64Array
      const isDifferenced = difference !== undefined && targets.includes(column)
      const nameOf = (): string => {
        const where = perGroup && rows[0] ? inGroup(rows[0]) : ''
        return `${OWNER}: column '${column}'${where}, before ${trainEnd === Number.POSITIVE_INFINITY ? 'its end' : timeText(trainEnd)},`
      }
      const scaler = make(column)
      const parts = isDifferenced
        ? rows.map((range) => differencesIn(values, segments, range, { steps: difference, scaler }))
        : rows.map(({ start, end }) => values.subarray(start, end))
      if (isDifferenced && parts.every(({ length }) => length === 0)) {
        throw torchError('ERR_TORCH_VALUE', `${nameOf()} has no two values ${difference} steps apart`, { op: OWNER })
      }
      scalers.push(scaler && (yield* scaler[FIT_COLUMNS]([parts], nameOf, isDifferenced)))
    }
    fitted.push(scalers)
  }
  const groups = perGroup ? table.groups.map(({ name }) => name as string) : undefined
  return new SeriesScaler(targets, inputs, groups, fitted, difference)
}

/** @throws {TorchError} unless the scaler is for these columns. */
export function requireFitting(owner: string, { targets, inputs }: Contents, scaler: SeriesScaler): SeriesScaler {
  const same = (a: readonly string[], b: readonly string[]): boolean =>
    a.length === b.length && a.every((name, i) => name === b[i])
  if (same(scaler.targets, targets) && same(scaler.inputs, inputs)) return scaler
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: the scaler is for targets ${scaler.targets.join(', ')} and inputs ${scaler.inputs.join(', ') || '(none)'}, but the series has targets ${targets.join(', ')} and inputs ${inputs.join(', ') || '(none)'}`,
    { op: owner },
  )
}

/** The windows whose targets are all within a part, and of which at least one was observed. */
function* windowsIn(
  contents: Contents,
  size: Required<WindowOptions>,
  { start: from, end: to }: Rows,
  difference: number,
): Coroutine<Windows> {
  const { past, horizon, stride } = size
  const { times, columns } = contents.table
  const targets = contents.targets.map((name) => columns.get(name) as Float64Array)
  const pace = pacing()
  const windows = new Windows(size)
  for (const { group, start: begin, end } of contents.segments) {
    // The first steps have nothing to differ from.
    const start = begin + difference
    if (start >= end) continue
    const first = Math.max(start, lowerBound(times, from, start, end) - past)
    const last = lowerBound(times, to, start, end) - past - horizon
    if (!contents.masked) {
      windows.add(group, first, Math.floor((last - first) / stride) + 1)
      continue
    }
    // The last row up to the end of the window in which a target was observed.
    let seen = -1
    let looked = first
    for (let row = first; row <= last; row += stride) {
      for (; looked < row + past + horizon; looked++) {
        if (targets.some((column) => !Number.isNaN(column[looked]))) seen = looked
        if (looked % CHECKED === 0) yield* pace()
      }
      if (seen >= row + past) windows.add(group, row, 1)
    }
  }
  return windows
}

/** Rows that are looked at between two looks at the clock. */
const CHECKED = 1024

function noWindows(
  { table, segments }: Contents,
  { past, horizon }: Required<WindowOptions>,
  name: string,
  difference: number | undefined,
): Error {
  const before = difference === undefined ? '' : `, after ${difference} to differ from`
  const longest = segments.reduce((most, { start, end }) => Math.max(most, end - start), 0)
  const { times, groups } = table
  const first = timeText(groups.reduce((least, { start }) => Math.min(least, times[start] as number), Infinity))
  const last = timeText(groups.reduce((most, { end }) => Math.max(most, times[end - 1] as number), -Infinity))
  const gaps =
    segments.length > table.groups.length
      ? "; windows do not cross gaps in time: see series.gaps, and gaps: 'fill' or 'ignore'"
      : ''
  return torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: the ${name} part has no window of ${past} past and ${horizon} future steps${before}. The series goes from ${first} to ${last}; the longest run of steps is ${longest}${gaps}`,
    { op: OWNER },
  )
}
