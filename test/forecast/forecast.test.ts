import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Series, type SeriesOptions } from '../../lib/data/index.ts'
import type { SeriesScaler } from '../../lib/data/scaler/series-scaler.ts'
import { calibrate, type Forecast, type ForecastOptions, forecast } from '../../lib/forecast/index.ts'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, loadModel, type RecurrentModel, RNNModel } from '../../lib/models/index.ts'
import { expectClose } from '../support/close.ts'
import { expectRejection } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'

torch.setNumThreads(1)

const DAY = 86_400_000
const ONE = { time: 't', targets: 'x' } as const

/** A series of one target, by default in the scale of the model. */
async function counting(
  values: readonly number[],
  scaler: 'none' | 'standard' = 'none',
): Promise<{ series: Series; scaler: SeriesScaler }> {
  const series = await Series.from({ t: values.map((_, i) => i * DAY), x: values }, ONE)
  return { series, scaler: series.splitSync({ past: 1, scaler }).train.scaler }
}

/** An RNN whose next value is the last one, plus 1. */
function adder(options: object = {}): RNNModel {
  const model = new RNNModel(1, 1, 1, { nonlinearity: 'relu', batchFirst: true, ...options })
  torch.noGrad(() => {
    for (const parameter of model.parameters()) parameter.fill_(0)
    model.rnn.allWeights[0]?.[0]?.fill_(1)
    model.linear.weight.fill_(1)
    model.linear.bias?.fill_(1)
  })
  return model
}

/** A model whose outputs are constants. */
function constant(values: readonly number[], horizon = 1, outputs = values.length / horizon): GRUModel {
  const model = new GRUModel(1, 2, outputs, { output: 'last', horizon, batchFirst: true })
  torch.noGrad(() => {
    model.linear.weight.fill_(0)
    model.linear.bias?.copy_(torch.tensor([...values]))
  })
  return model
}

