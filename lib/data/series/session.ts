// DuckDB, which is loaded when something is read.
import { join } from 'node:path'
import { messageOf, TorchError, torchError } from '../../errors.ts'
import type { Storage } from './storage.ts'
import { OWNER } from './table.ts'

/** What is used of a `DuckDBConnection` of `@duckdb/node-api`. */
export interface SeriesConnection {
  stream(sql: string, values?: never): Promise<object>
}

export interface QueryResult {
  columnNames(): readonly string[]
  columnTypes(): readonly { toString(): string }[]
  fetchChunk(): Promise<Chunk | null>
}

interface Chunk {
  readonly rowCount: number
  getColumnVector(index: number): unknown
  getColumnValues(index: number): readonly unknown[]
}

/** Numbers as DuckDB holds them: what `validity` marks as NULL has any value. */
export interface NumberVector {
  readonly items: Float64Array
  readonly validity: { itemValid(index: number): boolean }
}

/** The values of the parameters of a query. */
export type Values = readonly unknown[] | Readonly<Record<string, unknown>> | undefined

/** A name, and a text, as SQL has them. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
export const text = (value: string): string => `'${value.replaceAll("'", "''")}'`

async function loadDuckDB(): Promise<typeof import('@duckdb/node-api')> {
  try {
    return await import('@duckdb/node-api')
  } catch (cause) {
    throw torchError(
      'ERR_TORCH_RUNTIME',
      `${OWNER}: reading files and databases needs DuckDB: npm install @duckdb/node-api (${messageOf(cause).split('\n')[0]})`,
      { op: OWNER, cause },
    )
  }
}

/** DuckDB's error, whose text says what is wrong with a query or a file. */
function failed(cause: unknown): Error {
  const message = messageOf(cause).trim()
  const isFile = message.startsWith('IO Error')
  // The place in the query is of no use for a file: the query is not the user's.
  return torchError(
    isFile ? 'ERR_TORCH_FILE' : 'ERR_TORCH_VALUE',
    `${OWNER}: ${isFile ? message.split('\n\n')[0] : message}`,
    { op: OWNER, cause },
  )
}

/** A connection for the time of one reading. */
export class Session {
  readonly #connection: SeriesConnection

  constructor(connection: SeriesConnection) {
    this.#connection = connection
  }

  async start(sql: string, values?: Values): Promise<QueryResult> {
    try {
      return (await this.#connection.stream(sql, values as never)) as QueryResult
    } catch (cause) {
      throw failed(cause)
    }
  }

  async *chunks(result: QueryResult): AsyncGenerator<Chunk> {
    for (;;) {
      let chunk: Chunk | null
      try {
        chunk = await result.fetchChunk()
      } catch (cause) {
        throw failed(cause)
      }
      if (chunk === null || chunk.rowCount === 0) return
      yield chunk
    }
  }

  /** All rows of a short result. */
  async rows(sql: string, values?: Values): Promise<unknown[][]> {
    const result = await this.start(sql, values)
    const rows: unknown[][] = []
    for await (const chunk of this.chunks(result)) {
      const columns = result.columnNames().map((_, i) => chunk.getColumnValues(i))
      for (let row = 0; row < chunk.rowCount; row++) rows.push(columns.map((column) => column[row]))
    }
    return rows
  }

  /** The types of the columns of `table`, by name. */
  async typesOf(table: string, values?: Values): Promise<Map<string, string>> {
    const result = await this.start(`SELECT * FROM ${table} LIMIT 0`, values)
    const types = result.columnTypes()
    const named = new Map(result.columnNames().map((name, i) => [name, String(types[i])]))
    for await (const _ of this.chunks(result)) {
      // To the end, so that the connection is free again.
    }
    return named
  }
}

/** Opens a database, in memory without `path`, calls `fn`, and closes it. */
export async function withDatabase<T>(
  path: string | undefined,
  { folder }: Storage,
  fn: (session: Session) => Promise<T>,
): Promise<T> {
  const { DuckDBInstance } = await loadDuckDB()
  try {
    // What does not fit into memory while rows are sorted goes to the disk; by default, to the current folder.
    const spill = join(folder, `libtorch-rnn-duckdb-${process.pid}`)
    const options = path === undefined ? {} : { access_mode: 'READ_ONLY' }
    const instance = await DuckDBInstance.create(path ?? ':memory:', { temp_directory: spill, ...options })
    try {
      const connection = await instance.connect()
      try {
        // Times as text are in UTC.
        await connection.run("SET TimeZone = 'UTC'")
        return await fn(new Session(connection))
      } finally {
        connection.closeSync()
      }
    } finally {
      instance.closeSync()
    }
  } catch (cause) {
    throw cause instanceof TorchError ? cause : failed(cause)
  }
}
