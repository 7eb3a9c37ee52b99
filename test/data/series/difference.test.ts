import { describe, expect, it } from 'vitest'
import { examine, Series, type SplitOptions, scalerFrom, type WindowDataset } from '../../../lib/data/index.ts'
import { calibrate, evaluateNaive, forecast } from '../../../lib/forecast/index.ts'
import { GRUModel } from '../../../lib/models/index.ts'
import { torch } from '../../../lib/torch.ts'
import { Trainer } from '../../../lib/train/index.ts'
import { expectError, expectRejection } from '../../support/error.ts'

const DAY = 86_400_000

/** A trend with a season of 4 steps and a wobble, which is nowhere 0. */
const trend = (length: number): number[] =>
  Array.from({ length }, (_, t) => 100 + 3 * t + 10 * Math.sin((t * Math.PI) / 2 + 1) + ((t * 7) % 5))

const days = (length: number): number[] => Array.from({ length }, (_, t) => t * DAY)
const seriesOf = (values: readonly (number | null)[], options = {}): Promise<Series> =>
  Series.from({ day: days(values.length), y: [...values] }, { time: 'day', targets: 'y', ...options })

/** All windows of a part, their targets in the units of the data, and what these are. */
function recovered(windows: WindowDataset): { found: number[][]; mask: boolean[][] | undefined } {
  const indices = Array.from({ length: windows.length }, (_, i) => i)
  return torch.tidy(() => {
    const { target, mask } = windows.batch(indices, true)
    const found = windows.inverseTransform(target, indices).select(-1, 0).toArray() as number[][]
    return { found, mask: mask?.select(-1, 0).toArray() as boolean[][] | undefined }
  })
}

describe('the inverse of differences gives the values', () => {
  it.each<[string, Omit<SplitOptions, 'past'>]>([
    ['of neighbours', { difference: 1, horizon: 5 }],
    ['of a season', { difference: 4, horizon: 3 }],
    ['of a season that is shorter than the horizon', { difference: 4, horizon: 10 }],
    ['of logarithms', { difference: 4, horizon: 6, scaler: 'log' }],
    ['without scales', { difference: 1, horizon: 2, scaler: 'none' }],
    ['within a range', { difference: 1, horizon: 2, scaler: 'minMax' }],
  ])('%s', async (_, options) => {
    const values = trend(60)
    const series = await seriesOf(values)
    const { train, test } = await series.split({ past: 6, test: 0.3, ...options })
    const horizon = options.horizon as number
    for (const windows of [train, test]) {
      const { found } = recovered(windows)
      for (const [n, row] of found.entries()) {
        const at = (windows.times(n)[0] as Date).getTime() / DAY
        for (const [h, value] of row.entries()) expect(value).toBeCloseTo(values[at + h] as number, 3)
      }
      expect(found[0]).toHaveLength(horizon)
    }
    // The first window begins where the first difference is.
    expect((train.times(0)[0] as Date).getTime() / DAY).toBe(6 + (options.difference as number))
  })

  it('also with the steps first, and for large values', async () => {
    const values = trend(40).map((value) => 1e9 + value)
    const { train } = await (await seriesOf(values)).split({ past: 3, horizon: 4, difference: 1 })
    torch.tidy(() => {
      const { target } = train.batch([0, 5], false)
      const found = train.inverseTransform(target.double(), [0, 5], false).select(-1, 0).toArray() as number[][]
      for (const [h, [first, second]] of found.entries()) {
        expect(first).toBeCloseTo(values[4 + h] as number, 3)
        expect(second).toBeCloseTo(values[9 + h] as number, 3)
      }
    })
  })

  it('of each group with its scales, and not across gaps', async () => {
    const rows = ['a', 'b'].flatMap((shop, g) =>
      trend(30).map((value, t) => ({ day: (t < 15 ? t : t + 3) * DAY, shop, y: value * (1 + 9 * g) })),
    )
    const series = await Series.from(rows, { time: 'day', targets: 'y', groups: 'shop' })
    const { train } = await series.split({ past: 3, horizon: 2, difference: 2 })
    // 15 steps on each side of the gap: 2 to differ from, 3 to read and 2 to forecast.
    expect(train.length).toBe(2 * 2 * (15 - 6))
    const { found } = recovered(train)
    const groups = train.groups(found.map((_, n) => n)) as string[]
    for (const [n, row] of found.entries()) {
      const day = (train.times(n)[0] as Date).getTime() / DAY
      const wanted = (trend(30)[day < 15 ? day : day - 3] as number) * (groups[n] === 'a' ? 1 : 10)
      expect(row[0]).toBeCloseTo(wanted, 2)
    }
  })

  it('passes over missing values', async () => {
    const values = trend(50)
    const holes = [9, 10, 11, 23, 30, 34]
    const given = values.map((value, t) => (holes.includes(t) ? null : value))
    const series = await seriesOf(given, { missing: 'mask' })
    expect(series.inputNames).toEqual(['y', 'y observed'])
    const { train } = await series.split({ past: 5, horizon: 6, difference: 4 })
    const { found, mask } = recovered(train)
    for (const [n, row] of found.entries()) {
      const at = (train.times(n)[0] as Date).getTime() / DAY
      for (const [h, value] of row.entries()) {
        expect((mask as boolean[][])[n]?.[h]).toBe(!holes.includes(at + h))
        if (!holes.includes(at + h)) expect(value).toBeCloseTo(values[at + h] as number, 3)
      }
    }
    const { input } = train.batch([0], true)
    expect(input.select(-1, 1).toArray()).toEqual([[1, 1, 1, 1, 1].map((one, t) => (holes.includes(4 + t) ? 0 : one))])
  })
})

