import { describe, expect, test } from 'vitest'
import { examine, Series, type SeriesOptions } from '../../../lib/data/index.ts'
import { expectError } from '../../support/error.ts'

const DAY = 86_400_000
const noise = (i: number): number => Math.sin(12.9898 * i + 78.233 * ((i * i) % 97))
const days = Array.from({ length: 200 }, (_, i) => i * DAY)
const y = days.map((_, i) => 20 + 8 * Math.sin((2 * Math.PI * i) / 50) + noise(i))

async function read(columns: object, options: Partial<SeriesOptions> = {}): Promise<Series> {
  return await Series.from({ day: days, y, ...columns }, { time: 'day', targets: 'y', ...options })
}

describe('a leak', () => {
  test.each([
    ['the next value', (i: number) => y[i + 1] ?? null, 1, 1],
    ['it in other units', (i: number) => (y[i + 1] === undefined ? null : 1.8 * (y[i + 1] as number) + 32), 1, 1],
    ['it rounded', (i: number) => (y[i + 1] === undefined ? null : Math.round(10 * (y[i + 1] as number)) / 10), 1, 1],
    ['the value of a week later', (i: number) => y[i + 7] ?? null, 7, 7],
  ])('%s is found', async (_, at, horizon, shift) => {
    const series = await read({ x: days.map((_, i) => at(i)) }, { inputs: 'x', missing: 'mask' })
    const steps = shift === 1 ? '1 step' : `${shift} steps`
    expect(examine(series, { horizon })).toEqual([
      { kind: 'leak', column: 'x', message: expect.stringContaining(`is the target 'y' of ${steps} later`) },
    ])
  })

  test.each<[string, (i: number) => number]>([
    ['the value itself', (i) => y[i] as number],
    ['the value before', (i) => y[i - 1] ?? 0],
    ['another wave of the same length', (i) => Math.sin((2 * Math.PI * i) / 50)],
    ['noise', (i) => noise(i + 1000)],
    ['the next value with as much noise as it changes', (i) => (y[i + 1] ?? 0) + noise(3 * i)],
  ])('%s is none', async (_, at) => {
    expect(examine(await read({ x: days.map((_, i) => at(i)) }, { inputs: 'x' }), { horizon: 14 })).toEqual([])
  })

  test('a slow wave is none, though its values are near those of the next step', async () => {
    const slow = days.map((_, i) => Math.sin((2 * Math.PI * i) / 200))
    const series = await Series.from(
      { day: days, y: slow, x: slow.map((v) => 2 * v) },
      { time: 'day', targets: 'y', inputs: 'x' },
    )
    expect(examine(series, { horizon: 5 })).toEqual([])
  })

  test('beyond the horizon it does no harm', async () => {
    const series = await read({ x: days.map((_, i) => y[i + 7] ?? 0) }, { inputs: 'x' })
    expect(examine(series, { horizon: 6 })).toEqual([])
  })

  test('rows of different groups are not compared', async () => {
    // In the order of rows, x is the next y only across the border of the groups.
    const rows = ['a', 'b'].flatMap((shop, g) =>
      Array.from({ length: 40 }, (_, i) => ({ day: i * DAY, shop, y: noise(i + 100 * g), x: noise(7 * i) })),
    )
    const series = await Series.from(rows, { time: 'day', targets: 'y', inputs: 'x', groups: 'shop' })
    expect(examine(series, { horizon: 60 })).toEqual([])
  })
})

describe('a constant column', () => {
  test('is found, also with holes', async () => {
    const series = await read({ x: days.map((_, i) => (i % 3 === 0 ? null : 5)) }, { inputs: 'x', missing: 'mask' })
    expect(examine(series)).toEqual([{ kind: 'constant', column: 'x', message: "column 'x' is 5 in all 200 rows" }])
  })

  test('is found in one of several groups', async () => {
    const rows = ['a', 'b', 'c'].flatMap((shop) =>
      Array.from({ length: 9 }, (_, i) => ({ day: i * DAY, shop, y: shop === 'b' ? 3 : noise(i) })),
    )
    const series = await Series.from(rows, { time: 'day', targets: 'y', groups: 'shop' })
    expect(examine(series)).toEqual([
      { kind: 'constant', column: 'y', group: 'b', message: "column 'y' is 3 in all 9 rows in group 'b'" },
    ])
  })
})

test('years that were read as milliseconds are found', async () => {
  const years = Array.from({ length: 20 }, (_, i) => 1990 + i)
  const series = await Series.from({ year: years, y: years.map(noise) }, { time: 'year', targets: 'y' })
  expect(examine(series)).toEqual([
    { kind: 'time', column: 'year', message: expect.stringContaining("for years, timeFormat: '%Y'") },
  ])
  expect(examine(await read({}))).toEqual([])
})

test('mistakes are refused', async () => {
  const series = await read({})
  expectError(() => examine({} as never), 'ERR_TORCH_TYPE', /series must be a Series/)
  expectError(() => examine(series, { horizon: 0 }), 'ERR_TORCH_VALUE', /horizon must be a positive integer/)
  expectError(() => examine(series, { past: 1 } as never), 'ERR_TORCH_OPTION', /unknown option 'past'/)
})
