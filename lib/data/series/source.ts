import { checkOptions, invalid, isPlain, requireString } from '../../check.ts'
import { run } from '../../io/coroutine.ts'
import { isURL, pathOf } from '../../io/file.ts'
import { readColumns, readRows, type SeriesColumns, type SeriesRows } from './arrays.ts'
import { type QuerySource, readFile, readQuery } from './duckdb.ts'
import type { Storage } from './storage.ts'
import { type Names, OWNER, type RawTable } from './table.ts'

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
  if (Array.isArray(source)) return run(readRows(source as SeriesRows, names))
  if (typeof source === 'string' || isURL(source)) return readFile(pathOf(OWNER, source), names, storage)
  if (!isPlain(source)) {
    throw invalid(OWNER, 'source', 'the path of a file, { sql }, columns by name, or an array of rows', source)
  }
  if (!isQuery(source)) return run(readColumns(source as SeriesColumns, names))
  checkOptions(OWNER, source, ['sql', 'values', 'database', 'connection'])
  requireString(OWNER, 'sql', source.sql)
  return readQuery(source, names, storage)
}

/** Whether `source` consists of arrays. */
export function isInMemory(source: unknown): boolean {
  return Array.isArray(source) || (isPlain(source) && !isQuery(source))
}

/** Columns are arrays, so that one may also be called `sql`. */
function isQuery(source: object): source is QuerySource {
  return 'sql' in source && !(typeof source.sql === 'object' && source.sql !== null)
}
