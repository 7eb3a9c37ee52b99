import { checkOptions, invalid, isPlain, requireString } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { type Coroutine, run } from '../../io/coroutine.ts'
import { isURL, pathOf } from '../../io/file.ts'
import { readColumns, readRows, type SeriesColumns, type SeriesRows } from './arrays.ts'
import { type QuerySource, readFile, readQuery } from './duckdb.ts'
import type { Storage } from './storage.ts'
import { type Names, OWNER, type RawTable, requireMonotonic } from './table.ts'

/**
 * Where the columns of a series come from:
 * - the path or file: URL of a CSV (.csv, .tsv, .txt, also .gz), Parquet (.parquet) or JSON file (.json, .jsonl,
 *   .ndjson), or a pattern of several such as `'weather-*.parquet'`; read by DuckDB
 * - `{ sql }`, a query for DuckDB, over files, the tables of a `database` file, or a `connection` of yours
 * - columns as arrays and typed arrays by name
 * - rows as an array of objects
 */
export type SeriesSource = string | URL | QuerySource | SeriesColumns | SeriesRows

/** @throws {TorchError} if `source` is none, or does not have the columns. */
export async function readSource(source: unknown, names: Names, storage: Storage): Promise<RawTable> {
  if (isInMemory(source)) return run(readArrays(source as SeriesColumns | SeriesRows, names))
  if (typeof source === 'string' || isURL(source)) return readFile(pathOf(OWNER, source), names, storage)
  if (!isPlain(source)) {
    throw invalid(OWNER, 'source', 'the path of a file, { sql }, columns by name, or an array of rows', source)
  }
  const query = source as QuerySource
  checkOptions(OWNER, query, ['sql', 'values', 'database', 'connection'])
  requireString(OWNER, 'sql', query.sql)
  return readQuery(query, names, storage)
}

function* readArrays(source: SeriesColumns | SeriesRows, names: Names): Coroutine<RawTable> {
  if (names.timeFormat !== undefined) {
    throw torchError(
      'ERR_TORCH_OPTION',
      `${OWNER}: timeFormat is for files and queries: arrays have Dates, or ISO 8601`,
    )
  }
  const raw = yield* Array.isArray(source) ? readRows(source, names) : readColumns(source as SeriesColumns, names)
  if (names.order === 'monotonic') yield* requireMonotonic(raw, names.time)
  return raw
}

/** Whether `source` consists of arrays. */
export function isInMemory(source: unknown): boolean {
  return Array.isArray(source) || (isPlain(source) && !isQuery(source))
}

/** Columns are arrays, so that one may also be called `sql`. */
function isQuery(source: object): source is QuerySource {
  return 'sql' in source && !(typeof source.sql === 'object' && source.sql !== null)
}
