import { tmpdir } from 'node:os'
import { isArrayOf } from '../../array.ts'
import { checkOptions, invalid, requireBoolean, requireChoice, requireNone, requireString } from '../../check.ts'
import { TorchError, torchError } from '../../errors.ts'
import { type Coroutine, run, runSync } from '../../io/coroutine.ts'
import { isURL, pathOf } from '../../io/file.ts'
import { opaque } from '../../opaque.ts'
import { CALENDAR, type CalendarInput } from './calendar.ts'
import type { Contents, Segment } from './contents.ts'
import { describeGaps, fillGaps, findGaps, type Gap, type GapRows, stepOf } from './gaps.ts'
import { type Latest, type LatestOptions, latestOf } from './latest.ts'
import { completeRows, dropRows, fillMissing, MISSING, type Missing, requireComplete } from './missing.ts'
import { isInMemory, readSource, type SeriesSource } from './source.ts'
import { type Split, type SplitOptions, splitSeries } from './split.ts'
import { MappedStorage, MEMORY, type Storage } from './storage.ts'
import { type Names, OWNER, type RawTable, type RowOrder, type Table, tableOf } from './table.ts'
import { type Frequency, parseFrequency, type Step, timeHint } from './time.ts'

export interface SeriesOptions {
  /** The column of times: Dates, ISO 8601 texts (in UTC unless they have an offset), or milliseconds since 1970. */
  time: string
  /**
   * The format of times as text that are not in ISO 8601, of a file or a query: `'%b %d %Y'` for Jan 1 2000, `'%d.%m.%Y
   * %H:%M'`, `'%Y'` for years. See https://duckdb.org/docs/stable/sql/functions/dateformat. Default: ISO 8601.
   */
  timeFormat?: string
  /**
   * `'any'`: rows are sorted by time. `'monotonic'`: they must be in the order of time, forwards or backwards, within each
   * group, which times that were read wrong are not. Default `'any'`.
   */
  order?: RowOrder
  /** The columns to forecast. */
  targets: string | readonly string[]
  /** Further columns that a model sees up to the present. Default: none. */
  inputs?: string | readonly string[]
  /** Inputs made from the time, two each: see {@link CalendarInput}. Default: none. */
  calendar?: CalendarInput | readonly CalendarInput[]
  /** The columns whose values tell several series apart. Default: there is one series. */
  groups?: string | readonly string[]
  /** Whether a model sees the past of the targets as inputs. Default `true`. */
  autoregressive?: boolean
  /** What becomes of missing values. Default `'error'`. */
  missing?: Missing
  /** The distance of two steps. Default: the median of the distances of neighbouring rows. */
  frequency?: Frequency
  /**
   * What becomes of gaps in time, where steps are absent. `'break'`: windows do not cross them. `'fill'`: rows are put
   * in whose values are missing, and `missing` says what becomes of these. `'ignore'`: rows count as neighbours, such
   * as Friday and Monday at an exchange. `'error'`: none is allowed. Default `'break'`.
   */
  gaps?: 'break' | 'fill' | 'ignore' | 'error'
  /**
   * Keep the columns, and the tensors of the parts, in files that are mapped into memory, so that a series may be
   * larger than the memory: for files and queries. `true`: in the system's folder for temporary files, which must be on
   * a disk; or the path of a folder. It takes 8 bytes a cell, and 4 in each `split`. The files are deleted at once: the
   * space is free again when the series and its parts are. Default `false`: in memory.
   */
  mmap?: boolean | string | URL
}

const OPTIONS = [
  'time',
  'timeFormat',
  'order',
  'targets',
  'inputs',
  'calendar',
  'groups',
  'autoregressive',
  'missing',
  'frequency',
  'gaps',
  'mmap',
] as const
const GAPS = ['break', 'fill', 'ignore', 'error'] as const
const CONSTRUCT = Symbol('construct')

/** @internal What a series holds; `undefined` for anything else. */
export let contentsOf: (series: unknown) => Contents | undefined

