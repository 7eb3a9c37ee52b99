import { Buffer } from 'node:buffer'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { invalid } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { pathOf } from '../../io/file.ts'
import { CSV, collect, placeOf, type Source } from './collect.ts'
import { requireOnce } from './header.ts'
import { quoted, type SeriesConnection, Session, text, withDatabase } from './session.ts'
import type { Storage } from './storage.ts'
import { disorder, type FileNames, groupName, inGroup, OWNER, otherColumns, type RawTable } from './table.ts'

/** A query for DuckDB. */
export interface QuerySource {
  /** A SELECT statement. Its rows need no order. */
  readonly sql: string
  /** Values of the parameters in the query: `?` and `$1` by position, `$name` by name. */
  readonly values?: readonly unknown[] | Readonly<Record<string, unknown>>
  /** A DuckDB database file, which is opened for reading only. Default: none; the query reads files. */
  readonly database?: string | URL
  /** An open connection of `@duckdb/node-api`, in place of `database`. It stays open. */
  readonly connection?: SeriesConnection
}

const tableOfQuery = (sql: string): string => `(${sql.replace(/[;\s]+$/, '')}\n)`

export async function readQuery(source: QuerySource, names: FileNames, storage: Storage): Promise<RawTable> {
  const { sql, values, database, connection } = source
  const table = tableOfQuery(sql)
  const read = async (session: Session, ownTimeZone: boolean): Promise<RawTable> => {
    const types = await session.typesOf(table, values)
    return readTable({ session, title: 'the query', table, values, types }, names, { storage, ownTimeZone })
  }
  if (connection === undefined) {
    return withDatabase(database && pathOf(OWNER, database), storage, (session) => read(session, true))
  }
  if (typeof connection?.stream !== 'function') {
    throw invalid(OWNER, 'connection', 'a DuckDBConnection of @duckdb/node-api', connection)
  }
  if (database !== undefined) throw torchError('ERR_TORCH_OPTION', `${OWNER}: give either database or connection`)
  return read(new Session(connection), false)
}

const JSON_FILE = /\.(json|jsonl|ndjson)(\.gz)?$/i
const PARQUET = /\.parquet$/i

/** The columns of a file or of a query's result, with their types in DuckDB. */
export async function typesIn(source: string | QuerySource, storage: Storage): Promise<Map<string, string>> {
  if (typeof source !== 'string') {
    const table = tableOfQuery(source.sql)
    return withDatabase(undefined, storage, (session) => session.typesOf(table, source.values))
  }
  await requireText(source)
  const table = CSV.test(source) ? `read_csv(${text(source)}, header = true)` : `${readerOf(source)}(${text(source)})`
  return withDatabase(undefined, storage, (session) => session.typesOf(table))
}