describe('scales', () => {
  it('are those of the differences of the training part, and inputs see these', async () => {
    const series = await seriesOf(trend(40), { inputs: [] })
    const { train } = await series.split({ past: 4, horizon: 1, test: 0.25, difference: 1 })
    const values = trend(30)
    const steps = values.slice(1).map((value, t) => value - (values[t] as number))
    const mean = steps.reduce((sum, step) => sum + step) / steps.length
    const std = Math.sqrt(steps.reduce((sum, step) => sum + (step - mean) ** 2, 0) / steps.length)
    const { config } = train.scaler
    expect(config).toMatchObject({ difference: 1, scalers: [[{ type: 'standard' }]] })
    expect(config.scalers[0]?.[0]?.center[0]).toBeCloseTo(mean, 9)
    expect(config.scalers[0]?.[0]?.scale[0]).toBeCloseTo(std, 9)
    const { input } = train.batch([0], true)
    const wanted = steps.slice(0, 4).map((step) => (step - mean) / std)
    for (const [t, value] of (input.flatten().toArray() as number[]).entries()) {
      expect(value).toBeCloseTo(wanted[t] as number, 5)
    }
  })

  it('are saved as JSON, and need the values before to be undone', async () => {
    const { train } = await (await seriesOf(trend(40))).split({ past: 4, difference: 4, horizon: 2 })
    const scaler = scalerFrom(JSON.parse(JSON.stringify(train.scaler.config)))
    expect(scaler).toMatchObject({ difference: 4 })
    expect(scaler.config).toEqual(train.scaler.config)
    expectError(
      () => scaler.inverseTransform(torch.zeros([1, 2, 1])),
      'ERR_TORCH_VALUE',
      'use inverseTransform of windows',
    )
    expectError(() => scalerFrom({ ...train.scaler.config, difference: 0 }), 'ERR_TORCH_VALUE', 'config.difference')
  })
})

describe('forecasts', () => {
  /** A model whose outputs are 0: what it forecasts are the steps of the scales. */
  function still(inputSize: number, horizon: number): GRUModel {
    const model = new GRUModel(inputSize, 3, 1, { output: 'last', horizon, batchFirst: true })
    torch.noGrad(() => {
      model.linear.weight.zero_()
      model.linear.bias?.zero_()
    })
    return model
  }

  it('go on with the mean step, or with the mean growth', async () => {
    const line = await seriesOf(Array.from({ length: 30 }, (_, t) => 5 + 3 * t))
    const { train } = await line.split({ past: 4, horizon: 3, difference: 1 })
    const [{ values }] = await forecast(still(1, 3), line, { past: 4, scaler: train.scaler })
    expect(values.y).toEqual([95, 98, 101].map((value) => expect.closeTo(value, 4)))
    const growth = await seriesOf(Array.from({ length: 30 }, (_, t) => 2 * 1.1 ** t))
    const options = { past: 4, horizon: 3, difference: 2, scaler: { type: 'log', offset: 0 } } as const
    const parts = await growth.split(options)
    const [found] = await forecast(still(1, 3), growth, { past: 4, scaler: parts.train.scaler })
    expect(found.values.y).toEqual([30, 31, 32].map((t) => expect.closeTo(2 * 1.1 ** t, 3)))
    const latest = growth.latest({ past: 4, scaler: parts.train.scaler })
    const inUnits = latest
      .inverseTransform(torch.zeros([1, 3, 1], { dtype: 'float64' }))
      .flatten()
      .toArray()
    expect(inUnits).toEqual(found.values.y?.map((value) => expect.closeTo(value, 6)))
  })

  it.each([
    [1, 1],
    [1, 2],
    [3, 2],
    [2, 4],
  ])('of differences of %i go on from forecasts of %i steps as from values', async (difference, horizon) => {
    const values = trend(40)
    const series = await seriesOf(values)
    const { train } = await series.split({ past: 6, horizon, difference })
    torch.manualSeed(0)
    const model = new GRUModel(1, 5, 1, { output: 'last', horizon, batchFirst: true })
    const { scaler } = train
    const [whole] = await forecast(model, series, { past: 6, steps: 3 * horizon, scaler })
    let known = values
    for (let read = 0; read < 3; read++) {
      const [next] = await forecast(model, await seriesOf(known), { past: 6 + read * horizon, scaler })
      known = [...known, ...(next.values.y as number[])]
    }
    expect(whole.values.y).toEqual(known.slice(40).map((value) => expect.closeTo(value, 2)))
  })

  it('have intervals of values', async () => {
    const series = await seriesOf(trend(80))
    const { train, validation } = await series.split({ past: 4, horizon: 4, difference: 4, validation: 0.4 })
    const model = still(1, 4)
    const calibration = await calibrate(model, validation, { levels: [0.8] })
    const [{ values, intervals }] = await forecast(model, series, { past: 4, scaler: train.scaler, calibration })
    const scale = train.scaler.config.scalers[0]?.[0]?.scale[0] as number
    const { lower, upper } = intervals[0] as (typeof intervals)[number]
    for (const [h, value] of (values.y as number[]).entries()) {
      const radius = (calibration.radii[0]?.[h]?.[0] as number) * scale
      expect(lower.y?.[h]).toBeCloseTo(value - radius, 3)
      expect(upper.y?.[h]).toBeCloseTo(value + radius, 3)
    }
  })
})

