import { describe, expect, test } from 'vitest'
import { Series } from '../../../lib/data/index.ts'
import { expectRejection } from '../../support/error.ts'

const DAY = 86_400_000
const _ = Number.NaN
/** Days from 2024-01-01 on. */
const dates = (...days: number[]) => days.map((day) => Date.UTC(2024, 0, day))
const read = (columns: Record<string, unknown[]>, options: object = {}) =>
  Series.from(columns as Record<string, unknown[]>, { time: 'date', targets: 'temp', ...options })
const days = (series: Series) => series.times.map((time) => (Number(time) - Date.UTC(2023, 11, 31)) / DAY)

describe('missing values', () => {
  const columns = { date: dates(1, 2, 3, 4, 5, 6), temp: [1, _, _, 4, _, 6], wind: [_, 2, 3, 4, 5, _] }

  test("'error' names columns, time and count", async () => {
    await expectRejection(
      read(columns, { inputs: 'wind' }),
      'ERR_TORCH_VALUE',
      "Series.from: column 'temp' has 3 missing values, the first at 2024-01-02; column 'wind' has 2 missing values, the first at 2024-01-01. Say what to do: missing: 'mask'",
    )
    const groups = { ...columns, date: dates(1, 2, 3, 1, 2, 3), temp: [1, 2, 3, 1, _, 2], site: [...'aaabbb'] }
    await expectRejection(
      read(groups, { groups: 'site' }),
      'ERR_TORCH_VALUE',
      "1 missing value, at 2024-01-02 in group 'b'",
    )
  })

  test("'mask' keeps them", async () => {
    const series = await read(columns, { missing: 'mask' })
    expect([...series.column('temp')]).toEqual([1, _, _, 4, _, 6])
  })

  test("'forward' carries the last value on, within a group", async () => {
    const series = await read(columns, { inputs: 'wind', missing: 'forward' })
    expect([...series.column('temp')]).toEqual([1, 1, 1, 4, 4, 6])
    // Nothing comes before the first value.
    expect([...series.column('wind')]).toEqual([_, 2, 3, 4, 5, 5])
    const groups = { date: dates(1, 2, 1, 2, 3), temp: [1, 2, _, 4, _], site: [...'aabbb'] }
    expect([...(await read(groups, { groups: 'site', missing: 'forward' })).column('temp')]).toEqual([1, 2, _, 4, 4])
  })

  test("'interpolate' is linear in time, not in rows", async () => {
    const series = await read({ date: dates(1, 2, 5, 6), temp: [0, _, 4, 7] }, { missing: 'interpolate' })
    expect([...series.column('temp')]).toEqual([0, 1, 4, 7])
    const wind = (await read(columns, { inputs: 'wind', missing: 'interpolate' })).column('wind')
    expect([...wind]).toEqual([_, 2, 3, 4, 5, _])
  })

  test('what cannot be filled is in no window', async () => {
    const count = async (missing: string) =>
      (await read(columns, { inputs: 'wind', missing })).splitSync({ past: 1, horizon: 1 }).train.length
    // With a mask, a window needs a target that was observed.
    expect(await count('mask')).toBe(2)
    expect(await count('forward')).toBe(4)
    expect(await count('interpolate')).toBe(3)
  })

  test("'drop' leaves rows out, and with them a gap", async () => {
    const series = await read(columns, { missing: 'drop' })
    expect(days(series)).toEqual([1, 4, 6])
    const [gap] = (await read({ date: dates(1, 2, 3, 4, 5), temp: [1, 2, _, 4, 5] }, { missing: 'drop' })).gaps
    expect(gap).toEqual({ after: new Date('2024-01-02'), before: new Date('2024-01-04'), steps: 1 })
  })

  test('a column without any value has nothing to be filled from', async () => {
    const empty = { date: dates(1, 2), temp: [1, 2], wind: [_, _] }
    for (const missing of ['forward', 'interpolate']) {
      await expectRejection(read(empty, { inputs: 'wind', missing }), 'ERR_TORCH_VALUE', "column 'wind' has no values")
    }
    await expectRejection(read(empty, { inputs: 'wind', missing: 'drop' }), 'ERR_TORCH_VALUE', 'none is left')
  })
})