/** The function of DuckDB that reads a file that is no CSV. @throws {TorchError} if there is none. */
function readerOf(path: string): string {
  const reader = JSON_FILE.test(path) ? 'read_json' : PARQUET.test(path) ? 'read_parquet' : undefined
  if (reader !== undefined) return reader
  throw torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: ${path}: the name of a file must end in .csv, .tsv, .txt, .parquet, .json, .jsonl or .ndjson; other files can be read with { sql: "SELECT * FROM read_csv('…')" }`,
    { op: OWNER },
  )
}

export async function readFile(path: string, names: FileNames, storage: Storage): Promise<RawTable> {
  await requireText(path)
  if (CSV.test(path)) return withDatabase(undefined, storage, (session) => readCsv(session, path, names, storage))
  const table = `${readerOf(path)}(${text(path)})`
  return withDatabase(undefined, storage, async (session) => {
    const types = await session.typesOf(table)
    return readTable({ session, title: path, table, values: undefined, types }, names, { storage, ownTimeZone: true })
  })
}

/** @throws {TorchError} for a folder; for a file without anything; for a text file in UTF-16, which DuckDB takes for UTF-8 with one strange column. */
async function requireText(path: string): Promise<void> {
  // A pattern, or an error that DuckDB tells better.
  const file = await open(path).catch(() => undefined)
  if (file === undefined) return
  try {
    const about = await file.stat()
    if (about.isDirectory()) {
      throw torchError(
        'ERR_TORCH_FILE',
        `${OWNER}: ${path} is a folder: name a file, or several by a pattern, such as ${JSON.stringify(join(path, '*.csv'))}`,
        { op: OWNER },
      )
    }
    if (about.isFile() && about.size === 0) {
      throw torchError('ERR_TORCH_VALUE', `${OWNER}: ${path} is empty`, { op: OWNER })
    }
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    const mark = bytesRead === 2 ? buffer.readUInt16LE() : 0
    if (mark !== 0xfeff && mark !== 0xfffe) return
  } finally {
    await file.close()
  }
  throw torchError('ERR_TORCH_FORMAT', `${OWNER}: ${path} is in UTF-16: convert it to UTF-8`, { op: OWNER })
}

/** Rejected lines that are recorded, at most, and those that an error shows. */
const MOST_REJECTS = 1000
const SHOWN_REJECTS = 5

// Without them, DuckDB guesses from a sample whether the day or the month comes first. What is in ISO 8601 otherwise is
// converted as text.
const FORMATS = "dateformat = '%Y-%m-%d', timestampformat = '%Y-%m-%d %H:%M:%S', "
const YEAR_1000 = Date.UTC(1000, 0)

/**
 * Columns of numbers are read as such, whatever the first lines look like: a cell that is none is rejected, with its
 * line.
 */
async function readCsv(session: Session, path: string, names: FileNames, storage: Storage): Promise<RawTable> {
  const tableWith = (types: Readonly<Record<string, string>>, formats = FORMATS): string => {
    const list = Object.entries(types).map(([name, type]) => `${text(name)}: ${text(type)}`)
    const typed = list.length === 0 ? '' : `, types = {${list.join(', ')}}`
    return `read_csv(${text(path)}, header = true, ${formats}store_rejects = true, rejects_limit = ${MOST_REJECTS}${typed})`
  }
  const sniffed = await session.typesOf(tableWith({}))
  requireColumns(path, sniffed, names)
  const used = [names.time ?? [], names.values, names.groups].flat()
  await requireOnce(session, path, new Set(sniffed.keys()), used)
  const types: Record<string, string> = {}
  for (const name of names.values) if (sniffed.get(name) !== 'BOOLEAN') types[name] = 'DOUBLE'
  for (const name of names.groups) types[name] = 'VARCHAR'
  // Times with an offset are NULL if they cannot be read, and not rejected: they are converted as text.
  const { time, timeFormat } = names
  const sniffedTime = time === undefined ? undefined : sniffed.get(time)
  if (time !== undefined && (sniffedTime === 'TIMESTAMP WITH TIME ZONE' || timeFormat !== undefined)) {
    types[time] = 'VARCHAR'
  }
  const known = new Map([...sniffed, ...Object.entries(types)])
  const source = { session, title: path, table: tableWith(types), values: undefined, types: known }
  const [read] = await Promise.allSettled([readTable(source, names, { storage, ownTimeZone: true })])
  await requireNoRejects(session)
  if (read.status === 'fulfilled') {
    const isWritten = sniffedTime !== undefined && !NUMERIC.test(sniffedTime) && timeFormat === undefined
    const ancient = isWritten ? read.value.times.find((value) => value < YEAR_1000) : undefined
    if (ancient === undefined) return read.value
    throw torchError(
      'ERR_TORCH_FORMAT',
      `${OWNER}: ${path}: column '${time}' has a time in the year ${new Date(ancient).getUTCFullYear()}: years need four digits${hintOf(['24-01-02'])}`,
      { op: OWNER },
    )
  }
  if (time !== undefined && known.get(time) === 'VARCHAR' && timeFormat === undefined) {
    // A text that is no time is rejected, with its line, when the column is read as TIMESTAMP.
    const table = tableWith({ ...types, [time]: 'TIMESTAMP' }, '')
    await session.rows(`SELECT count(${quoted(time)}) FROM ${table}`)
    await requireNoRejects(session, "\nIf they are times, say in which format, as in timeFormat: '%b %d %Y'")
  }
  throw read.reason
}

/** @throws {TorchError} that names file, line and column of the cells that DuckDB rejected. */
async function requireNoRejects(session: Session, hint = ''): Promise<void> {
  const tables = await session.rows("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors'")
  if (Number(tables[0]?.[0]) === 0) return
  const rejects = await session.rows(
    `SELECT DISTINCT file_path, line, column_name, error_message FROM reject_errors JOIN reject_scans USING (scan_id, file_id) ORDER BY ALL`,
  )
  if (rejects.length === 0) return
  const shown = rejects.slice(0, SHOWN_REJECTS).map(([file, line, column, message]) => {
    const problem = String(message).replace(/^Error when converting column ".*"\. /s, '')
    return `${file}, line ${line}${column === null ? '' : `, column '${column}'`}: ${problem}`
  })
  const more = rejects.length - shown.length
  const rest = more > 0 ? `\nand ${more}${rejects.length >= MOST_REJECTS ? ' or more' : ''} others` : ''
  const cells = rejects.map(([, , , message]) => /Could not convert string "(.*)" to/s.exec(String(message))?.[1] ?? '')
  throw torchError('ERR_TORCH_FORMAT', `${OWNER}: ${shown.join('\n')}${rest}${hintOf(cells) || hint}`, { op: OWNER })
}

const DAY_FIRST = /^\s*\d{1,2}([./-])\d{1,2}\1(\d{4}|\d{2})(?!\d)([ T]\d{1,2}:\d{2})?(:\d{2})?/

/** The format of times such as 31.12.2024 10:00 that fits the first of them; of two days it takes that of Europe. */
function dayFormat(cells: readonly string[]): string {
  const found = cells.flatMap((cell) => DAY_FIRST.exec(cell) ?? [])
  const [, separator = '/', year = '2024', clock = '', seconds] = found
  const monthFirst = cells.some((cell) => /^\s*\d{1,2}\D(1[3-9]|2\d|3[01])\D/.test(cell))
  const day = (monthFirst ? ['%m', '%d'] : ['%d', '%m']).join(separator)
  const time = clock === '' ? '' : `${clock[0]}%H:%M${seconds === undefined ? '' : ':%S'}`
  return `${day}${separator}${year.length === 4 ? '%Y' : '%y'}${time}`
}

/** What to do about cells that are no numbers or times as DuckDB reads them, but may be in another form. */
function hintOf(cells: readonly string[]): string {
  const query = (option: string): string => `{ sql: "SELECT * FROM read_csv('…', ${option})" }`
  const forms: [form: RegExp, what: string, remedy: string][] = [
    [/^[-+]?\d+(\.\d{3})*,\d+$/, 'Decimal commas', query("decimal_separator = ','")],
    [DAY_FIRST, 'Times that are not in ISO 8601, 2024-02-01T10:00,', `timeFormat: '${dayFormat(cells)}'`],
    [/^(n\/?a|null|nil|none|missing|-+|\?|\.)$/i, 'Texts for missing values', query("nullstr = 'NA'")],
  ]
  const hints = forms.flatMap(([form, what, remedy]) =>
    cells.some((cell) => form.test(cell)) ? [`\n${what} are read with ${remedy}`] : [],
  )
  return hints.join('')
}

function requireColumns(title: string, types: ReadonlyMap<string, string>, names: FileNames): void {
  const missing = [names.time ?? [], names.values, names.groups].flat().find((name) => !types.has(name))
  if (missing === undefined) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: ${title} has no column '${missing}'${otherColumns(missing, [...types.keys()])}${CSV.test(title) ? ' (those of the first line)' : ''}`,
    { op: OWNER },
  )
}

