import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'
import type { Coroutine } from '../../io/coroutine.ts'
import { isTypedArray } from '../../tensor/data.ts'
import { pacing } from './pace.ts'
import { GroupNumbers, groupName, type Names, OWNER, otherColumns, type RawTable } from './table.ts'
import { timeOf } from './time.ts'

/** A column as an array of any kind, one element per row. */
export type SeriesColumn = ArrayLike<unknown>

/** Columns by name: `{ date: ['2024-01-01', …], temp: Float64Array }`. */
export type SeriesColumns = Readonly<Record<string, SeriesColumn>>

/** Rows as objects: `[{ date: '2024-01-01', temp: 3.5 }, …]`. */
export type SeriesRows = readonly Readonly<Record<string, unknown>>[]

/** The cell of a row and a column, both of which exist. */
type Cells = (row: number, name: string) => unknown

function problem(message: string): Error {
  return torchError('ERR_TORCH_VALUE', `${OWNER}: ${message}`, { op: OWNER })
}

/** @throws {TorchError} for columns that are missing or differ in length, and for cells of the wrong kind. */
export function* readColumns(columns: SeriesColumns, names: Names): Coroutine<RawTable> {
  const wanted = [names.time, ...names.values, ...names.groups]
  for (const name of wanted) {
    if (!Object.hasOwn(columns, name)) {
      throw problem(`the source has no column '${name}'${otherColumns(name, Object.keys(columns))}`)
    }
    const column: unknown = columns[name]
    if (Array.isArray(column) || isTypedArray(column)) continue
    throw torchError(
      'ERR_TORCH_TYPE',
      `${OWNER}: column '${name}' must be an array or a typed array, got ${describe(column)}`,
      { op: OWNER },
    )
  }
  const lengthOf = (name: string): number => (columns[name] as SeriesColumn).length
  const length = lengthOf(names.time)
  const other = wanted.find((name) => lengthOf(name) !== length)
  if (other !== undefined) {
    throw problem(`column '${names.time}' has ${length} rows, but '${other}' has ${lengthOf(other)}`)
  }
  return yield* readCells(length, names, (row, name) => (columns[name] as SeriesColumn)[row])
}

/** The same for rows. A name that no row has is misspelled; in some rows it is a missing value. */
export function* readRows(rows: SeriesRows, names: Names): Coroutine<RawTable> {
  for (const [row, cells] of rows.entries()) {
    if (typeof cells === 'object' && cells !== null) continue
    throw torchError(
      'ERR_TORCH_TYPE',
      `${OWNER}: row ${row} must be an object of names and values, got ${describe(cells)}`,
      {
        op: OWNER,
      },
    )
  }
  for (const name of rows.length === 0 ? [] : [names.time, ...names.values, ...names.groups]) {
    if (rows.some((cells) => Object.hasOwn(cells, name))) continue
    throw problem(`no row has a '${name}': the first one has ${Object.keys(rows[0] ?? {}).join(', ')}`)
  }
  return yield* readCells(rows.length, names, (row, name) => rows[row]?.[name])
}

/** Rows that are read between two looks at the clock: a time as text takes a microsecond. */
const CHECKED = 1024

function* readCells(length: number, names: Names, cell: Cells): Coroutine<RawTable> {
  const pace = pacing()
  const bad = (row: number, name: string, wanted: string): Error =>
    problem(`row ${row}, column '${name}': expected ${wanted}, got ${describe(cell(row, name))}`)
  const times = new Float64Array(length)
  for (let row = 0; row < length; row++) {
    const time = timeOf(cell(row, names.time))
    if (!Number.isFinite(time)) throw bad(row, names.time, 'a Date, an ISO 8601 text or milliseconds since 1970')
    times[row] = time
    if (row % CHECKED === 0) yield* pace()
  }
  const columns = new Map<string, Float64Array>()
  for (const name of names.values) {
    const column = new Float64Array(length)
    for (let row = 0; row < length; row++) {
      const value = cell(row, name)
      const isNumeric = ['number', 'bigint', 'boolean'].includes(typeof value)
      if (!isNumeric && value !== null && value !== undefined) throw bad(row, name, 'a number')
      const number = isNumeric ? Number(value) : Number.NaN
      if (Math.abs(number) === Number.POSITIVE_INFINITY) throw bad(row, name, 'a finite number')
      column[row] = number
      if (row % CHECKED === 0) yield* pace()
    }
    columns.set(name, column)
  }
  if (names.groups.length === 0) return { times, columns, groupIndices: undefined, names: [] }
  const numbers = new GroupNumbers()
  const groupIndices = new Float64Array(length)
  for (let row = 0; row < length; row++) {
    const values = names.groups.map((name) => {
      const value = cell(row, name)
      if (!['string', 'number', 'bigint', 'boolean'].includes(typeof value)) throw bad(row, name, 'a text or a number')
      return String(value)
    })
    groupIndices[row] = numbers.numberOf(groupName(values))
    if (row % CHECKED === 0) yield* pace()
  }
  return { times, columns, groupIndices, names: numbers.names }
}
