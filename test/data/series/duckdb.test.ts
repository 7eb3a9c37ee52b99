import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Series, type SeriesSource } from '../../../lib/data/index.ts'
import { expectRejection } from '../../support/error.ts'
import { temporaryFolder, writeFiles } from '../../support/folder.ts'

const OPTIONS = { time: 'date', targets: 'temp' } as const
const read = (source: SeriesSource, options: object = {}) => Series.from(source, { ...OPTIONS, ...options })
const days = (series: Series) => series.times.map((time) => time.toISOString().slice(0, 10))

/** The path of a new file. */
const file = (name: string, content: string): string => join(writeFiles(temporaryFolder(), { [name]: content }), name)

async function inDuckDB(sql: string, path = ':memory:'): Promise<void> {
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  await connection.run(sql)
  connection.closeSync()
  instance.closeSync()
}

const CSV = 'date,temp,wind,note\n2024-01-03,3.5,1,x\n2024-01-01,-1,,"a, b"\n2024-01-02,2e1,3,\n'

describe('times in other forms', () => {
  test('are read by their format', async () => {
    const path = file('a.csv', 'date,temp\nJan 1 2000,1\nFeb 1 2000,2\n')
    expect(days(await read(path, { timeFormat: '%b %d %Y' }))).toEqual(['2000-01-01', '2000-02-01'])
    const years = file('b.csv', 'date,temp\n1880,1\n1881,2\n1882,3\n')
    const series = await read(years, { timeFormat: '%Y' })
    expect([days(series), series.frequency]).toEqual([['1880-01-01', '1881-01-01', '1882-01-01'], 'year'])
    const sql = "SELECT '31.12.2024 18:30' AS date, 1 AS temp"
    const { times } = await read({ sql }, { timeFormat: '%d.%m.%Y %H:%M' })
    expect(times[0]?.toISOString()).toBe('2024-12-31T18:30:00.000Z')
  })

  test('say what to do without one, and where one does not fit', async () => {
    const path = file('a.csv', 'date,temp\nJan 1 2000,1\nsoon,2\n')
    const { message } = await expectRejection(read(path), 'ERR_TORCH_FORMAT', `${path}, line 2, column 'date'`)
    expect(message).toContain("as in timeFormat: '%b %d %Y'")
    const wrong = `${path}, line 3, column 'date': 'soon' is not a time of the format '%b %d %Y'`
    await expectRejection(read(path, { timeFormat: '%b %d %Y' }), 'ERR_TORCH_FORMAT', wrong)
    const columns = { date: [1, 2], temp: [1, 2] }
    await expectRejection(
      read(columns, { timeFormat: '%Y' }),
      'ERR_TORCH_OPTION',
      'timeFormat is for files and queries',
    )
  })
})

describe("order: 'monotonic'", () => {
  const monotonic = { order: 'monotonic' } as const
  const csv = (...dates: string[]): string =>
    file('a.csv', ['date,temp', ...dates.map((date, i) => `${date},${i}`)].join('\n'))

  test('takes rows in the order of time, forwards or backwards', async () => {
    expect(days(await read(csv('2024-01-01', '2024-01-02', '2024-01-03'), monotonic))).toHaveLength(3)
    const series = await read(csv('2024-01-03', '2024-01-02', '2024-01-01'), monotonic)
    expect([...series.column('temp')]).toEqual([2, 1, 0])
  })

  test('names the line where time turns', async () => {
    const path = csv('2024-01-01', '2024-01-02', '2024-01-05', '2024-01-04', '2024-01-06')
    const message = `${path}, line 5, column 'date': 2024-01-04 comes before 2024-01-05, the time of the row before`
    await expectRejection(read(path, monotonic), 'ERR_TORCH_VALUE', message)
    expect(days(await read(path))).toHaveLength(5)
    const back = csv('2024-01-05', '2024-01-04', '2024-01-06', '2024-01-03')
    await expectRejection(
      read(back, monotonic),
      'ERR_TORCH_VALUE',
      `line 4, column 'date': 2024-01-06 comes after 2024-01-04`,
    )
  })

  test('looks at each group by itself', async () => {
    const rows = ['2024-01-01,1,a', '2024-01-02,2,a', '2024-01-01,3,b', '2024-01-02,4,b']
    const path = file('a.csv', `date,temp,shop\n${rows.join('\n')}\n`)
    expect((await read(path, { ...monotonic, groups: 'shop' })).groups).toEqual(['a', 'b'])
    const wrong = file('b.csv', `date,temp,shop\n${rows.join('\n')}\n2023-12-31,5,b\n`)
    const message = "line 6, column 'date': 2023-12-31 comes before 2024-01-02, the time of the row before in group 'b'"
    await expectRejection(read(wrong, { ...monotonic, groups: 'shop' }), 'ERR_TORCH_VALUE', message)
  })

  test('holds for arrays, too', async () => {
    const rows = [1, 2, 4, 3].map((day) => ({ date: day * 86_400_000, temp: day, shop: 'a' }))
    const message = "row 3, column 'date': 1970-01-04 comes before 1970-01-05, the time of the row before in group 'a'"
    await expectRejection(read(rows, { ...monotonic, groups: 'shop' }), 'ERR_TORCH_VALUE', message)
    const columns = { date: [3, 2, 1], temp: [1, 2, 3] }
    expect([...(await read(columns, monotonic)).column('temp')]).toEqual([3, 2, 1])
    await expectRejection(read(columns, { order: 'up' }), 'ERR_TORCH_VALUE', "order must be 'any' or 'monotonic'")
  })
})