const NUMERIC = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL.*|BOOLEAN)$/

/** The SQL of a column's values as numbers, which are NULL for a text that is none. */
function numberSql(name: string, type: string): string | undefined {
  if (NUMERIC.test(type)) return `CAST(${quoted(name)} AS DOUBLE)`
  return type === 'VARCHAR' ? `TRY_CAST(${quoted(name)} AS DOUBLE)` : undefined
}

/** The SQL of milliseconds since 1970, NULL for a text that is no time. */
function timeSql(
  { time, timeFormat }: { time: string; timeFormat: string | undefined },
  type: string,
  ownTimeZone: boolean,
): string | undefined {
  const column = quoted(time)
  if (timeFormat !== undefined) {
    return `CAST(epoch_ms(try_strptime(CAST(${column} AS VARCHAR), ${text(timeFormat)})) AS DOUBLE)`
  }
  if (NUMERIC.test(type)) return `CAST(${column} AS DOUBLE)`
  if (type === 'TIMESTAMP WITH TIME ZONE') return `CAST(epoch_ms(${column}) AS DOUBLE)`
  if (type === 'DATE' || /^TIMESTAMP(_S|_MS|_NS)?$/.test(type)) {
    return `CAST(epoch_ms(CAST(${column} AS TIMESTAMP)) AS DOUBLE)`
  }
  // The time zone of a connection of the user's could be any. A year of two digits would be one of antiquity.
  if (type === 'VARCHAR' && ownTimeZone) {
    const month = `regexp_full_match(trim(${column}), '\\d{4}-\\d{2}')`
    const iso = `CASE WHEN ${month} THEN trim(${column}) || '-01' WHEN regexp_matches(${column}, '^\\s*\\d{4}') THEN ${column} END`
    return `CAST(epoch_ms(TRY_CAST(${iso} AS TIMESTAMPTZ)) AS DOUBLE)`
  }
  return undefined
}