/**
 * One or several time series, read from a file, a database or arrays. `split` cuts it in time and into windows to train
 * on.
 *
 * Columns are held as float64, in memory unless `mmap` is set; what is not selected is not read. Sorting, and queries, may
 * exceed the memory.
 *
 * @example
 * const series = await Series.from('weather.parquet', { time: 'date', targets: 'temp_max', inputs: ['wind'] })
 * const { train, validation } = await series.split({ validation: '2014', past: 90, horizon: 7 })
 */
export class Series {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('Series', 'use column(name)')
  readonly targets: readonly string[]
  readonly inputs: readonly string[]
  readonly calendar: readonly CalendarInput[]
  /** The names of the groups; empty if there are none. Names of several columns are a JSON array. */
  readonly groups: readonly string[]
  /** The distance of two steps; undefined if no series has two rows. */
  readonly frequency: Frequency | undefined
  /** Where steps are absent, also if they were filled in. */
  readonly gaps: readonly Gap[]
  readonly #contents: Contents

  static {
    contentsOf = (series) =>
      typeof series === 'object' && series !== null && #contents in series ? series.#contents : undefined
  }

  // Protected, so that `new Series()` does not compile.
  protected constructor(key: symbol, contents: Contents, step: Step | undefined, gaps: readonly Gap[]) {
    if (key !== CONSTRUCT)
      throw torchError('ERR_TORCH_TYPE', 'new Series() cannot read data: use Series.from(source, options)')
    this.targets = contents.targets
    this.inputs = contents.inputs
    this.calendar = contents.calendar
    this.groups = contents.table.groups.flatMap(({ name }) => name ?? [])
    this.frequency = step?.frequency
    this.gaps = gaps
    this.#contents = contents
  }

