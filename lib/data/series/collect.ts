// Rows of a result as columns of numbers.
import { torchError } from '../../errors.ts'
import { run } from '../../io/coroutine.ts'
import { type NumberVector, type QueryResult, quoted, type Session, type Values } from './session.ts'
import type { Sink, Storage } from './storage.ts'
import { type FileNames, GroupNumbers, groupName, OWNER, type RawTable } from './table.ts'

export const CSV = /\.(csv|tsv|txt)(\.gz)?$/i

/** A table expression, and what is known about it. */
export interface Source {
  readonly session: Session
  /** For messages. */
  readonly title: string
  readonly table: string
  readonly values: Values
  readonly types: ReadonlyMap<string, string>
}

/** Where a row is, counted from 1: its line if it is in one CSV file, where a line is a record. */
export function placeOf(title: string, row: number): string {
  return CSV.test(title) && !/[*?[]/.test(title) ? `${title}, line ${row + 1}` : `${title}, row ${row}`
}

/** What is wrong with a cell of a column. */
interface Fault {
  readonly name: string
  /** The SQL that is true of such cells. */
  readonly condition: string
  /** What is said of the cell with this text. */
  readonly problem: (cell: string) => string
}

const emptyCell = (name: string, why: string): Fault => ({
  name,
  condition: `${quoted(name)} IS NULL`,
  problem: () => `is empty: ${why}`,
})

/** Greater numbers are infinite in float32: the middle between its largest number and the next power of 2. */
const BEYOND = 2 ** 128 - 2 ** 103

function tooLarge(name: string): Fault {
  const number = `TRY_CAST(${quoted(name)} AS DOUBLE)`
  return {
    name,
    // In DuckDB NaN is greater than all numbers.
    condition: `NOT isnan(${number}) AND abs(${number}) >= ${BEYOND}::DOUBLE`,
    problem: (cell) => `has infinite values: ${cell} is beyond float32, which tensors have, and which ends at 3.4e38`,
  }
}

/** @throws {TorchError} that names the first row with the fault. */
async function refuse({ session, title, table, values }: Source, { name, condition, problem }: Fault): Promise<never> {
  const found = await session.rows(
    `SELECT row, cell FROM (SELECT row_number() OVER () AS row, CAST(${quoted(name)} AS VARCHAR) AS cell, ${condition} AS wrong FROM ${table} AS source) AS numbered WHERE wrong LIMIT 1`,
    values,
  )
  const [row, cell] = found[0] ?? []
  throw torchError(
    'ERR_TORCH_FORMAT',
    `${OWNER}: ${placeOf(title, Number(row))}, column '${name}' ${problem(String(cell))}`,
    { op: OWNER },
  )
}

/** Copies the numbers out of DuckDB's chunks: no object is made per row. */
export async function collect(
  session: Session,
  result: QueryResult,
  source: Source,
  { names, storage }: { names: FileNames; storage: Storage },
): Promise<RawTable> {
  const groupNumbers = new GroupNumbers()
  const { time = 'row', values, groups, numbered = false } = names
  // The columns of the result that are numbers, and their names.
  const numeric = [time, ...values, ...(numbered ? ['row'] : [])]
  const positions = numeric.map((_, i) => (i <= values.length ? i : i + groups.length))
  const sinks: Sink<Float64Array, Float64Array>[] = []
  let fault: Fault | undefined
  try {
    for (const _ of [...numeric, ...groups.slice(0, 1)]) sinks.push(storage.column())
    for await (const chunk of session.chunks(result)) {
      // To the end, so that the connection is free to look for the row.
      if (fault !== undefined) continue
      for (const [i, name] of numeric.entries()) {
        const { items, validity } = chunk.getColumnVector(positions[i] as number) as NumberVector
        const copy = items.slice(0, chunk.rowCount)
        for (let row = 0; row < copy.length; row++) {
          if (!validity.itemValid(row)) copy[row] = Number.NaN
          // What is wrong with a time is told when rows are sorted.
          else if (i > 0 && Math.abs(copy[row] as number) >= BEYOND) fault ??= tooLarge(name)
        }
        if (i === 0 && copy.some(Number.isNaN)) fault ??= emptyCell(name, 'each row needs a time')
        await run((sinks[i] as (typeof sinks)[number]).append(copy))
      }
      if (groups.length === 0) continue
      const texts = groups.map((_, i) => chunk.getColumnValues(values.length + 1 + i))
      const ids = Float64Array.from({ length: chunk.rowCount }, (_, row) => {
        const cells = texts.map((column, i) => {
          if (typeof column[row] === 'string') return column[row]
          fault ??= emptyCell(groups[i] as string, 'each row needs a value there')
          return ''
        })
        return groupNumbers.numberOf(groupName(cells))
      })
      await run((sinks[numeric.length] as (typeof sinks)[number]).append(ids))
    }
    if (fault !== undefined) await refuse(source, fault)
    const columns: Float64Array[] = []
    for (const sink of sinks) columns.push(await run(sink.finish()))
    return {
      times: columns[0] as Float64Array,
      columns: new Map(values.map((name, i) => [name, columns[i + 1] as Float64Array])),
      groupIndices: groups.length === 0 ? undefined : columns[numeric.length],
      names: groupNumbers.names,
      ...(numbered ? { rows: columns[values.length + 1] as Float64Array } : {}),
    }
  } catch (error) {
    for (const sink of sinks) sink.abort()
    throw error
  }
}