interface Reading {
  readonly storage: Storage
  /** Whether times as text are in UTC. */
  readonly ownTimeZone: boolean
}

async function readTable(source: Source, names: FileNames, { storage, ownTimeZone }: Reading): Promise<RawTable> {
  const { session, title, table, values, types } = source
  requireColumns(title, types, names)
  const typeOf = (name: string): string => types.get(name) as string
  const refuse = (name: string, wanted: string): never => {
    throw torchError(
      'ERR_TORCH_TYPE',
      `${OWNER}: ${title}: column '${name}' is of type ${typeOf(name)}, but must be ${wanted}: cast it in a query, { sql: 'SELECT …' }`,
      { op: OWNER },
    )
  }
  const { time: clock, timeFormat } = names
  const time =
    clock === undefined
      ? ROW_NUMBER
      : (timeSql({ time: clock, timeFormat }, typeOf(clock), ownTimeZone) ?? refuse(clock, 'a DATE or TIMESTAMP'))
  const numbers = names.values.map((name) => numberSql(name, typeOf(name)) ?? refuse(name, 'numeric'))
  const groups = names.groups.map((name) => `CAST(${quoted(name)} AS VARCHAR)`)
  for (const [i, name] of names.values.entries()) {
    if (typeOf(name) === 'VARCHAR') await requireReadable(source, name, numbers[i] as string, 'a number')
  }
  if (clock !== undefined && (typeOf(clock) === 'VARCHAR' || timeFormat !== undefined)) {
    const wanted = timeFormat === undefined ? 'a time' : `a time of the format ${text(timeFormat)}`
    await requireReadable(source, clock, time, wanted)
  }
  if (clock !== undefined && names.order === 'monotonic') await requireOrder(source, time, clock, groups)
  // By position: a name could be that of a column of the source.
  const order = [...groups.map((_, i) => numbers.length + 2 + i), 1]
  const rows = names.numbered === true ? [ROW_NUMBER] : []
  const result = await session.start(
    `SELECT ${[time, ...numbers, ...groups, ...rows].join(', ')} FROM ${table} AS source ORDER BY ${order.join(', ')}`,
    values,
  )
  return collect(session, result, source, { names, storage })
}

/** @throws {TorchError} that names the first row whose text cannot be converted. */
async function requireReadable(source: Source, name: string, converted: string, wanted: string): Promise<void> {
  const { session, title, table, values } = source
  const bad = await session.rows(
    `SELECT row, CAST(${quoted(name)} AS VARCHAR) FROM (SELECT row_number() OVER () AS row, ${quoted(name)} FROM ${table} AS source) AS numbered WHERE ${quoted(name)} IS NOT NULL AND ${converted} IS NULL LIMIT 1`,
    values,
  )
  if (bad[0] === undefined) return
  const [row, cell] = bad[0]
  throw torchError(
    'ERR_TORCH_FORMAT',
    `${OWNER}: ${placeOf(title, Number(row))}, column '${name}': ${text(String(cell))} is not ${wanted}${hintOf([String(cell)])}`,
    { op: OWNER },
  )
}

/** The number of a row, from 1, as float64. */
const ROW_NUMBER = 'CAST(row_number() OVER () AS DOUBLE)'

/** @throws {TorchError} unless times rise, or fall, from row to row of each group. */
async function requireOrder(
  { session, title, table, values }: Source,
  time: string,
  name: string,
  groups: readonly string[],
): Promise<void> {
  const keys = groups.map((_, i) => `g${i}`)
  const numbered = `SELECT row_number() OVER () AS n, ${[`${time} AS t`, ...groups.map((sql, i) => `${sql} AS g${i}`)].join(', ')} FROM ${table} AS source`
  const partition = keys.length === 0 ? '' : `PARTITION BY ${keys.join(', ')} `
  const steps = `SELECT *, lag(t) OVER (${partition}ORDER BY n) AS p FROM (${numbered}) AS numbered`
  const all = ['n', 't', 'p', ...keys].join(', ')
  const found = await session.rows(
    `WITH steps AS (${steps}), wrong AS (SELECT count(*) FILTER (t < p) <= count(*) FILTER (t > p) AS up FROM steps) SELECT ${all} FROM steps, wrong WHERE CASE WHEN up THEN t < p ELSE t > p END ORDER BY n LIMIT 1`,
    values,
  )
  if (found[0] === undefined) return
  const [row, at, before, ...names] = found[0]
  const group = keys.length === 0 ? '' : inGroup({ name: groupName(names.map(String)) })
  throw disorder(`${placeOf(title, Number(row))}, column '${name}'`, Number(at), Number(before), group)
}
