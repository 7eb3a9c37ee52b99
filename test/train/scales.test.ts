import { beforeAll, describe, expect, test } from 'vitest'
import { Series, type WindowDataset } from '../../lib/data/index.ts'
import { backtest, calibrate, forecast, forecastWindows } from '../../lib/forecast/index.ts'
import { torch } from '../../lib/index.ts'
import { GRUModel } from '../../lib/models/index.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectRejection } from '../support/error.ts'

const DAY = 86_400_000
const LENGTH = 80
const y = Array.from({ length: LENGTH }, (_, i) => 20 + i / 4 + 5 * Math.sin(i))
const x = y.map((_, i) => Math.cos(i))
const z = y.map((_, i) => i % 3)
const day = y.map((_, i) => i * DAY)

const seriesOf = (inputs: string[]) => Series.from({ day, y, x, z }, { time: 'day', targets: 'y', inputs })
const SIZE = { past: 5, horizon: 2, test: 0.2 }

let series: Series
type Parts = Record<'train' | 'validation' | 'test', WindowDataset>
let own: Parts
let other: Parts
let turned: Parts
let model: GRUModel
let trainer: Trainer

beforeAll(async () => {
  series = await seriesOf(['x', 'z'])
  own = await series.split({ ...SIZE, validation: 0.1 })
  other = await series.split({ ...SIZE, validation: 0.5 })
  turned = await (await seriesOf(['z', 'x'])).split({ ...SIZE, validation: 0.1 })
  torch.manualSeed(0)
  model = new GRUModel(own.train.inputSize, 4, 1, { output: 'last', horizon: 2, batchFirst: true })
  trainer = new Trainer(model, { epochs: 1, progress: false, metrics: ['mae'] })
  await trainer.fit(own.train)
})

const SCALES = /other scales of y, unlike what GRUModel was trained on: split with .* scaler: train\.scaler/
const INPUTS = /have the inputs z, x, not x, z, unlike what GRUModel was trained on/

describe('windows with other scales than those of the training are refused', () => {
  test.each([
    ['evaluate', () => trainer.evaluate(other.test)],
    ['predict', () => trainer.predict(other.test)],
    ['backtest', () => backtest(model, other.test)],
    ['forecastWindows', () => forecastWindows(model, other.test, [0])],
    ['calibrate', () => calibrate(model, other.test, { levels: [0.5] })],
  ] as const)('by %s', async (name, call) => {
    await expectRejection(call(), 'ERR_TORCH_VALUE', SCALES)
    await expectRejection(call(), 'ERR_TORCH_VALUE', `${name}: the windows have`)
  })

  test('by forecast', () =>
    expectRejection(
      forecast(model, series, { past: 5, scaler: other.train.scaler }),
      'ERR_TORCH_VALUE',
      /forecast: the columns of scaler have other scales of y, .* give scaler: train\.scaler/,
    ))

  test('by fit, for validation', () =>
    expectRejection(
      trainer.fit(own.train, { validation: other.validation }),
      'ERR_TORCH_VALUE',
      /fit: the windows of validation have other scales of y, unlike those to train on/,
    ))
})

test('inputs in another order are refused', async () => {
  await expectRejection(trainer.evaluate(turned.test), 'ERR_TORCH_VALUE', INPUTS)
  await expectRejection(backtest(model, turned.test), 'ERR_TORCH_VALUE', INPUTS)
})

test('another split with the same scaler gives what the split of the training gives', async () => {
  const same = await series.split({ ...SIZE, validation: 0.5, scaler: own.train.scaler })
  expect(await trainer.evaluate(same.test)).toEqual(await trainer.evaluate(own.test))
  expect((await backtest(model, same.test)).mae).toBe((await backtest(model, own.test)).mae)
})

test('a model that was loaded knows the scales by its scaler, and one without knows none', async () => {
  const loaded = new GRUModel(own.train.inputSize, 4, 1, { output: 'last', horizon: 2, batchFirst: true })
  loaded.loadStateDict(model.stateDict())
  expect((await backtest(loaded, other.test)).mae).toBeGreaterThan(0)
  loaded.scaler = own.train.scaler
  await expectRejection(backtest(loaded, other.test), 'ERR_TORCH_VALUE', SCALES)
  expect((await backtest(loaded, own.test)).mae).toBe((await backtest(model, own.test)).mae)
})

test('the last fit counts, and groups that it did not have bring their own scales', async () => {
  const groupsOf = async (names: string[]) => {
    const source = {
      day: names.flatMap(() => day),
      y: names.flatMap((_, i) => y.map((value) => value * (i + 1))),
      place: names.flatMap((name) => day.map(() => name)),
    }
    const grouped = await Series.from(source, { time: 'day', targets: 'y', groups: 'place' })
    return grouped.split(SIZE)
  }
  const [one, two, third] = [await groupsOf(['a', 'b']), await groupsOf(['b', 'c']), await groupsOf(['d'])]
  const small = new GRUModel(1, 2, 1, { output: 'last', horizon: 2, batchFirst: true })
  const fitted = new Trainer(small, { epochs: 1, progress: false })
  await fitted.fit(one.train)
  await expectRejection(fitted.evaluate(two.test), 'ERR_TORCH_VALUE', 'have other scales of y in group b')
  expect((await fitted.evaluate(third.test)).loss).toBeGreaterThan(0)
  await fitted.fit(two.train)
  expect((await fitted.evaluate(two.test)).loss).toBeGreaterThan(0)
})