describe('files', () => {
  test('CSV: columns by name, sorted by time; an empty cell is a missing value', async () => {
    const series = await read(file('weather.csv', CSV), { inputs: 'wind', missing: 'mask' })
    expect(days(series)).toEqual(['2024-01-01', '2024-01-02', '2024-01-03'])
    expect([...series.column('temp')]).toEqual([-1, 20, 3.5])
    expect([...series.column('wind')]).toEqual([Number.NaN, 3, 1])
  })

  test('CSV with semicolons, and by URL; booleans are 0 and 1', async () => {
    const path = file('a.tsv', 'date;temp\n2024-01-01;true\n2024-01-02;false\n')
    expect([...(await read(pathToFileURL(path))).column('temp')]).toEqual([1, 0])
  })

  test('times have any form that tells them: offsets, milliseconds', async () => {
    const offsets = await read(file('a.csv', 'date,temp\n2024-01-01T01:00:00+02:00,1\n2024-01-01T00:00:00Z,2\n'))
    expect(offsets.times.map((time) => time.toISOString())).toEqual([
      '2023-12-31T23:00:00.000Z',
      '2024-01-01T00:00:00.000Z',
    ])
    expect((await read(file('b.csv', 'date,temp\n1000,1\n2500,2\n'))).times.map(Number)).toEqual([1000, 2500])
  })

  test('Parquet with a DECIMAL, a DATE and more rows than a chunk has', async () => {
    const path = join(temporaryFolder(), 'a.parquet')
    await inDuckDB(`COPY (SELECT DATE '2000-01-01' + CAST(5000 - i AS INTEGER) AS date, i * 1.5 AS temp,
      CASE WHEN i % 7 > 0 THEN i END AS wind FROM range(5000) AS t(i)) TO '${path}'`)
    const series = await read(path, { inputs: 'wind', missing: 'mask' })
    expect(series.length).toBe(5000)
    expect(days(series)[0]).toBe('2000-01-02')
    expect([...series.column('temp')]).toEqual(Array.from({ length: 5000 }, (_, i) => (4999 - i) * 1.5))
    expect([...series.column('wind')]).toEqual(
      Array.from({ length: 5000 }, (_, i) => ((4999 - i) % 7 > 0 ? 4999 - i : Number.NaN)),
    )
  })

  test('JSON, as an array and by lines, and several files by a pattern', async () => {
    const rows = [1, 2].map((day) => JSON.stringify({ date: `2024-01-0${day}`, temp: day / 2, station: `s${day}` }))
    const folder = writeFiles(temporaryFolder(), {
      'a.json': `[${rows}]`,
      'b-1.jsonl': rows[0] as string,
      'b-2.jsonl': rows[1] as string,
    })
    for (const name of ['a.json', 'b-*.jsonl']) {
      const series = await read(join(folder, name), { groups: 'station' })
      expect([...series.column('temp')]).toEqual([0.5, 1])
      expect(series.groups).toEqual(['s1', 's2'])
    }
  })

  test('a cell that cannot be read is named by file, line and column', async () => {
    const path = file(
      'weather.csv',
      'date,temp,wind\n2024-01-01,1,x\n2024-01-02,cold,2\n2024-01-03,"3",3\n2024-01-04,warm,\n',
    )
    await expectRejection(
      read(path),
      'ERR_TORCH_FORMAT',
      `Series.from: ${path}, line 3, column 'temp': Could not convert string "cold" to 'DOUBLE'\n${path}, line 5, column 'temp': Could not`,
    )
    await expectRejection(read(path, { inputs: 'wind', targets: [] }), 'ERR_TORCH_VALUE', 'targets must be the name')
    await expectRejection(read(path, { targets: 'wind' }), 'ERR_TORCH_FORMAT', `${path}, line 2, column 'wind'`)
  })

  test.each([
    ['a byte order mark', '\ufeffdate,temp\n2024-01-01,3\n2024-01-02,4\n'],
    ['lines that end with CR LF', 'date,temp\r\n2024-01-01,3\r\n2024-01-02,4\r\n'],
    ['semicolons', 'date;temp\n2024-01-01;3\n2024-01-02;4\n'],
    ['tabs', 'date\ttemp\n2024-01-01\t3\n2024-01-02\t4\n'],
    ['line breaks in quotes', 'date,note,temp\n2024-01-01,"a\nb",3\n2024-01-02,"c; d",4\n'],
    ['spaces', 'date, temp\n2024-01-01, 3\n2024-01-02, 4\n'],
    ['slashes in ISO order', 'date,temp\n2024/01/01,3\n2024/1/2,4\n'],
  ])('%s make no difference', async (_, text) => {
    const series = await read(file('weather.csv', text))
    expect(series.times.map((time) => time.toISOString())).toEqual([
      '2024-01-01T00:00:00.000Z',
      '2024-01-02T00:00:00.000Z',
    ])
    expect([...series.column('temp')]).toEqual([3, 4])
  })

  test.each([
    [
      'decimal commas',
      'date;temp\n2024-01-01;3,5\n',
      /line 2, column 'temp': .*"3,5".*\nDecimal commas are .*decimal_sep/s,
    ],
    [
      'words for missing values',
      'date,temp\n2024-01-01,NA\n',
      /line 2, column 'temp': .*"NA".*\nTexts for missing.*nullstr/s,
    ],
    // The 1st of February, or the 2nd of January.
    [
      'days and months',
      'date,temp\n01/02/2024,1\n02/02/2024,2\n',
      /line 2, column 'date': .*\nTimes that are not in ISO/s,
    ],
    [
      'American dates',
      'date,temp\n01/13/2024,1\n',
      /line 2, column 'date': .*\nTimes that are not in ISO.*timeFormat: '%m\/%d\/%Y'/s,
    ],
    [
      'German dates',
      'date,temp\n13.01.2024,1\n',
      /line 2, column 'date': .*\nTimes that are not in ISO.*timeFormat: '%d/s,
    ],
    [
      'years of two digits',
      'date,temp\n24-01-13,1\n',
      /column 'date' has a time in the year 24: years need four digits/,
    ],
    [
      'days and months with a clock',
      'date,temp\n01/02/2024 10:00:00,1\n01/02/2024 11:00:00,1\n',
      /line 2, column 'date': '01.02.2024 10:00:00' is not a time\nTimes that are not in ISO.*timeFormat: '%d/s,
    ],
    ['years of two digits with a clock', 'date,temp\n24-01-13 10:00:00,1\n', /column 'date'/],
    ['a cell too many', 'date,temp\n2024-01-01,1\n2024-01-02,1,2\n', /line 3: Expected Number of Columns: 2 Found: 3/],
  ])('%s are refused, and the error says what to do', async (_, text, message) => {
    await expectRejection(read(file('weather.csv', text)), 'ERR_TORCH_FORMAT', message)
  })

  test('a folder is refused, whatever its name', async () => {
    const folder = temporaryFolder()
    const named = join(folder, 'd.csv')
    mkdirSync(named)
    for (const path of [folder, named]) {
      const message = `Series.from: ${path} is a folder: name a file, or several by a pattern`
      await expectRejection(read(path), 'ERR_TORCH_FILE', message)
      await expectRejection(read(pathToFileURL(path)), 'ERR_TORCH_FILE', message)
    }
  })

  test('UTF-16 is refused', async () => {
    const path = file('weather.csv', '')
    for (const bytes of [
      Buffer.from('\ufeffdate,temp\n1,2', 'utf16le'),
      Buffer.from('\ufeffdate', 'utf16le').swap16(),
    ]) {
      writeFileSync(path, bytes)
      await expectRejection(read(path), 'ERR_TORCH_FORMAT', 'is in UTF-16: convert it to UTF-8')
    }
  })

  test('so is a time, with and without an offset, far from the first lines', async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `${new Date(i * 3_600_000).toISOString()},${i}`)
    lines[28_000] = 'soon,1'
    const path = file('a.csv', `date,temp\n${lines.join('\n')}\n`)
    await expectRejection(
      read(path),
      'ERR_TORCH_FORMAT',
      `${path}, line 28002, column 'date': Could not convert string "soon"`,
    )
    const plain = file('b.csv', `date,temp\n${lines.join('\n').replaceAll('Z', '')}\n`)
    await expectRejection(read(plain), 'ERR_TORCH_FORMAT', `${plain}, line 28002, column 'date': Could not convert`)
  })

  test('a line with too many cells is named', async () => {
    const path = file('a.csv', 'date,temp\n2024-01-01,1\n2024-01-02,2,3\n')
    await expectRejection(read(path), 'ERR_TORCH_FORMAT', `${path}, line 3: Expected Number of Columns: 2 Found: 3`)
  })

  test('only the first bad cells are shown', async () => {
    const path = file('a.csv', `date,temp\n${Array.from({ length: 1500 }, (_, i) => `${i},x`).join('\n')}\n`)
    const { message } = await expectRejection(read(path), 'ERR_TORCH_FORMAT', 'line 2, column')
    expect(message.split('\n')).toHaveLength(6)
    expect(message).toMatch(/and \d+ or more others$/)
  })

  test('a text in a JSON or Parquet file is named by row and column', async () => {
    const path = file('a.json', '[{"date":"2024-01-01","temp":1},{"date":"2024-01-02","temp":"cold"}]')
    await expectRejection(read(path), 'ERR_TORCH_FORMAT', `${path}, row 2, column 'temp': '"cold"' is not a number`)
    const times = file('b.json', '[{"date":"2024-01-01","temp":1},{"date":"soon","temp":2}]')
    await expectRejection(read(times), 'ERR_TORCH_FORMAT', `${times}, row 2, column 'date': 'soon' is not a time`)
  })

  test.each([
    [
      'temp,wind\n1,2\n',
      'ERR_TORCH_VALUE',
      "has no column 'date': its columns are temp, wind (those of the first line)",
    ],
    ['date,temp\n2024-01-01,1\n,2\n', 'ERR_TORCH_FORMAT', "line 3, column 'date' is empty"],
    ['date,temp\n2024-01-01,inf\n', 'ERR_TORCH_FORMAT', "a.csv, line 2, column 'temp' has infinite values: inf"],
    [
      'date,temp\n2024-01-01,nan\n2024-01-02,3e38\n2024-01-03,-1e39\n',
      'ERR_TORCH_FORMAT',
      "a.csv, line 4, column 'temp' has infinite values: -1e+39 is beyond float32",
    ],
    [
      'date,temp,temp\n2024-01-01,1,2\n',
      'ERR_TORCH_VALUE',
      "a.csv has several columns 'temp' in its first line: give each a name of its own",
    ],
    ['date,temp\n', 'ERR_TORCH_VALUE', 'the source has no rows'],
    ['', 'ERR_TORCH_VALUE', 'a.csv is empty'],
    [
      'dates,temp,wind\n',
      'ERR_TORCH_VALUE',
      "has no column 'date'; did you mean 'dates'? Its columns are dates, temp, wind",
    ],
  ] as const)('%j is refused', async (content, code, message) => {
    const { message: text } = await expectRejection(read(file('a.csv', content)), code, '')
    expect(text).toContain(message)
  })

  test('a column may have the name that DuckDB gives to a second one', async () => {
    const path = file('a.csv', 'date,temp,temp_1\n2024-01-01,1,2\n2024-01-02,3,4\n')
    expect([...(await read(path)).column('temp')]).toEqual([1, 3])
  })

  test('a file that does not exist, and one of another kind', async () => {
    const path = join(temporaryFolder(), 'a.csv')
    await expectRejection(read(path), 'ERR_TORCH_FILE', `No files found that match the pattern "${path}"`)
    await expectRejection(read('weather.xlsx'), 'ERR_TORCH_VALUE', 'weather.xlsx: the name of a file must end in .csv')
    await expectRejection(read(new URL('https://localhost/a.csv')), 'ERR_TORCH_FILE', 'must be of scheme file')
    const damaged = file('a.parquet', 'not parquet at all')
    await expectRejection(read(damaged), 'ERR_TORCH_VALUE', /No magic bytes found|too small/)
  })
})

