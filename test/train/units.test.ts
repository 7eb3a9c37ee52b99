// Metrics of windows, in the units of the data.
import { describe, expect, test } from 'vitest'
import { DataLoader, Series, type SeriesOptions, Subset, type WindowDataset } from '../../lib/data/index.ts'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { MAE, MASE, QuantileLoss, RMSE } from '../../lib/metrics/index.ts'
import type { TrainerOptions } from '../../lib/train/index.ts'
import { makeGraph, Trainer } from '../../lib/train/trainer.ts'
import { expectRejection } from '../support/error.ts'
import { FakeGraph } from '../support/graph.ts'

torch.setNumThreads(1)

const quiet: TrainerOptions = { progress: false, batchSize: 3, epochs: 1, optimizer: 'sgd', lr: 1e-9 }

/** A model that forecasts the last target for all steps. */
class Naive extends nn.Module {
  readonly batchFirst: boolean
  readonly factor = new nn.Parameter(torch.ones([1]))
  readonly #steps: number
  readonly #outputs: number

  constructor(steps: number, batchFirst: boolean, outputs = 1) {
    super()
    this.#steps = steps
    this.#outputs = outputs
    this.batchFirst = batchFirst
  }

  override forward(input: Tensor): Tensor {
    const dim = this.batchFirst ? 1 : 0
    const last = input
      .narrow(dim, input.size(dim) - 1, 1)
      .narrow(2, 0, 1)
      .mul(this.factor)
    const shape = [...input.shape]
    shape[dim] = this.#steps
    shape[2] = this.#outputs
    return last.expand(shape)
  }
}

const LENGTHS = { a: 12, b: 9 }
const values = {
  a: Array.from({ length: LENGTHS.a }, (_, i) => 10 + ((i * 5) % 7)),
  b: Array.from({ length: LENGTHS.b }, (_, i) => 1000 + 100 * ((i * 3) % 5)),
}
const mean = (all: readonly number[]): number => all.reduce((sum, value) => sum + value, 0) / all.length

/** The absolute errors of the naive forecast in windows of a group. */
function errors(group: 'a' | 'b', past: number, horizon: number): number[] {
  const own = values[group]
  return own.flatMap((_, start) =>
    start + past + horizon > own.length
      ? []
      : Array.from({ length: horizon }, (_, k) =>
          Math.abs((own[start + past + k] as number) - (own[start + past - 1] as number)),
        ),
  )
}

async function groupsOf(horizon: number): Promise<WindowDataset> {
  const rows = (['a', 'b'] as const).flatMap((shop) => values[shop].map((x, t) => ({ shop, t, x })))
  const series = await Series.from(rows, { time: 't', targets: 'x', groups: 'shop' })
  return series.splitSync({ past: 2, horizon }).train
}

async function single(x: readonly (number | null)[], more: Partial<SeriesOptions> = {}): Promise<WindowDataset> {
  const series = await Series.from({ t: x.map((_, i) => i), x }, { time: 't', targets: 'x', ...more })
  return series.splitSync({ past: 2, horizon: 1 }).train
}

