import { describe, expect, test } from 'vitest'
import { Series } from '../../lib/data/index.ts'
import { evaluateNaive, type NaiveMethod, naiveForecast } from '../../lib/forecast/index.ts'
import { MASE } from '../../lib/metrics/index.ts'
import { GRUModel } from '../../lib/models/index.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { DAY, windowsOf } from '../support/series.ts'

// Past 1, 5, 2, 8, and three steps to forecast.
const VALUES = [1, 5, 2, 8, 3, 4, 9]

test.each<[NaiveMethod, number[]]>([
  ['persistence', [8, 8, 8]],
  // Of a season of two steps: 2, 8, 2.
  ['seasonalNaive', [2, 8, 2]],
  // The slope is 7 / 3.
  ['drift', [8 + 7 / 3, 8 + 14 / 3, 15]],
  ['movingAverage', [4, 4, 4]],
])('%s has its closed form, in the units of the data', async (method, wanted) => {
  const windows = await windowsOf(VALUES, { past: 4, horizon: 3 })
  const found = naiveForecast(windows, [0], method, method === 'seasonalNaive' ? { season: 2 } : {})
  expect([found.shape, found.dtype]).toEqual([[1, 3, 1], 'float64'])
  const values = found.flatten().toArray() as number[]
  for (const [i, value] of wanted.entries()) expect(values[i]).toBeCloseTo(value, 5)
})

test.each<[NaiveMethod, number[]]>([
  ['persistence', [2, 2]],
  // Of a season of two steps: 2, and 6 for what is missing.
  ['seasonalNaive', [2, 6]],
  // From 4 to 2 in two steps, the last of which is two steps before the first to forecast.
  ['drift', [0, -1]],
  ['movingAverage', [4, 4]],
])('%s passes over missing values', async (method, wanted) => {
  const windows = await windowsOf([4, 6, 2, null, 1, 1], { past: 4, horizon: 2 }, { missing: 'mask' })
  const found = naiveForecast(windows, [0], method, method === 'seasonalNaive' ? { season: 2 } : {})
  const values = found.flatten().toArray() as number[]
  for (const [i, value] of wanted.entries()) expect(values[i]).toBeCloseTo(value, 5)
})

test('it sees the past of the targets also where a model does not, of each group in its own units', async () => {
  const rows = Array.from({ length: 8 }, (_, i) => [
    { day: i * DAY, shop: 'a', y: i, x: 0 },
    { day: i * DAY, shop: 'b', y: 1000 - i, x: 0 },
  ]).flat()
  const series = await Series.from(rows, {
    time: 'day',
    targets: 'y',
    inputs: 'x',
    groups: 'shop',
    autoregressive: false,
  })
  const { train } = await series.split({ past: 3, horizon: 1 })
  const found = naiveForecast(train, [0, train.length - 1], 'drift')
    .flatten()
    .toArray() as number[]
  expect(found[0]).toBeCloseTo(3, 4)
  expect(found[1]).toBeCloseTo(993, 4)
})

test('errors are means over all windows, whatever the batches', async () => {
  const windows = await windowsOf(VALUES, { past: 2, horizon: 1 })
  // Persistence is off by 3, 6, 5, 1, 5.
  const all = await evaluateNaive(windows, { season: 1, metrics: ['mae', 'rmse', () => new MASE({ scale: 2 })] })
  expect(Object.keys(all)).toEqual(['persistence', 'seasonalNaive', 'drift', 'movingAverage'])
  expect(all.persistence?.mae).toBeCloseTo(4, 5)
  expect(all.persistence?.rmse).toBeCloseTo(Math.sqrt(96 / 5), 5)
  expect(all.persistence?.mase).toBeCloseTo(2, 5)
  expect(all.seasonalNaive).toEqual(all.persistence)
  const parts = await evaluateNaive(windows, { methods: ['persistence'], metrics: ['mae'], batchSize: 2 })
  expect(parts).toEqual({ persistence: { mae: expect.closeTo(4, 5) } })
  expect(Object.keys(await evaluateNaive(windows))).not.toContain('seasonalNaive')
})

