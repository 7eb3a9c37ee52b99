import { describe, expect, test } from 'vitest'
import { Series, type SeriesSource } from '../../../lib/data/index.ts'
import { expectRejection } from '../../support/error.ts'

const OPTIONS = { time: 'date', targets: 'temp' } as const
const read = (source: unknown, options: object = {}) => Series.from(source as SeriesSource, { ...OPTIONS, ...options })

describe('columns', () => {
  test('may be arrays of numbers, booleans and BigInts, and typed arrays, in any order of time', async () => {
    const series = await read(
      {
        date: ['2024-01-03', '2024-01-01', '2024-01-02'],
        temp: Float64Array.of(3, 1, 2),
        wet: [true, false, 1],
        count: BigInt64Array.of(30n, 10n, 20n),
        other: ['not', 'read', 'at all'],
      },
      { inputs: ['wet', 'count'] },
    )
    expect(series.times).toEqual(['2024-01-01', '2024-01-02', '2024-01-03'].map((day) => new Date(day)))
    expect([...series.column('temp')]).toEqual([1, 2, 3])
    expect([...series.column('wet')]).toEqual([0, 1, 1])
    expect([...series.column('count')]).toEqual([10, 20, 30])
    expect(series.length).toBe(3)
    expect(series.frequency).toBe('day')
  })

  test('are not changed, nor does a change of them or of a copy change the series', async () => {
    const temp = Float64Array.of(3, 1, 2)
    const series = await read({ date: [3, 1, 2], temp })
    series.column('temp').fill(0)
    temp[0] = 7
    expect([...series.column('temp')]).toEqual([1, 2, 3])
    const filled = Float64Array.of(1, Number.NaN, 3)
    const again = await read({ date: [1, 2, 3], temp: filled }, { missing: 'forward' })
    expect([...filled]).toEqual([1, Number.NaN, 3])
    expect([...again.column('temp')]).toEqual([1, 1, 3])
  })

  test.each([
    [{ date: [1, 2], temp: [1] }, 'ERR_TORCH_VALUE', "column 'date' has 2 rows, but 'temp' has 1"],
    [{ date: [1] }, 'ERR_TORCH_VALUE', "the source has no column 'temp': its columns are date"],
    [{ date: [1], temp: 3 }, 'ERR_TORCH_TYPE', "column 'temp' must be an array or a typed array, got 3"],
    [{ date: [], temp: [] }, 'ERR_TORCH_VALUE', 'the source has no rows'],
    [{ date: [1, 2], temp: [1, '2'] }, 'ERR_TORCH_VALUE', "row 1, column 'temp': expected a number, got '2'"],
    [{ date: [1, 2], temp: [1, Number.NEGATIVE_INFINITY] }, 'ERR_TORCH_VALUE', 'expected a finite number, got -Inf'],
    [{ date: [1, 'x'], temp: [1, 2] }, 'ERR_TORCH_VALUE', "row 1, column 'date': expected a Date, an ISO 8601 text or"],
    [{ date: [1, null], temp: [1, 2] }, 'ERR_TORCH_VALUE', "row 1, column 'date': .*, got null"],
    [{ date: [1, 1e18], temp: [1, 2] }, 'ERR_TORCH_VALUE', 'the time 1000000000000000000 is no number of milliseconds'],
    [{ date: [5, 5], temp: [1, 2] }, 'ERR_TORCH_VALUE', 'two rows have the time 1970-01-01T00:00:00.005Z: name'],
  ] as const)('%j are refused', async (source, code, message) => {
    await expectRejection(read(source), code, new RegExp(message))
  })
})

describe('rows', () => {
  test('are objects; a cell that is not there is missing', async () => {
    const rows = [{ date: new Date(2), temp: 5 }, { date: new Date(1) }, { date: new Date(3), temp: null }]
    const series = await read(rows, { missing: 'mask' })
    expect([...series.column('temp')]).toEqual([Number.NaN, 5, Number.NaN])
  })

  test.each([
    [[{ date: 1, temp: 2 }, 3], 'ERR_TORCH_TYPE', 'row 1 must be an object of names and values, got 3'],
    [[{ date: 1, tmp: 2 }], 'ERR_TORCH_VALUE', "no row has a 'temp': the first one has date, tmp"],
    [[], 'ERR_TORCH_VALUE', 'the source has no rows'],
  ] as const)('%j are refused', async (source, code, message) => {
    await expectRejection(read(source), code, message)
  })
})

describe('groups', () => {
  const columns = {
    date: [2, 1, 2, 1],
    temp: [12, 1, 2, 11],
    station: ['b', 'a', 'a', 'b'],
    shop: [1, 1, 1, 2],
  }

  test('come in the order in which they are first seen, each sorted by time', async () => {
    const series = await read(columns, { groups: 'station' })
    expect(series.groups).toEqual(['b', 'a'])
    expect([...series.column('temp')]).toEqual([11, 12, 1, 2])
    expect(series.times.map(Number)).toEqual([1, 2, 1, 2])
  })

  test('of several columns have the values as JSON', async () => {
    expect((await read(columns, { groups: ['station', 'shop'] })).groups).toEqual([
      '["b","1"]',
      '["a","1"]',
      '["b","2"]',
    ])
  })

  test('need a value in each row', async () => {
    const source = { ...columns, station: ['b', 'a', null, 'b'] }
    await expectRejection(
      read(source, { groups: 'station' }),
      'ERR_TORCH_VALUE',
      "row 2, column 'station': expected a text",
    )
    const twice = { ...columns, date: [1, 1, 1, 2] }
    await expectRejection(read(twice, { groups: 'station' }), 'ERR_TORCH_VALUE', /01Z in group 'a': name the columns/)
  })
})