describe('gaps in time', () => {
  const columns = { date: dates(1, 2, 5, 6, 7, 9), temp: [1, 2, 5, 6, 7, 9] }

  test('are named, and no window crosses them', async () => {
    const series = await read(columns)
    expect(series.frequency).toBe('day')
    expect(series.gaps).toEqual([
      { after: new Date('2024-01-02'), before: new Date('2024-01-05'), steps: 2 },
      { after: new Date('2024-01-07'), before: new Date('2024-01-09'), steps: 1 },
    ])
    const { train } = series.splitSync({ past: 1, horizon: 1, scaler: 'none' })
    const { input, target } = train.batch([0, 1, 2], true)
    expect([input.flatten().toArray(), target.flatten().toArray()]).toEqual([
      [1, 5, 6],
      [2, 6, 7],
    ])
  })

  test("'ignore' takes rows for neighbours, 'fill' puts rows in", async () => {
    const ignored = await read(columns, { gaps: 'ignore' })
    expect([ignored.gaps.length, ignored.splitSync({ past: 1 }).train.length]).toEqual([2, 5])
    const filled = await read(columns, { gaps: 'fill', missing: 'interpolate' })
    expect([...filled.column('temp')]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(days(filled)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect([filled.gaps.length, filled.splitSync({ past: 1 }).train.length]).toEqual([2, 8])
    await expectRejection(
      read(columns, { gaps: 'fill' }),
      'ERR_TORCH_VALUE',
      '3 missing values, the first at 2024-01-03',
    )
  })

  test("'error' names the first", async () => {
    await expectRejection(
      read(columns, { gaps: 'error' }),
      'ERR_TORCH_VALUE',
      '2 steps are absent between 2024-01-02T00:00:00.000Z and 2024-01-05T00:00:00.000Z, and 1 more gap',
    )
  })

  test('are found per group', async () => {
    const groups = { date: dates(1, 2, 3, 10, 11, 13), temp: [1, 2, 3, 4, 5, 6], site: [...'aaabbb'] }
    const series = await read(groups, { groups: 'site', gaps: 'fill', missing: 'forward' })
    expect(series.gaps).toEqual([
      { group: 'b', after: new Date('2024-01-11'), before: new Date('2024-01-13'), steps: 1 },
    ])
    expect(days(series)).toEqual([1, 2, 3, 10, 11, 12, 13])
    expect([...series.column('temp')]).toEqual([1, 2, 3, 4, 5, 5, 6])
  })

  test('months and leap years are none', async () => {
    const monthly = Array.from({ length: 30 }, (_, i) => Date.UTC(2023, i))
    const series = await read({ date: monthly, temp: monthly.map((_, i) => i) })
    expect([series.frequency, series.gaps]).toEqual(['month', []])
    const without = monthly.filter((_, i) => i !== 13 && i !== 14)
    const filled = await read({ date: without, temp: without }, { gaps: 'fill', missing: 'forward' })
    expect(filled.gaps.map(({ steps }) => steps)).toEqual([2])
    expect(filled.times.map(Number)).toEqual(monthly)
    const yearly = [2019, 2020, 2021, 2022].map((year) => Date.UTC(year, 0))
    expect((await read({ date: yearly, temp: yearly })).gaps).toEqual([])
  })

  test('are counted in steps of `frequency`, if it is given', async () => {
    const hours = [0, 1, 2, 4].map((hour) => hour * 3_600_000)
    const half = await read({ date: hours, temp: hours }, { frequency: '30 minutes' })
    expect(half.gaps.map(({ steps }) => steps)).toEqual([1, 1, 3])
    await expectRejection(
      read({ date: hours, temp: hours }, { frequency: 'day' }),
      'ERR_TORCH_VALUE',
      "frequency is 'day', but there are rows at 1970-01-01 and 1970-01-01T01:00:00Z",
    )
  })

  test('there are none in one row', async () => {
    const series = await read({ date: [1], temp: [1] })
    expect([series.frequency, series.gaps]).toEqual([undefined, []])
  })

  test("that are too long to fill are named, and hold up neither 'break' nor 'ignore'", async () => {
    const times = [0, 1000, 2000, 3000, 8e15]
    const columns = { date: times, temp: times, site: [...'aaaaa'] }
    await expectRejection(
      read(columns, { gaps: 'fill', missing: 'mask', groups: 'site' }),
      'ERR_TORCH_VALUE',
      "gaps: 'fill' would put 7999999999996 rows in, 119209.3 GB in all; the longest gap is of 7999999999996 steps between 1970-01-01T00:00:03Z and",
    )
    const series = await read(columns)
    expect([series.length, series.gaps[0]?.steps]).toEqual([5, 7_999_999_999_996])
    expect((await read(columns, { gaps: 'ignore' })).splitSync({ past: 4 }).train.length).toBe(1)
  })
})