describe('metrics of windows are in the units of the data', () => {
  test('also where these are so large that float32 has no room for their errors', async () => {
    const y = Array.from({ length: 60 }, (_, i) => 10 + 5 * Math.sin((2 * Math.PI * i) / 7) + ((i * 37) % 11) / 10)
    const measure = async (offset: number): Promise<Record<string, unknown>> => {
      const windows = await single(y.map((value) => value + offset))
      return await new Trainer(new Naive(1, true), { ...quiet, metrics: ['mae', 'rmse', 'r2'] }).evaluate(windows)
    }
    const [small, large] = [await measure(0), await measure(1e9)]
    for (const name of ['mae', 'rmse', 'r2']) {
      expect(Math.abs((large[name] as number) / (small[name] as number) - 1)).toBeLessThan(1e-3)
    }
    const steps = y.slice(2).map((value, i) => Math.abs(value - (y[i + 1] as number)))
    expect(large.mae).toBeCloseTo(mean(steps), 3)
    expect(large.rmse).toBeGreaterThan(large.mae as number)
  })

  test.each([true, false])('by the scales of each group, in any order (batchFirst %s)', async (batchFirst) => {
    const windows = await groupsOf(2)
    const all = [...errors('a', 2, 2), ...errors('b', 2, 2)]
    const trainer = new Trainer(new Naive(2, batchFirst), { ...quiet, metrics: ['mae', 'rmse'], seed: 1 })
    const history = await trainer.fit(windows, { validation: windows })
    const [epoch] = history.epochs
    expect(epoch?.trainMae).toBeCloseTo(mean(all), 3)
    expect(epoch?.validationMae).toBeCloseTo(mean(all), 3)
    expect(epoch?.validationRmse).toBeCloseTo(Math.sqrt(mean(all.map((error) => error ** 2))), 3)
    // The loss is that of scaled values.
    expect(epoch?.validationLoss).toBeLessThan(20)
    const loader = new DataLoader(windows, { batchSize: 4, shuffle: true, batchFirst })
    expect((await trainer.evaluate(loader)).mae).toBeCloseTo(mean(all), 3)
    // The windows of the second group, backwards.
    const count = LENGTHS.a - 3
    const indices = Array.from({ length: windows.length - count }, (_, i) => windows.length - 1 - i)
    const second = await trainer.evaluate(new Subset(windows, indices))
    expect(second.mae).toBeCloseTo(mean(errors('b', 2, 2)), 3)
    const nested = new Subset(new Subset(windows, indices), [indices.length - 1])
    expect((await trainer.evaluate(nested)).mae).toBeCloseTo(mean(errors('b', 2, 2).slice(0, 2)), 3)
  })

  test('unless they are to be scaled, or convert by themselves', async () => {
    const windows = await single(values.a)
    const std = Math.sqrt(mean(values.a.map((x) => (x - mean(values.a)) ** 2)))
    const wanted = mean(errors('a', 2, 1))
    const evaluate = async (options: TrainerOptions): Promise<Record<string, unknown>> =>
      new Trainer(new Naive(1, true), { ...quiet, ...options }).evaluate(windows)
    expect((await evaluate({ metrics: ['mae'] })).mae).toBeCloseTo(wanted, 4)
    expect((await evaluate({ metrics: ['mae'], metricUnits: 'scaled' })).mae).toBeCloseTo(wanted / std, 4)
    const own = new RMSE({ inverse: (x) => x.mul(0) })
    const { rmse, mae } = await evaluate({ metrics: [own, new MAE()] })
    expect([rmse, mae]).toEqual([0, expect.closeTo(wanted, 4)])
  })

  test('also those of quantiles', async () => {
    const windows = await single(values.a)
    const quantiles = [0.25, 0.5, 0.75]
    const trainer = new Trainer(new Naive(1, true, 3), {
      ...quiet,
      loss: new nn.QuantileLoss({ quantiles }),
      metrics: [new QuantileLoss({ quantiles })],
    })
    // Three equal forecasts: the pinball losses of quantiles around a half add up to that of a half.
    expect((await trainer.evaluate(windows)).quantile).toBeCloseTo(mean(errors('a', 2, 1)) / 2, 4)
  })

  test('of which missing ones do not count', async () => {
    const windows = await single([1, 5, 2, null, 9, 9, 4], { missing: 'mask' })
    const trainer = new Trainer(new Naive(1, true), { ...quiet, metrics: ['mae'] })
    const { mae } = await trainer.evaluate(windows)
    // A missing value is the mean as an input: that of 1, 5, 2, 9, 9 and 4 is 5.
    expect(mae).toBeCloseTo(mean([3, 4, 0, 5]), 4)
  })

  test('and cannot be with CUDA graphs', async () => {
    class Fake extends Trainer {
      protected override [makeGraph](): FakeGraph {
        return new FakeGraph()
      }
    }
    const windows = await single(values.a)
    const options = { ...quiet, cudaGraph: true, metrics: ['mae'] } as const
    await expectRejection(
      new Fake(new Naive(1, true), options).evaluate(windows),
      'ERR_TORCH_OPTION',
      "set metricUnits: 'scaled'",
    )
    const scaled = new Fake(new Naive(1, true), { ...options, metricUnits: 'scaled' })
    expect((await scaled.evaluate(windows)).mae).toBeGreaterThan(0)
  })

  test('the option is checked', () => {
    const make = () => new Trainer(new Naive(1, true), { metricUnits: 'raw' as never })
    expect(make).toThrow("metricUnits must be 'data' or 'scaled', got 'raw'")
  })
})