  /**
   * Reads a series. Files and queries are read by DuckDB, off the main thread: `npm install @duckdb/node-api`.
   * @throws {TorchError} that names file, line and column of a cell that cannot be read, the columns with missing
   *   values, or two rows with the same time.
   */
  static async from(source: SeriesSource, options: SeriesOptions, ...none: undefined[]): Promise<Series> {
    requireNone(OWNER, none)
    checkOptions(OWNER, options, OPTIONS)
    const { autoregressive = true, missing = 'error', gaps = 'break' } = options
    const targets = namesOf('targets', options.targets)
    const inputs = namesOf('inputs', options.inputs ?? [])
    const groups = namesOf('groups', options.groups ?? [])
    const calendar = namesOf('calendar', options.calendar ?? []) as CalendarInput[]
    requireString(OWNER, 'time', options.time)
    const { timeFormat, order = 'any' } = options
    if (timeFormat !== undefined) requireString(OWNER, 'timeFormat', timeFormat)
    requireChoice(OWNER, 'order', order, ['any', 'monotonic'])
    requireBoolean(OWNER, 'autoregressive', autoregressive)
    requireChoice(OWNER, 'missing', missing, MISSING)
    requireChoice(OWNER, 'gaps', gaps, GAPS)
    for (const name of calendar) requireChoice(OWNER, 'calendar', name, Object.keys(CALENDAR) as CalendarInput[])
    if (targets.length === 0) throw invalid(OWNER, 'targets', 'the name of a column, or several', [], 'ERR_TORCH_VALUE')
    if (!autoregressive && inputs.length + calendar.length === 0) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${OWNER}: without the past of the targets a model needs inputs or calendar`,
        {
          op: OWNER,
        },
      )
    }
    if (gaps === 'fill' && missing === 'drop') {
      throw torchError('ERR_TORCH_OPTION', `${OWNER}: gaps: 'fill' puts rows in that missing: 'drop' leaves out`)
    }
    const exact = options.frequency === undefined ? undefined : parseFrequency(OWNER, options.frequency)
    const names: Names = { time: options.time, values: [...targets, ...inputs], groups, timeFormat, order }
    requireDistinct([names.time, ...names.values])
    requireDistinct([names.time, ...groups])

    const storage = storageFor(source, options.mmap)
    const raw = await readSource(source, names, storage)
    const { table, step, behind, found } = await arranged(raw, options, { storage, exact, missing, gaps })
    const segments = segmentsOf(table, behind, missing !== 'mask')
    const masked = missing === 'mask'
    return new Series(
      CONSTRUCT,
      { time: options.time, table, segments, targets, inputs, calendar, autoregressive, masked, storage },
      step,
      found,
    )
  }

  /** The number of rows, of all groups together. */
  get length(): number {
    return this.#contents.table.times.length
  }

  /**
   * The features of an input, in their order: the targets unless `autoregressive` is false, the inputs, with
   * `missing: 'mask'` a `'… observed'` for each of these columns, and `'… sin'` and `'… cos'` of the calendar.
   */
  get inputNames(): string[] {
    const { autoregressive, masked } = this.#contents
    const columns = [...(autoregressive ? this.targets : []), ...this.inputs]
    return [
      ...columns,
      ...(masked ? columns.map((name) => `${name} observed`) : []),
      ...this.calendar.flatMap((name) => [`${name} sin`, `${name} cos`]),
    ]
  }

  /** The number of features of an input. */
  get inputSize(): number {
    return this.inputNames.length
  }

  /** The number of targets. */
  get outputSize(): number {
    return this.targets.length
  }

  /** The times of the rows, by group. */
  get times(): Date[] {
    return Array.from(this.#contents.table.times, (time) => new Date(time))
  }

  /** A copy of a column's values, by group and time, with what was filled in; NaN where one is missing. */
  column(name: string, ...none: undefined[]): Float64Array {
    requireNone('Series.column', none)
    requireString('Series.column', 'name', name)
    const { columns } = this.#contents.table
    const found = columns.get(name)
    if (found !== undefined) return found.slice()
    throw torchError(
      'ERR_TORCH_VALUE',
      `Series.column: there is no column '${name}': columns are ${[...columns.keys()].join(', ')}`,
    )
  }

  /**
   * Cuts the series in time and into windows: `past` steps of inputs, and the `horizon` steps of targets that follow.
   * A window belongs to the part in which all its targets are; its inputs may be those of the part before. Scales come
   * from the training part only. Meanwhile the event loop gets a turn every few milliseconds.
   *
   * @example
   * const { train, validation, test } = await series.split({ validation: '2014', test: '2015', past: 90, horizon: 7 })
   * @throws {TorchError} (rejects) if a part has no windows.
   */
  async split<const O extends SplitOptions>(options: O, ...none: undefined[]): Promise<Split<O>> {
    requireNone('Series.split', none)
    return (await run(splitSeries(this.#contents, options))) as Split<O>
  }

  /** The same as {@link split}, at once: it blocks the event loop. */
  splitSync<const O extends SplitOptions>(options: O, ...none: undefined[]): Split<O> {
    requireNone('Series.splitSync', none)
    return runSync(splitSeries(this.#contents, options)) as Split<O>
  }

  /**
   * The inputs of the last `past` steps of each group, from which to forecast what comes after the data.
   * @throws {TorchError} if a group has fewer steps since its last gap.
   */
  latest(options: LatestOptions, ...none: undefined[]): Latest {
    requireNone('Series.latest', none)
    return latestOf(this.#contents, options)
  }
}

interface Arranging {
  readonly storage: Storage
  readonly exact: Step | undefined
  readonly missing: Missing
  readonly gaps: (typeof GAPS)[number]
}

interface Arranged {
  readonly table: Table
  readonly step: Step | undefined
  /** The rows behind gaps that windows do not cross. */
  readonly behind: GapRows
  readonly found: Gap[]
}

/** What {@link arrange} makes; its errors say so if times look as if they had been read wrong. */
async function arranged(
  raw: RawTable,
  { time, timeFormat }: { time: string; timeFormat?: string },
  how: Arranging,
): Promise<Arranged> {
  try {
    return await run(arrange(raw, how))
  } catch (error) {
    const hint = timeFormat === undefined ? timeHint(raw.times) : undefined
    if (!(error instanceof TorchError) || hint === undefined) throw error
    throw torchError(error.code, `${error.message}\nNumbers in column '${time}' are milliseconds since 1970; ${hint}`, {
      op: OWNER,
      cause: error,
    })
  }
}

/** Sorts the rows, and does what was said about missing values and gaps. */
function* arrange(raw: RawTable, { storage, exact, missing, gaps }: Arranging): Coroutine<Arranged> {
  let table = yield* tableOf(raw, storage)
  if (missing === 'drop') table = yield* dropRows(table, storage)
  const step = exact ?? stepOf(table)
  let behind: GapRows = step === undefined ? new Map() : yield* findGaps(table, step, exact !== undefined)
  const found = describeGaps(table, behind)
  if (gaps === 'error') requireNoGaps(found)
  if (gaps === 'fill' && step !== undefined) table = yield* fillGaps(table, behind, step, storage)
  if (gaps !== 'break') behind = new Map()
  if (missing === 'error') yield* requireComplete(table)
  if (missing === 'forward' || missing === 'interpolate') yield* fillMissing(table, missing)
  return { table, step, behind, found }
}

/** @throws {TorchError} for a folder that is none, and for data that are in memory already. */
function storageFor(source: unknown, mmap: unknown): Storage {
  if (mmap === undefined || mmap === false) return MEMORY
  if (mmap !== true && typeof mmap !== 'string' && !isURL(mmap)) {
    throw invalid(OWNER, 'mmap', 'a boolean, or the path or file: URL of a folder', mmap)
  }
  if (isInMemory(source)) {
    throw torchError(
      'ERR_TORCH_OPTION',
      `${OWNER}: mmap is for files and queries, but the columns are in memory already`,
    )
  }
  if (process.platform === 'win32') {
    throw torchError(
      'ERR_TORCH_OPTION',
      `${OWNER}: mmap is not there on Windows, where a mapped file cannot be deleted`,
    )
  }
  return new MappedStorage(mmap === true ? tmpdir() : pathOf(OWNER, mmap))
}

function namesOf(option: string, value: unknown): string[] {
  const names: unknown = typeof value === 'string' ? [value] : value
  if (isArrayOf(names, (name): name is string => typeof name === 'string')) {
    requireDistinct(names)
    return [...names]
  }
  throw invalid(
    OWNER,
    option,
    option === 'calendar' ? 'a name, or an array of names' : 'the name of a column, or an array of names',
    value,
  )
}

function requireDistinct(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice === undefined) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: '${twice}' is named twice: a column is the time, a target or an input; the past of targets is an input by itself`,
    {
      op: OWNER,
    },
  )
}

function requireNoGaps([first, ...more]: readonly Gap[]): void {
  if (first === undefined) return
  const group = first.group === undefined ? '' : ` in group '${first.group}'`
  const others = more.length === 0 ? '' : `, and ${more.length} more gap${more.length === 1 ? '' : 's'}`
  throw torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: ${first.steps} step${first.steps === 1 ? ' is' : 's are'} absent between ${first.after.toISOString()} and ${first.before.toISOString()}${group}${others}`,
    { op: OWNER },
  )
}

/** Cuts groups at gaps; `complete` leaves out the rows at their ends that could not be filled. */
function segmentsOf(table: Table, gaps: GapRows, complete: boolean): Segment[] {
  const cuts = [...gaps.keys()]
  let next = 0
  return table.groups.flatMap((group, index) => {
    const { start, end } = complete ? completeRows(table, group) : group
    const segments: Segment[] = []
    let from = start
    for (; next < cuts.length && (cuts[next] as number) < group.end; next++) {
      const cut = cuts[next] as number
      if (cut <= start || cut >= end) continue
      segments.push({ group: index, start: from, end: cut })
      from = cut
    }
    if (from < end) segments.push({ group: index, start: from, end })
    return segments
  })
}