describe('a MASE without a scale gets that of the training windows', () => {
  /** The mean of |y(t) - y(t - 1)|. */
  const change = (values: readonly number[]): number =>
    values.slice(1).reduce((sum, value, i) => sum + Math.abs(value - (values[i] as number)), 0) / (values.length - 1)

  test('of the same split, by name or as an instance', async () => {
    const source = { day: VALUES.map((_, i) => i * DAY), y: VALUES }
    const series = await Series.from(source, { time: 'day', targets: 'y' })
    // Trained on 1, 5, 2, 8; persistence of 3, 4, 9 is off by 5, 1, 5.
    const { train, test: held } = await series.split({ past: 2, horizon: 1, test: 3 / 7 })
    const found = await evaluateNaive(held, { methods: ['persistence'], metrics: ['mae', 'mase'] })
    expect(found.persistence).toEqual({
      mae: expect.closeTo(11 / 3, 5),
      mase: expect.closeTo(11 / 3 / change([1, 5, 2, 8]), 5),
    })
    const metrics = [() => new MASE({ seasonality: 2 })]
    // |2 - 1|, |8 - 5|.
    expect((await evaluateNaive(held, { methods: ['persistence'], metrics })).persistence?.mase).toBeCloseTo(11 / 6, 5)
    expect((await evaluateNaive(train, { methods: ['persistence'], metrics: ['mase'] })).persistence?.mase).toBeCloseTo(
      4.5 / change([1, 5, 2, 8]),
      5,
    )
    // As a Trainer measures it.
    const trainer = new Trainer(new GRUModel(1, 2, 1, { batchFirst: true, output: 'last', horizon: 1 }), {
      progress: false,
      epochs: 1,
      metrics: ['mase', 'mae'],
    })
    await trainer.fit(train)
    const own = await trainer.evaluate(held, { metrics: [new MASE({ name: 'added' })] })
    expect(own.added).toBe(own.mase)
    expect(Number(own.mae) / Number(own.mase)).toBeCloseTo(change([1, 5, 2, 8]), 4)
  })

  test('of each group', async () => {
    const rows = VALUES.flatMap((y, i) => [
      { day: i * DAY, shop: 'a', y },
      { day: i * DAY, shop: 'b', y: 10 * y },
    ])
    const series = await Series.from(rows, { time: 'day', targets: 'y', groups: 'shop' })
    const { test: held } = await series.split({ past: 2, horizon: 1, test: 3 / 7 })
    const found = await evaluateNaive(held, { methods: ['persistence'], metrics: ['mase'], batchSize: 4 })
    expect(found.persistence?.mase).toBeCloseTo(11 / 3 / change([1, 5, 2, 8]), 4)
  })
})

test('missing targets and windows without a past do not count', async () => {
  const windows = await windowsOf([1, 2, null, 4, null, null, 7], { past: 2, horizon: 1 }, { missing: 'mask' })
  // 4 after 2 and a missing value; 7 has nothing before it.
  expect(await evaluateNaive(windows, { methods: ['persistence'], metrics: ['mae'] })).toEqual({
    persistence: { mae: expect.closeTo(2, 5) },
  })
})

test('mistakes are refused', async () => {
  const windows = await windowsOf(VALUES, { past: 2, horizon: 1 })
  expectError(() => naiveForecast(windows, [0], 'last' as never), 'ERR_TORCH_VALUE', /method must be 'persistence'/)
  expectError(() => naiveForecast(windows, [0], 'seasonalNaive'), 'ERR_TORCH_TYPE', /season must be a positive integer/)
  expectError(() => naiveForecast(windows, [0], 'seasonalNaive', { season: 3 }), 'ERR_TORCH_VALUE', /a past of 2 steps/)
  expectError(() => naiveForecast(windows, [9], 'drift'), 'ERR_TORCH_INDEX', /index 9 is out of range/)
  expectError(() => naiveForecast([] as never, [0], 'drift'), 'ERR_TORCH_TYPE', /windows must be a part of a split/)
  await expectRejection(evaluateNaive(windows, { metric: [] } as never), 'ERR_TORCH_OPTION', /unknown option 'metric'/)
  await expectRejection(evaluateNaive(windows, { metrics: ['mea' as never] }), 'ERR_TORCH_VALUE', /got 'mea'/)
  await expectRejection(evaluateNaive(windows, { methods: ['last' as never] }), 'ERR_TORCH_VALUE', /methods must be/)
})