describe('a forecast', () => {
  const source = {
    t: [...Array(20).keys(), ...Array(15).keys()].map((i) => i * DAY),
    x: Array.from({ length: 35 }, (_, i) => (i < 20 ? Math.sin(i) : 100 + 10 * Math.cos(i))),
    y: Array.from({ length: 35 }, (_, i) => i % 7),
    shop: Array.from({ length: 35 }, (_, i) => (i < 20 ? 'a' : 'b')),
  }
  const options = { time: 't', targets: ['x', 'y'], groups: 'shop', calendar: 'weekday' } as const

  test.each([true, false])(
    'is the output of the model for the last steps, in units (batchFirst %s)',
    async (batchFirst) => {
      const series = await Series.from(source, options)
      const { scaler } = series.splitSync({ past: 5, horizon: 3 }).train
      const model = new GRUModel(series.inputSize, 6, 2, {
        output: 'last',
        horizon: 3,
        batchFirst,
        dropout: 0.5,
        numLayers: 2,
      })
      const found = await forecast(model, series, { past: 5, scaler })
      expect(model.training).toBe(true)
      const { input } = series.latest({ past: 5, scaler, batchFirst })
      const wanted = scaler.inverseTransform(model.eval().forward(input), { groups: ['a', 'b'] })
      expect(found.map(({ group }) => group)).toEqual(['a', 'b'])
      for (const [i, { values }] of found.entries()) {
        expectClose([values.x ?? [], values.y ?? []], wanted.index(i).T)
      }
      expect(found.map(({ times }) => times.map((time) => time.getTime() / DAY))).toEqual([
        [20, 21, 22],
        [15, 16, 17],
      ])
      expect(found.map(({ intervals }) => intervals)).toEqual([[], []])
      const sooner = await forecast(model, series, { past: 5, scaler, steps: 2, batchSize: 1 })
      expectClose(
        sooner.map(({ values }) => values.x ?? []),
        found.map(({ values }) => values.x?.slice(0, 2) ?? []),
      )
    },
  )

  test('is plain data, and leaves no tensors behind', async () => {
    const { series, scaler } = await counting([1, 2, 3])
    const model = adder()
    const before = torch.memory().tensors
    const [one] = await forecast(model, series, { past: 2, scaler, steps: 2 })
    expect(torch.memory().tensors).toBeLessThanOrEqual(before)
    expect(JSON.parse(JSON.stringify(one))).toEqual({
      group: null,
      times: ['1970-01-04T00:00:00.000Z', '1970-01-05T00:00:00.000Z'],
      values: { x: [4, 5] },
      intervals: [],
    })
  })

  test('of a module of one’s own', async () => {
    class Last extends nn.Module {
      readonly weight = new nn.Parameter(torch.ones([1]))
      readonly #steps: number
      readonly batchFirst: boolean
      constructor(steps: number, batchFirst: boolean) {
        super()
        this.#steps = steps
        this.batchFirst = batchFirst
      }
      override forward(input: Tensor): Tensor {
        const last = input.select(this.batchFirst ? 1 : 0, -1)
        if (this.#steps === 1) return last
        return torch.stack(Array(this.#steps).fill(last), this.batchFirst ? 1 : 0)
      }
    }
    const { series, scaler } = await counting([1, 5, 3], 'standard')
    for (const batchFirst of [true, false]) {
      for (const steps of [1, 4]) {
        const [{ values }] = await forecast(new Last(steps, batchFirst), series, { past: 2, scaler })
        expectClose(values.x ?? [], Array(steps).fill(3))
      }
    }
    await expectRejection(
      forecast(new Last(1, true), series, { past: 2, scaler, steps: 2 }),
      'ERR_TORCH_VALUE',
      'to go on to 2 it must continue from its state, but Last has no forwardWithState: train a model with a horizon of 2',
    )
    class Flat extends Last {
      override forward(input: Tensor): Tensor {
        return super.forward(input).flatten()
      }
    }
    await expectRejection(forecast(new Flat(1, true), series, { past: 2, scaler }), 'ERR_TORCH_SHAPE', 'returned (1)')
  })

  test('is the same after saving and loading', async () => {
    const series = await Series.from(source, options)
    const { train, validation } = series.splitSync({ past: 3, horizon: 2, validation: 0.3 })
    const model = new LSTMModel(series.inputSize, 4, 2, { output: 'last', horizon: 2, batchFirst: true })
    const calibration = await calibrate(model, validation, { levels: [0.5] })
    const wanted = await forecast(model, series, { scaler: train.scaler, calibration })
    const path = join(temporaryFolder(), 'model.safetensors')
    await model.save(path, { scaler: train.scaler, calibration })
    const loaded = await loadModel(path)
    expect(loaded.calibration).toEqual(calibration)
    expect(await forecast(loaded, series)).toEqual(wanted)
    const { past, steps } = calibration
    const [bare] = await forecast(loaded, series, { past, calibration: null })
    expect([bare.values, bare.intervals]).toEqual([wanted[0].values, []])
    await expectRejection(
      forecast(loaded, series, { steps: steps + 1 }),
      'ERR_TORCH_VALUE',
      `steps is ${steps + 1}: calibrate with windows of that horizon, or pass calibration: null for a forecast without`,
    )
  })
})

describe('the times', () => {
  const timesOf = async (t: readonly string[], more: Partial<SeriesOptions> = {}): Promise<string[]> => {
    const series = await Series.from({ t, x: t.map((_, i) => i + 1) }, { ...ONE, ...more })
    const { scaler } = series.splitSync({ past: 1, scaler: 'none' }).train
    const [{ times }] = await forecast(adder(), series, { past: 1, scaler, steps: 3 })
    return times.map((time) => time.toISOString().replace('T00:00:00.000Z', ''))
  }

  test.each([
    [
      'hours',
      ['2024-01-01T22:00', '2024-01-01T23:00'],
      ['2024-01-02', '2024-01-02T01:00:00.000Z', '2024-01-02T02:00:00.000Z'],
    ],
    ['first days of months', ['2023-10-01', '2023-11-01', '2023-12-01'], ['2024-01-01', '2024-02-01', '2024-03-01']],
    ['last days of months', ['2023-12-31', '2024-01-31', '2024-02-29'], ['2024-03-31', '2024-04-30', '2024-05-31']],
    ['years', ['2019-02-28', '2020-02-29'], ['2021-02-28', '2022-02-28', '2023-02-28']],
  ])('are those of the frequency: %s', async (_, times, wanted) => {
    expect(await timesOf(times)).toEqual(wanted.map((one) => one.replace('T00:00:00.000Z', '')))
  })

  test('of a single row need a frequency', async () => {
    const t = ['2024-01-01']
    const series = await Series.from({ t, x: [1] }, ONE)
    const scaler = (await counting([1, 2])).scaler
    await expectRejection(forecast(adder(), series, { past: 1, scaler }), 'ERR_TORCH_VALUE', 'frequency')
    const daily = await Series.from({ t, x: [1] }, { ...ONE, frequency: 'day' })
    const [{ times }] = await forecast(adder(), daily, { past: 1, scaler })
    expect(times).toEqual([new Date('2024-01-02')])
  })
})

describe('a model that reads its own forecasts', () => {
  test.each([{}, { output: 'last' }, { batchFirst: false }, { output: 'last', horizon: 1 }])(
    'adds up, with %o',
    async (options) => {
      const { series, scaler } = await counting([4, 1, 2])
      const [{ values, times }] = await forecast(adder(options), series, { past: 3, scaler, steps: 40 })
      expect(values.x).toEqual(Array.from({ length: 40 }, (_, i) => i + 3))
      expect(times.length).toBe(40)
    },
  )

  const rows = Array.from({ length: 60 }, (_, i) => ({
    t: Math.floor(i / 2) * DAY,
    shop: i % 2 === 0 ? 'a' : 'b',
    x: i % 2 === 0 ? Math.sin(i) : 50 + Math.cos(i),
    wind: i % 4 === 0 ? null : (i * 7) % 5,
  }))
  const known = 20

  /** The forecasts, from the features that a series has which goes on. */
  async function check(model: RecurrentModel, more: Partial<SeriesOptions>, steps: number): Promise<void> {
    const options = { time: 't', targets: 'x', inputs: 'wind', groups: 'shop', calendar: 'weekday', ...more } as const
    const complete = rows.map((row) => (options.missing === 'mask' ? row : { ...row, wind: row.wind ?? 1 }))
    const whole = await Series.from(complete, options)
    const series = await Series.from(
      complete.filter(({ t }) => t < known * DAY),
      options,
    )
    const { scaler } = series.splitSync({ past: 6, horizon: 2 }).train
    const columns = (shop: string): { wind: number[] } => {
      const later = complete.filter((row) => row.shop === shop && row.t >= known * DAY)
      return { wind: later.map(({ wind }) => wind ?? Number.NaN) }
    }
    const futureInputs = { a: columns('a'), b: columns('b') }
    const found = await forecast(model, series, { past: 6, scaler, steps, futureInputs, batchSize: 1 })
    const { input } = whole.latest({ past: 30 - known + 6, scaler }) // from the same step on, to the end
    const isAutoregressive = options.autoregressive !== false
    const horizon = model.horizon ?? 1
    const outputs: Tensor[] = []
    for (let done = 0; done < steps; done += horizon) {
      const read = input.index(torch.slice(), torch.slice(0, 6 + done)).clone()
      if (isAutoregressive && done > 0) {
        read.index(torch.slice(), torch.slice(6), torch.slice(0, 1)).copy_(torch.cat(outputs, 1))
        if (options.missing === 'mask') read.index(torch.slice(), torch.slice(6), 2).fill_(1)
      }
      const output = model.forward(read)
      const last = model.output === 'sequence' ? output.select(1, -1) : output
      outputs.push((model.horizon === null ? last.unsqueeze(1) : last).detach())
    }
    const wanted = scaler.inverseTransform(torch.cat(outputs, 1), { groups: ['a', 'b'] })
    for (const [i, { values }] of found.entries()) {
      expectClose(values.x ?? [], wanted.index(i, torch.slice(0, steps), 0), { rtol: 1e-4, atol: 1e-4 })
    }
  }

  test('reads the same features as if they had come', async () => {
    torch.manualSeed(0)
    await check(new GRUModel(4, 5, 1, { batchFirst: true }), {}, 6)
    await check(new LSTMModel(4, 5, 1, { batchFirst: true, output: 'last', horizon: 3 }), {}, 8)
    await check(new GRUModel(3, 5, 1, { batchFirst: true, output: 'last' }), { autoregressive: false }, 5)
    await check(new LSTMModel(6, 5, 1, { batchFirst: true }), { missing: 'mask' }, 6)
  })

  test('needs the inputs of the steps that it reads', async () => {
    const source = { t: [1, 2, 3].map((i) => i * DAY), x: [1, 2, 3], wind: [1, 1, 1], rain: [0, 0, 0] }
    const series = await Series.from(source, { ...ONE, inputs: ['wind', 'rain'] })
    const { scaler } = series.splitSync({ past: 1, scaler: 'none' }).train
    const model = new GRUModel(3, 2, 1, { batchFirst: true })
    const make = (futureInputs: object | undefined, more: ForecastOptions = {}): Promise<Forecast[]> =>
      forecast(model, series, {
        past: 2,
        scaler,
        steps: 3,
        ...(futureInputs === undefined ? {} : { futureInputs: futureInputs as never }),
        ...more,
      })
    await expectRejection(
      make(undefined),
      'ERR_TORCH_VALUE',
      'the inputs wind, rain of these steps: give them for 2 steps',
    )
    await expectRejection(make({ wind: [1, 2] }), 'ERR_TORCH_VALUE', "futureInputs lacks the input 'rain'")
    await expectRejection(
      make({ wind: [1, 2], rain: [1] }),
      'ERR_TORCH_VALUE',
      "1 values of 'rain', but the model reads 2",
    )
    await expectRejection(
      make({ wind: [1, 2], rain: [1, Number.NaN] }),
      'ERR_TORCH_TYPE',
      'futureInputs.rain must be an',
    )
    await expectRejection(make({ wind: [1, 2], rain: '12' }), 'ERR_TORCH_TYPE', 'futureInputs.rain must be an array')
    await expectRejection(make({ wind: [1], rain: [1], x: [1] }), 'ERR_TORCH_VALUE', "there is no input 'x'")
    await expectRejection(make([1]), 'ERR_TORCH_TYPE', 'futureInputs must be an object')
    await expectRejection(make({ wind: [1], rain: [1] }, { steps: 1 }), 'ERR_TORCH_OPTION', 'reads no futureInputs')
    const [{ values }] = (await make({ wind: [1, 2], rain: Float32Array.of(0, 1) })) as [Forecast]
    expect(values.x?.length).toBe(3)
    const grouped = await Series.from(
      { t: [1, 2, 1, 2], x: [1, 2, 3, 4], wind: [1, 1, 1, 1], g: [...'aabb'] },
      { ...ONE, inputs: 'wind', groups: 'g' },
    )
    const own = grouped.splitSync({ past: 1 }).train.scaler
    const wrong = { past: 1, scaler: own, steps: 2, futureInputs: { a: { wind: [1] } } }
    await expectRejection(
      forecast(new GRUModel(2, 2, 1), grouped, wrong),
      'ERR_TORCH_VALUE',
      "futureInputs lacks the group 'b'",
    )
  })

  test('must be able to continue', async () => {
    const { series, scaler } = await counting([1, 2, 3])
    class Shifted extends GRUModel {
      override forward(input: Tensor): Tensor {
        return super.forward(input).add(1)
      }
    }
    const fails = async (model: RecurrentModel, reason: string): Promise<unknown> =>
      expectRejection(forecast(model, series, { past: 2, scaler, steps: 2 }), 'ERR_TORCH_VALUE', reason)
    await fails(
      new GRUModel(1, 2, 1, { bidirectional: true }),
      'a bidirectional network has read its inputs from the end',
    )
    await fails(new GRUModel(1, 2, 1, { output: 'mean' }), "its output 'mean' is one over all steps")
    await fails(new Shifted(1, 2, 1), 'Shifted overrides forward alone')
  })
})

describe('intervals', () => {
  test('of quantiles, in order, by level and target', async () => {
    const { series, scaler } = await counting([0, 10], 'standard') // mean 5, deviation 5
    // Two steps; the quantiles of the second one cross.
    const model = constant([-2, -1, 0, 1, 2, 0.5, -1, 0, 3, 1], 2)
    const head = { quantiles: [0.05, 0.1, 0.5, 0.9, 0.95] }
    const [all] = await forecast(model, series, { past: 2, scaler, head })
    expectClose(all.values.x ?? [], [5, 7.5])
    expect(all.intervals.map(({ level }) => level)).toEqual([0.9, 0.8])
    expectClose(
      all.intervals.map(({ lower }) => lower.x ?? []),
      [
        [-5, 0],
        [0, 5],
      ],
    )
    expectClose(
      all.intervals.map(({ upper }) => upper.x ?? []),
      [
        [15, 20],
        [10, 10],
      ],
    )
    const [one] = await forecast(model, series, { past: 2, scaler, head, levels: [0.8] })
    expect(one.intervals).toEqual(all.intervals.slice(1))
    const many = await Series.from({ t: [0, 1], x: [0, 10], y: [0, 100] }, { time: 't', targets: ['x', 'y'] })
    const both = many.splitSync({ past: 1 }).train.scaler
    const wide = new GRUModel(2, 2, 6, { output: 'last', batchFirst: true })
    torch.noGrad(() => {
      wide.linear.weight.fill_(0)
      wide.linear.bias?.copy_(torch.tensor([-1, 0, 1, -2, 0, 2]))
    })
    const [two] = await forecast(wide, many, { past: 2, scaler: both, head: { quantiles: [0.1, 0.5, 0.9] } })
    expectClose([two.values.x ?? [], two.values.y ?? []], [[5], [50]])
    expectClose(two.intervals[0]?.upper.y ?? [], [150])
  })

  test('of a normal distribution', async () => {
    const { series, scaler } = await counting([0, 10], 'standard')
    const model = constant([1, Math.log(4)])
    const gaussian = (output: Tensor) =>
      [output.index('...', torch.slice(0, 1)), output.index('...', torch.slice(1)).exp()] as const
    const [{ values, intervals }] = await forecast(model, series, { past: 1, scaler, head: { gaussian } })
    expectClose(values.x ?? [], [10])
    expect(intervals.map(({ level }) => level)).toEqual([0.8, 0.95])
    // The quantiles 0.9 and 0.975 of the standard normal distribution, times 2 · 5.
    expectClose(
      intervals.map(({ upper }) => upper.x ?? []),
      [[10 + 12.815515655], [10 + 19.599639845]],
    )
    expectClose(
      intervals.map(({ lower }) => lower.x ?? []),
      [[10 - 12.815515655], [10 - 19.599639845]],
    )
    const negative = (output: Tensor) => [gaussian(output)[0], gaussian(output)[1].neg()] as const
    const bad = (gaussian: unknown): Promise<unknown> =>
      forecast(model, series, { past: 1, scaler, head: { gaussian: gaussian as never } })
    await expectRejection(bad(negative), 'ERR_TORCH_VALUE', 'a variance that is negative')
    await expectRejection(
      bad((output: Tensor) => [output, output]),
      'ERR_TORCH_SHAPE',
      'each (1, 1, 1), but it returned',
    )
    await expectRejection(
      bad((output: Tensor) => output),
      'ERR_TORCH_TYPE',
      'gaussian must return [mean, variance]',
    )
  })

  test('of a calibration, by step', async () => {
    const { series, scaler } = await counting([0, 10], 'standard')
    const calibration = {
      method: 'splitConformal',
      past: 2,
      steps: 2,
      targets: ['x'],
      windows: 9,
      levels: [0.5, 0.9],
      radii: [
        [[0.1], [0.2]],
        [[1], [2]],
      ],
    } as const
    const [{ values, intervals }] = await forecast(adder({ output: 'last' }), series, { scaler, calibration })
    const [first, second] = values.x as [number, number]
    expectClose([first, second], [15, 20])
    expectClose(
      intervals.map(({ lower }) => lower.x ?? []),
      [
        [first - 0.5, second - 1],
        [first - 5, second - 10],
      ],
    )
    expectClose(
      intervals.map(({ upper }) => upper.x ?? []),
      [
        [first + 0.5, second + 1],
        [first + 5, second + 10],
      ],
    )
    const short = await forecast(adder({ output: 'last' }), series, { scaler, calibration, steps: 1 })
    expect(short[0].intervals[1]?.upper.x).toEqual(intervals[1]?.upper.x?.slice(0, 1))
    const bad = (options: object): Promise<unknown> => forecast(adder(), series, { scaler, calibration, ...options })
    await expectRejection(bad({ levels: [0.5] }), 'ERR_TORCH_OPTION', 'the calibration has its levels, 0.5, 0.9')
    await expectRejection(
      bad({ past: 1 }),
      'ERR_TORCH_VALUE',
      'the calibration is for 2 steps of inputs, but past is 1',
    )
    await expectRejection(bad({ steps: 3 }), 'ERR_TORCH_VALUE', 'for 2 steps, but steps is 3')
    await expectRejection(
      bad({ calibration: { ...calibration, targets: ['y'] } }),
      'ERR_TORCH_VALUE',
      'the targets y, but',
    )
    const changes = [
      { targets: null },
      { levels: 3 },
      { levels: [-3, 0.9] },
      { levels: [0.5, 1] },
      { levels: [Number.NaN, 0.9] },
      { radii: [[[1], [2]]] },
      { radii: [...calibration.radii.slice(1), [[-3], [1]]] },
      { radii: [...calibration.radii.slice(1), [[Number.POSITIVE_INFINITY], [1]]] },
      { steps: 3 },
      { past: '2' },
      { past: 0 },
    ]
    for (const change of changes) {
      const damaged = bad({ calibration: { ...calibration, ...change } })
      await expectRejection(damaged, 'ERR_TORCH_TYPE', 'calibration must be what calibrate returned')
    }
    await expectRejection(bad({ calibration: {} }), 'ERR_TORCH_TYPE', 'calibration must be what calibrate returned')
    await expectRejection(
      bad({ calibration: 0.9 }),
      'ERR_TORCH_TYPE',
      'calibration must be what calibrate returned, got 0.9',
    )
  })

  test('that a head does not have are refused', async () => {
    const { series, scaler } = await counting([1, 2, 3])
    const bad = (head: unknown, more: ForecastOptions = {}, model = constant([1, 2, 3])): Promise<unknown> =>
      forecast(model, series, { past: 1, scaler, head: head as never, ...more })
    const head = { quantiles: [0.1, 0.5, 0.9] }
    await expectRejection(
      bad(head, { levels: [0.9] }),
      'ERR_TORCH_VALUE',
      'no interval of level 0.9: the quantiles give the levels 0.8',
    )
    await expectRejection(bad(head, { levels: [2] }), 'ERR_TORCH_VALUE', 'levels must be an array of numbers between')
    await expectRejection(
      bad({ quantiles: [0.2, 0.5, 0.9] }),
      'ERR_TORCH_VALUE',
      'the quantiles 0.2, 0.5, 0.9 give no interval: it needs a pair around the median, such as 0.1 and 0.9',
    )
    const none = await bad({ quantiles: [0.2, 0.5, 0.9] }, { levels: [] })
    expect(none).toMatchObject([{ intervals: [] }])
    await expectRejection(bad(head, { steps: 2 }), 'ERR_TORCH_VALUE', 'leave out the error of the forecasts')
    await expectRejection(bad('point', { levels: [0.9] }, constant([1])), 'ERR_TORCH_VALUE', 'a point has no interval')
    await expectRejection(bad('point'), 'ERR_TORCH_SHAPE', 'has 3 outputs for each step, but the targets need 1 values')
    await expectRejection(
      bad({ quantiles: [0.5, 0.9] }, { levels: [] }),
      'ERR_TORCH_SHAPE',
      '3 outputs for each step, but the targets need 2',
    )
    await expectRejection(bad({ quantiles: [0.1, 0.9, 0.95] }), 'ERR_TORCH_VALUE', '0.5, the median, must be among')
    await expectRejection(
      bad({ quantiles: [0.9, 0.5, 0.1] }),
      'ERR_TORCH_VALUE',
      'quantiles must be in ascending order',
    )
    await expectRejection(bad({ quantiles: [0, 0.5, 1] }), 'ERR_TORCH_VALUE', 'an array of numbers between 0 and 1')
    await expectRejection(bad({ gaussian: 1 }), 'ERR_TORCH_TYPE', 'gaussian must be a function')
    await expectRejection(bad({ mean: 1 }), 'ERR_TORCH_OPTION', "unknown option 'mean'")
    await expectRejection(bad('mean'), 'ERR_TORCH_TYPE', "head must be 'point', { quantiles } or { gaussian }")
    const [{ values, intervals }] = await forecast(constant([1, 2, 3]), series, {
      past: 1,
      scaler,
      head,
      levels: [],
      steps: 2,
    })
    expect([values.x, intervals]).toEqual([[2, 2], []])
  })
})

test('arguments are checked', async () => {
  const { series, scaler } = await counting([1, 2, 3])
  const bad = (options: object): Promise<unknown> => forecast(adder(), series, { past: 1, scaler, ...options })
  await expectRejection(bad({ scaler: undefined }), 'ERR_TORCH_TYPE', 'scaler must be a SeriesScaler, train.scaler of')
  await expectRejection(bad({ past: undefined }), 'ERR_TORCH_TYPE', 'past must be the steps of inputs')
  await expectRejection(bad({ past: 4 }), 'ERR_TORCH_VALUE', 'past is 4, but there are 3 steps')
  await expectRejection(bad({ steps: 0 }), 'ERR_TORCH_VALUE', 'steps must be a positive integer')
  await expectRejection(bad({ batchSize: 0 }), 'ERR_TORCH_VALUE', 'batchSize must be a positive integer')
  await expectRejection(bad({ horizon: 3 }), 'ERR_TORCH_OPTION', "unknown option 'horizon'")
  await expectRejection(forecast({} as never, series), 'ERR_TORCH_TYPE', 'model must be a Module')
  await expectRejection(forecast(adder(), [1, 2] as never), 'ERR_TORCH_TYPE', 'series must be a Series')
})

test.each([
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, 'infinite'],
])('a forecast that is %d is an error', async (bad, told) => {
  const { series, scaler } = await counting([1, 2, 3])
  const damaged = forecast(constant([5, bad], 2), series, { past: 1, scaler })
  await expectRejection(damaged, 'ERR_TORCH_NON_FINITE', `the forecast of x is ${told} at step 2: the weights of the`)
  const one = { t: [0, 1, 0, 1].map((i) => i * DAY), x: [1, 2, 3, 4], shop: ['a', 'a', 'b', 'b'] }
  const groups = await Series.from(one, { ...ONE, groups: 'shop' })
  const some = forecast(constant([bad]), groups, { past: 1, scaler: groups.splitSync({ past: 1 }).train.scaler })
  await expectRejection(some, 'ERR_TORCH_NON_FINITE', `the forecast of x of group a is ${told} at step 1`)
})