describe('queries', () => {
  test('read files, with parameters', async () => {
    const path = file('weather.csv', CSV)
    const sql = 'SELECT date, temp FROM read_csv($path) WHERE temp > $least; -- all but frost\n'
    const series = await read({ sql: sql.replace(/--.*/, ''), values: { path, least: 0 } })
    expect([...series.column('temp')]).toEqual([20, 3.5])
  })

  test('read the tables of a database file, and close it', async () => {
    const database = join(temporaryFolder(), 'weather.duckdb')
    await inDuckDB("CREATE TABLE t AS SELECT TIMESTAMP '2024-01-01 10:00' AS date, 5 AS temp", database)
    const series = await read({ sql: 'SELECT * FROM t', database })
    expect(series.times[0]).toEqual(new Date('2024-01-01T10:00Z'))
    await inDuckDB('INSERT INTO t SELECT date + INTERVAL 1 HOUR, 6 FROM t', database)
    expect([...(await read({ sql: 'FROM t', database: pathToFileURL(database) })).column('temp')]).toEqual([5, 6])
    await expectRejection(read({ sql: 'DROP TABLE t', database }), 'ERR_TORCH_VALUE', 'Parser Error')
    const absent = `${database}.none`
    await expectRejection(read({ sql: 'SELECT 1', database: absent }), 'ERR_TORCH_FILE', 'database does not exist')
    expect(existsSync(absent)).toBe(false)
  })

  test('use a connection, whose time zone does not matter, and leave it open', async () => {
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    await connection.run("SET TimeZone = 'Asia/Tokyo'")
    await connection.run("CREATE TEMP TABLE t AS SELECT TIMESTAMPTZ '2024-01-01 09:00:00+09' AS date, 1 AS temp")
    const series = await read({ sql: 'FROM t', connection })
    expect(series.times).toEqual([new Date('2024-01-01T00:00Z')])
    expect((await connection.runAndReadAll('SELECT count(*) FROM t')).getRows()).toEqual([[1n]])
    await expectRejection(
      read({ sql: "SELECT '2024-01-01' AS date, 1 AS temp", connection }),
      'ERR_TORCH_TYPE',
      "the query: column 'date' is of type VARCHAR, but must be a DATE or TIMESTAMP: cast it",
    )
    connection.closeSync()
    await expectRejection(read({ sql: 'FROM t', connection }), 'ERR_TORCH_VALUE', 'Series.from: ')
    instance.closeSync()
  })

  test.each([
    [{ sql: 'SELEC 1' }, 'ERR_TORCH_VALUE', 'Parser Error: syntax error'],
    [{ sql: 'SELECT 1 AS date' }, 'ERR_TORCH_VALUE', "the query has no column 'temp': its columns are date"],
    [
      { sql: 'SELECT 1 AS date, [1] AS temp' },
      'ERR_TORCH_TYPE',
      "column 'temp' is of type INTEGER[], but must be numeric",
    ],
    [{ sql: 'SELECT 1 AS date, error(42) AS temp' }, 'ERR_TORCH_VALUE', 'Series.from: '],
    [{ sql: 3 }, 'ERR_TORCH_TYPE', 'sql must be a string'],
    [{ sql: 'SELECT 1', table: 'x' }, 'ERR_TORCH_OPTION', "unknown option 'table'"],
    [{ sql: 'SELECT 1', connection: {} }, 'ERR_TORCH_TYPE', 'connection must be a DuckDBConnection'],
    [{ sql: 'SELECT 1', database: 3 }, 'ERR_TORCH_TYPE', 'path must be a string or a file: URL'],
  ] as const)('%j is refused', async (source, code, message) => {
    const { message: text } = await expectRejection(read(source as never), code, '')
    expect(text).toContain(message)
  })

  test('a group without a name is refused', async () => {
    const sql = "SELECT range AS date, 1 AS temp, CASE WHEN range < 2 THEN 'a' END AS station FROM range(3)"
    await expectRejection(read({ sql }, { groups: 'station' }), 'ERR_TORCH_FORMAT', "row 3, column 'station' is empty")
  })
})

describe('without DuckDB', () => {
  afterEach(() => {
    vi.doUnmock('@duckdb/node-api')
  })

  test('the error says what to install', async () => {
    vi.doMock('@duckdb/node-api', () => {
      throw new Error('Cannot find package')
    })
    await expectRejection(read('weather.csv'), 'ERR_TORCH_RUNTIME', 'needs DuckDB: npm install @duckdb/node-api')
    // Arrays need none.
    expect((await read({ date: [1], temp: [2] })).length).toBe(1)
  })
})