it('metrics and naive forecasts are those of values', async () => {
  const series = await seriesOf(trend(80))
  const size = { past: 8, horizon: 4, test: 0.3 }
  const plain = await series.split(size)
  const { train, test } = await series.split({ ...size, difference: 1 })
  const options = { season: 4, metrics: ['mae', 'mase'] } as const
  const [wanted, found] = [await evaluateNaive(plain.test, options), await evaluateNaive(test, options)]
  for (const [method, errors] of Object.entries(wanted)) {
    expect(found[method as keyof typeof found]?.mae).toBeCloseTo(errors.mae as number, 3)
  }
  expect(found.persistence?.mae).toBeGreaterThan(3)
  const trainer = new Trainer(new GRUModel(1, 4, 1, { output: 'last', horizon: 4, batchFirst: true }), {
    epochs: 2,
    metrics: ['mae'],
    metricUnits: 'data',
    progress: false,
    seed: 0,
  })
  await trainer.fit(train)
  const { mae } = await trainer.evaluate(test)
  // A forecast of nothing but the trend is off by the season at most.
  expect(mae).toBeLessThan(15)
  expect(mae).toBeGreaterThan(1)
})

describe('a mistake is refused', () => {
  it.each<[string, object, 'ERR_TORCH_VALUE' | 'ERR_TORCH_TYPE' | 'ERR_TORCH_OPTION', string]>([
    ['no steps', { difference: 0 }, 'ERR_TORCH_VALUE', 'difference'],
    ['a name', { difference: 'season' }, 'ERR_TORCH_TYPE', 'difference'],
    ['more than there are', { difference: 19, past: 3 }, 'ERR_TORCH_VALUE', 'after 19 to differ from'],
    [
      'more than the training part has',
      { difference: 18, past: 1, test: 0.5 },
      'ERR_TORCH_VALUE',
      'has no two values 18 steps apart',
    ],
  ])('%s', async (_, options, code, message) => {
    const series = await seriesOf(trend(20))
    await expectRejection(series.split({ past: 4, ...options }), code, message)
  })

  it('with scales that are fitted, logarithms of nothing, or too few steps to go on from', async () => {
    const series = await seriesOf(trend(20))
    const { train } = await series.split({ past: 4, difference: 1 })
    const { scaler } = train
    await expectRejection(series.split({ past: 4, scaler, difference: 1 }), 'ERR_TORCH_OPTION', 'is fitted')
    const negative = await seriesOf(trend(20).map((value, t) => (t === 7 ? -5 : value)))
    await expectRejection(
      negative.split({ past: 4, difference: 1, scaler: 'log' }),
      'ERR_TORCH_VALUE',
      "column 'y' at 1970-01-08: -5 is too small for the logarithm of x + 1",
    )
    const short = await seriesOf(trend(4))
    expectError(
      () => short.latest({ past: 4, scaler }),
      'ERR_TORCH_VALUE',
      'past is 4, and 1 to differ from, but there are 4',
    )
    expectError(() => train.inverseTransform(torch.zeros([1, 3, 1]), [0]), 'ERR_TORCH_SHAPE', 'must be (1, 1, …, 1)')
    expect(examine(series)).toEqual([])
  })
})
