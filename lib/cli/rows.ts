// Rows out: CSV or JSON lines on standard output or in a file, or a Parquet file.
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { torchError } from '../errors.ts'
import { UsageError } from './problem.ts'

export type Cell = string | number | null
export type Row = Readonly<Record<string, Cell>>

/** The columns of all rows, in their order, each with its type in Parquet. */
export type Columns = Readonly<Record<string, 'VARCHAR' | 'TIMESTAMP' | 'DOUBLE' | 'INTEGER'>>

export const ROW_FORMATS = ['csv', 'jsonl', 'parquet'] as const
export type RowFormat = (typeof ROW_FORMATS)[number]

export interface RowsOptions {
  /** A file; default: standard output. */
  out?: string
  /** Default: that of the file's name, and CSV on standard output. */
  format?: RowFormat
}

/** @throws {UsageError} if rows cannot be written so. */
export function rowFormatOf({ out, format }: RowsOptions): RowFormat {
  if (format === 'parquet' && out === undefined) throw new UsageError('--format parquet needs --out, a file')
  if (format !== undefined) return format
  if (out === undefined) return 'csv'
  const ending = extname(out).slice(1)
  const found = ending === 'ndjson' ? 'jsonl' : ROW_FORMATS.find((name) => name === ending)
  if (found !== undefined) return found
  throw new UsageError(`the name of ${out} must end in .csv, .jsonl or .parquet, or --format must say what it is`)
}

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

function lineOf(cells: readonly Cell[]): string {
  return `${cells.map((cell) => (cell === null ? '' : quoted(String(cell)))).join(',')}\n`
}

/**
 * A number that was computed in float32, without the digits that it does not have; `null` for NaN.
 *
 * @param width how far such numbers are from each other, such as their standard deviation: of a number that is much larger
 *   more digits are known, since it was computed relative to a mean. Default: that of the number.
 */
export function rounded(value: number | undefined, width?: number): number | null {
  if (value === undefined || Number.isNaN(value)) return null
  const ratio = width === undefined ? 1 : Math.abs(value) / width
  const more = ratio > 10 && ratio < Infinity ? Math.floor(Math.log10(ratio)) - 1 : 0
  return Number(value.toPrecision(Math.min(DIGITS.single + more, DIGITS.double)))
}

/** The decimal digits of float32 and float64. */
const DIGITS = { single: 7, double: 15 } as const

/** Writes rows as they come: never more than some of them are held. */
export async function writeRows(
  columns: Columns,
  rows: AsyncIterable<readonly Row[]>,
  options: RowsOptions,
): Promise<void> {
  const format = rowFormatOf(options)
  if (format === 'parquet') return await writeParquet(columns, rows, options.out as string)
  const stream = options.out === undefined ? process.stdout : createWriteStream(options.out)
  await writeText(columns, rows, format, stream)
}

async function writeText(
  columns: Columns,
  rows: AsyncIterable<readonly Row[]>,
  format: 'csv' | 'jsonl',
  stream: Writable,
): Promise<void> {
  const names = Object.keys(columns)
  const write = (text: string): Promise<void> =>
    new Promise((resolve, reject) => stream.write(text, (error) => (error == null ? resolve() : reject(error))))
  try {
    // An error of the file comes as an event, too.
    stream.on('error', () => {})
    if (format === 'csv') await write(lineOf(names))
    for await (const part of rows) {
      const lines = part.map((row) =>
        format === 'csv' ? lineOf(names.map((name) => row[name] ?? null)) : `${JSON.stringify(row)}\n`,
      )
      await write(lines.join(''))
    }
    if (stream !== process.stdout) await new Promise<void>((resolve) => stream.end(() => resolve()))
  } catch (error) {
    throw writeError(error, 'path' in stream ? String(stream.path) : 'standard output')
  }
}

function writeError(error: unknown, where: string): unknown {
  const { syscall, code } = error as NodeJS.ErrnoException
  if (syscall === undefined || code === 'EPIPE') return error
  return torchError('ERR_TORCH_FILE', `${where} cannot be written: ${(error as Error).message}`, { cause: error })
}

/** DuckDB writes the file, from JSON lines. */
async function writeParquet(columns: Columns, rows: AsyncIterable<readonly Row[]>, out: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'libtorch-rnn-'))
  const text = (value: string): string => `'${value.replaceAll("'", "''")}'`
  try {
    const path = join(folder, 'rows.jsonl')
    await writeText(columns, rows, 'jsonl', createWriteStream(path))
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(':memory:', { temp_directory: folder })
    const connection = await instance.connect()
    try {
      const types = Object.entries(columns).map(([name, type]) => `${text(name)}: ${text(type)}`)
      await connection.run(
        `COPY (SELECT * FROM read_json(${text(path)}, format = 'newline_delimited', columns = {${types.join(', ')}})) TO ${text(out)} (FORMAT parquet)`,
      )
    } catch (error) {
      throw torchError('ERR_TORCH_FILE', `${out} cannot be written: ${(error as Error).message}`, { cause: error })
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The rows of an array, as they are written. */
export async function* partsOf(rows: readonly Row[]): AsyncGenerator<readonly Row[]> {
  yield rows
}
