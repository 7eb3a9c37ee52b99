import { expect, test } from 'vitest'
import { Series, type WindowDataset } from '../../lib/data/index.ts'
import { backtest, evaluateNaive, forecastWindows, naiveForecast } from '../../lib/forecast/index.ts'
import { torch } from '../../lib/index.ts'
import { GRUModel } from '../../lib/models/index.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectRejection } from '../support/error.ts'
import { DAY, windowsOf } from '../support/series.ts'

function modelOf(windows: WindowDataset, horizon: number): GRUModel {
  torch.manualSeed(0)
  return new GRUModel(windows.inputSize, 4, windows.outputSize, { output: 'last', horizon, batchFirst: true })
}

const VALUES = Array.from({ length: 30 }, (_, i) => 20 + 5 * Math.sin(i) + (i % 3))

test('errors have their closed form, by origin and by step', async () => {
  // Past 1, 5; then 5, 2; 2, 8. Persistence is off by 3, 3 (of 2, 8 after 5), 6, 1 (of 8, 3 after 2), 5, 4.
  const windows = await windowsOf([1, 5, 2, 8, 3, 4], { past: 2, horizon: 2 })
  const found = await backtest('persistence', windows)
  const close = (values: ArrayLike<number>, wanted: readonly number[]): void => {
    expect(values.length).toBe(wanted.length)
    wanted.forEach((value, i) => {
      expect(values[i]).toBeCloseTo(value, 5)
    })
  }
  close(found.absolute, [3, 3.5, 4.5])
  close(found.squared, [9, 18.5, 20.5])
  close(found.steps.mae, [14 / 3, 8 / 3])
  close(found.steps.rmse, [Math.sqrt(70 / 3), Math.sqrt(26 / 3)])
  expect(found.mae).toBeCloseTo(22 / 6, 5)
  expect(found.rmse).toBeCloseTo(4, 5)
  expect(found.origins).toEqual([2, 3, 4].map((day) => new Date(day * DAY)))
})

test('a model is measured as a Trainer does it, whatever the batches', async () => {
  const windows = await windowsOf(VALUES, { past: 5, horizon: 3 })
  const model = modelOf(windows, 3)
  const { mae, rmse } = await new Trainer(model, { metrics: ['mae', 'rmse'], progress: false }).evaluate(windows)
  const found = await backtest(model, windows, { batchSize: 4 })
  expect(found.mae).toBeCloseTo(Number(mae), 5)
  expect(found.rmse).toBeCloseTo(Number(rmse), 5)
  expect(found.absolute.reduce((sum, loss) => sum + loss, 0) / found.absolute.length).toBeCloseTo(found.mae, 10)
  const naive = await evaluateNaive(windows, { season: 3 })
  expect((await backtest('seasonalNaive', windows, { season: 3 })).mae).toBeCloseTo(naive.seasonalNaive?.mae ?? 0, 10)
})

test('forecasts are in the units of the data, and go on beyond what a model forecasts at once', async () => {
  const windows = await windowsOf(VALUES, { past: 5, horizon: 3 })
  const whole = await forecastWindows(modelOf(windows, 3), windows, [0, 4])
  expect([whole.shape, whole.dtype]).toEqual([[2, 3, 1], 'float64'])
  const scaled = modelOf(windows, 3).forward(windows.batch([0, 4], true).input)
  expect(whole.toArray()).toEqual(windows.inverseTransform(scaled.double(), [0, 4]).toArray())
  expect((await forecastWindows(modelOf(windows, 1), windows, [1])).shape).toEqual([1, 3, 1])
  expect((await forecastWindows('drift', windows, [1])).toArray()).toEqual(
    naiveForecast(windows, [1], 'drift').toArray(),
  )
})

test('groups share the origins, each in its own units; missing values do not count', async () => {
  const rows = Array.from({ length: 8 }, (_, i) => [
    { day: i * DAY, shop: 'a', y: i },
    { day: i * DAY, shop: 'b', y: i === 5 ? null : 10 * i },
  ]).flat()
  const series = await Series.from(rows, { time: 'day', targets: 'y', groups: 'shop', missing: 'mask' })
  const { train } = await series.split({ past: 2, horizon: 1 })
  const { origins, absolute } = await backtest('persistence', train)
  expect(origins.map(Number)).toEqual([2, 3, 4, 5, 6, 7].map((day) => day * DAY))
  // Steps of 1 and 10; in b, 5 is missing, and 6 is two steps after the last value.
  for (const [i, wanted] of [5.5, 5.5, 5.5, 1, 10.5, 5.5].entries()) expect(absolute[i]).toBeCloseTo(wanted, 4)
})

test('an origin whose past has no value has no loss', async () => {
  const windows = await windowsOf([null, null, 3, 4, 6], { past: 2, horizon: 1 }, { missing: 'mask' })
  const { absolute, mae } = await backtest('persistence', windows)
  expect([...absolute].map((loss) => Math.round(loss))).toEqual([Number.NaN, 1, 2])
  expect(mae).toBeCloseTo(1.5, 5)
})

test('mistakes are told', async () => {
  const windows = await windowsOf(VALUES, { past: 5, horizon: 3 })
  const model = modelOf(windows, 3)
  await expectRejection(backtest('naive' as never, windows), 'ERR_TORCH_VALUE', /'persistence', 'seasonalNaive'/)
  await expectRejection(backtest(1 as never, windows), 'ERR_TORCH_TYPE', /forecaster must be a Module or the name/)
  await expectRejection(backtest(model, [] as never), 'ERR_TORCH_TYPE', /a part of a split of a Series/)
  await expectRejection(backtest(model, windows, { season: 3 }), 'ERR_TORCH_TYPE', /season must be omitted for a model/)
  await expectRejection(backtest('drift', windows, { head: 'point' }), 'ERR_TORCH_TYPE', /head must be omitted/)
  await expectRejection(backtest('seasonalNaive', windows), 'ERR_TORCH_TYPE', /season must be a positive integer/)
  await expectRejection(backtest(model, windows, { batch: 1 } as never), 'ERR_TORCH_OPTION', /unknown option 'batch'/)
  await expectRejection(backtest(model, windows, { batchSize: 0 }), 'ERR_TORCH_VALUE', /batchSize/)
  await expectRejection(forecastWindows(model, windows, [99]), 'ERR_TORCH_INDEX', /index 99 is out of range/)
  await expectRejection(
    forecastWindows(model, windows, [0], { batchSize: 1 } as never),
    'ERR_TORCH_OPTION',
    /unknown option 'batchSize'/,
  )
})