describe('a MASE without a scale', () => {
  const scaleOf = async (windows: Subset['dataset'], mase: MASE, more: TrainerOptions = {}) => {
    await new Trainer(new Naive(1, true), { ...quiet, metrics: [mase], ...more }).fit(windows)
    return mase.scale?.item<number>()
  }
  /** The mean change over a season, within runs. */
  const change = (runs: readonly (readonly number[])[], season: number): number =>
    mean(runs.flatMap((run) => run.slice(season).map((x, i) => Math.abs(x - (run[i] as number)))))

  test('gets that of the training windows', async () => {
    const windows = await single(values.a)
    const mase = new MASE()
    expect(await scaleOf(windows, mase)).toBeCloseTo(change([values.a], 1), 4)
    expect(await scaleOf(windows, new MASE({ seasonality: 3 }))).toBeCloseTo(change([values.a], 3), 4)
    const std = Math.sqrt(mean(values.a.map((x) => (x - mean(values.a)) ** 2)))
    expect(await scaleOf(windows, new MASE(), { metricUnits: 'scaled' })).toBeCloseTo(change([values.a], 1) / std, 4)
    const inverse = (x: Tensor): Tensor => x.mul(100)
    expect(await scaleOf(windows, new MASE({ inverse }))).toBeCloseTo((100 * change([values.a], 1)) / std, 3)
    // The rows 0 to 4 are those of windows 0 to 2.
    expect(await scaleOf(new Subset(windows, [2, 0, 1]), new MASE())).toBeCloseTo(change([values.a.slice(0, 5)], 1), 4)
    // It stays.
    const { mase: value } = await new Trainer(new Naive(1, true), { ...quiet, metrics: [mase] }).evaluate(windows)
    expect(value).toBeCloseTo(mean(errors('a', 2, 1)) / change([values.a], 1), 4)
  })

  test('leaves out changes across gaps, and missing values', async () => {
    const t = [0, 1, 2, 3, 4, 10, 11, 12, 13]
    const x = [1, 2, 4, 3, 9, 100, 105, 101, 102]
    const series = await Series.from({ t, x }, { time: 't', targets: 'x' })
    const { train } = series.splitSync({ past: 2, horizon: 1, scaler: 'none' })
    expect(await scaleOf(train, new MASE({ seasonality: 2 }))).toBeCloseTo(change([x.slice(0, 5), x.slice(5)], 2), 5)
    const { train: apart } = series.splitSync({ past: 2, horizon: 1, stride: 3, scaler: 'none' })
    expect(await scaleOf(apart, new MASE())).toBeCloseTo(change([x.slice(0, 3), x.slice(5, 8)], 1), 5)
    const masked = await single([1, 5, 9, null, 4, 6, 7], { missing: 'mask' })
    expect(await scaleOf(masked, new MASE())).toBeCloseTo(mean([4, 4, 2, 1]), 4)
  })

  test('gets one for each of several series', async () => {
    for (const batchFirst of [true, false]) {
      const windows = await groupsOf(2)
      const scales = { a: change([values.a], 1), b: change([values.b], 1) }
      const wanted = (['a', 'b'] as const).flatMap((name) => errors(name, 2, 2).map((error) => error / scales[name]))
      const trainer = new Trainer(new Naive(2, batchFirst), { ...quiet, metrics: ['mase', 'mae'], seed: 1 })
      const history = await trainer.fit(windows, { validation: windows })
      expect(history.epochs[0]?.validationMase).toBeCloseTo(mean(wanted), 3)
      expect(history.epochs[0]?.trainMase).toBeCloseTo(mean(wanted), 3)
      expect(history.epochs[0]?.validationMae).toBeCloseTo(mean([...errors('a', 2, 2), ...errors('b', 2, 2)]), 3)
      const count = LENGTHS.a - 3
      const second = Array.from({ length: windows.length - count }, (_, i) => windows.length - 1 - i)
      const { mase } = await trainer.evaluate(new Subset(windows, second))
      expect(mase).toBeCloseTo(mean(errors('b', 2, 2)) / scales.b, 3)
      // A scale of scaled values gives the same.
      const scaled = new Trainer(new Naive(2, batchFirst), { ...quiet, metrics: ['mase'], metricUnits: 'scaled' })
      await scaled.fit(windows)
      expect((await scaled.evaluate(windows)).mase).toBeCloseTo(mean(wanted), 3)
    }
  })

  test('gets one for the time of a dry run', async () => {
    const windows = await groupsOf(1)
    const mase = new MASE()
    const trainer = new Trainer(new Naive(1, true), { ...quiet, batchSize: 100, metrics: [mase, 'mae'] })
    const { metrics } = await trainer.dryRun(windows)
    const scales = { a: change([values.a], 1), b: change([values.b], 1) }
    const wanted = (['a', 'b'] as const).flatMap((name) => errors(name, 2, 1).map((error) => error / scales[name]))
    expect(metrics.validationMase).toBeCloseTo(mean(wanted), 3)
    expect(metrics.validationMae).toBeCloseTo(mean([...errors('a', 2, 1), ...errors('b', 2, 1)]), 3)
    expect([mase.scale, mase.groups]).toEqual([undefined, undefined])
  })

  test('is refused without training', async () => {
    const windows = await groupsOf(1)
    const trainer = new Trainer(new Naive(1, true), { ...quiet, metrics: ['mase'] })
    await expectRejection(trainer.evaluate(windows), 'ERR_TORCH_VALUE', 'there is no scale')
    const given = new Trainer(new Naive(1, true), { ...quiet, metrics: [new MASE({ scale: 10 })] })
    const all = [...errors('a', 2, 1), ...errors('b', 2, 1)]
    expect((await given.evaluate(windows)).mase).toBeCloseTo(mean(all) / 10, 3)
  })
})
