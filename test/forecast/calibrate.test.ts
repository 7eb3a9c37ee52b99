import { expect, test } from 'vitest'
import { Series, type SeriesOptions, type WindowDataset } from '../../lib/data/index.ts'
import { calibrate, forecast } from '../../lib/forecast/index.ts'
import { torch } from '../../lib/index.ts'
import { GRUModel } from '../../lib/models/index.ts'
import { expectClose } from '../support/close.ts'
import { expectRejection } from '../support/error.ts'

torch.setNumThreads(1)

/** A model whose forecasts are 0. */
function zero(inputs: number, horizon: number | null, targets = 1): GRUModel {
  const model = new GRUModel(inputs, 2, targets, { output: 'last', horizon, batchFirst: true })
  torch.noGrad(() => {
    for (const parameter of model.linear.parameters()) parameter.fill_(0)
  })
  return model
}

async function windowsOf(
  x: readonly (number | null)[],
  horizon: number,
  more: Partial<SeriesOptions> = {},
): Promise<WindowDataset> {
  const series = await Series.from({ t: x.map((_, i) => i), x }, { time: 't', targets: 'x', ...more })
  return series.splitSync({ past: 1, horizon, scaler: 'none' }).train
}

test('radii are the order statistics of split conformal prediction, by step', async () => {
  // 10 values; 8 windows of 1 and 2 steps. Absolute values of the first steps: 1 … 8, of the second: 2 … 9.
  const x = [5, 3, -1, 8, 2, -4, 6, -7, 5, 9]
  const windows = await windowsOf(x, 2)
  const calibration = await calibrate(zero(1, 2), windows, { levels: [0.5, 0.8, 8 / 9], batchSize: 3 })
  const at = (step: number, rank: number): number =>
    x
      .slice(1 + step, 9 + step)
      .map(Math.abs)
      .sort((a, b) => a - b)[rank - 1] as number
  // ⌈9 · 0.5⌉ = 5, ⌈9 · 0.8⌉ = 8, and 9 · 8/9 = 8 exactly.
  expect(calibration).toEqual({
    method: 'splitConformal',
    past: 1,
    steps: 2,
    targets: ['x'],
    windows: 8,
    levels: [0.5, 0.8, 8 / 9],
    radii: [5, 8, 8].map((rank) => [[at(0, rank)], [at(1, rank)]]),
  })
  expect(JSON.parse(JSON.stringify(calibration))).toEqual(calibration)
  // A model that forecasts one step reads its forecasts.
  expect((await calibrate(zero(1, null), windows, { levels: [0.5, 0.8, 8 / 9] })).radii).toEqual(calibration.radii)
})

test('missing targets do not count', async () => {
  const windows = await windowsOf([0, 3, null, 1, 2, null], 1, { missing: 'mask' })
  const { radii } = await calibrate(zero(2, 1), windows, { levels: [0.5, 0.75] })
  expect(radii).toEqual([[[2]], [[3]]])
})

test('intervals hold as many of the later values as their level says', async () => {
  torch.manualSeed(1)
  const noise = torch.randn([3000]).exp().toArray() as number[]
  const series = await Series.from({ t: noise.map((_, i) => i), x: noise }, { time: 't', targets: 'x' })
  const { train, validation, test } = series.splitSync({
    past: 2,
    horizon: 2,
    validation: 0.4,
    test: 0.3,
    scaler: 'log',
  })
  const model = new GRUModel(1, 4, 1, { output: 'last', horizon: 2, batchFirst: true })
  const calibration = await calibrate(model, validation, { levels: [0.6, 0.9] })
  const all = Array.from({ length: test.length }, (_, i) => i)
  const { input, target } = test.batch(all, true)
  const errors = model.forward(input).sub(target).abs()
  for (const [i, level] of [0.6, 0.9].entries()) {
    const covered = errors
      .le(torch.tensor(calibration.radii[i] as number[][]))
      .float()
      .mean(0)
    expectClose(covered, [[level], [level]], { atol: 0.05 })
  }
  // In units, the intervals of a log scale are not symmetric, but hold the values.
  const [{ intervals, values }] = await forecast(model, series, { scaler: train.scaler, calibration })
  const [{ lower, upper }] = intervals as [(typeof intervals)[number]]
  const [low, middle, high] = [lower.x?.[0], values.x?.[0], upper.x?.[0]] as [number, number, number]
  expect(low).toBeGreaterThan(-1)
  expect(high - middle).toBeGreaterThan(middle - low)
})

test('too few windows, and wrong arguments', async () => {
  const windows = await windowsOf([1, 2, 3, 4, 5], 1)
  const model = zero(1, 1)
  const bad = (options: object): Promise<unknown> => calibrate(model, windows, options)
  await expectRejection(bad({}), 'ERR_TORCH_VALUE', 'an interval of level 0.95 needs at least 19 windows')
  await expectRejection(
    bad({ levels: [0.9] }),
    'ERR_TORCH_VALUE',
    'needs at least 9 windows with observed targets, got 4',
  )
  await expectRejection(bad({ levels: 0.9 }), 'ERR_TORCH_VALUE', 'levels must be an array')
  await expectRejection(bad({ batchSize: 0 }), 'ERR_TORCH_VALUE', 'batchSize must be a positive integer')
  await expectRejection(bad({ level: 0.9 }), 'ERR_TORCH_OPTION', "did you mean 'levels'?")
  await expectRejection(
    calibrate(model, [] as never),
    'ERR_TORCH_TYPE',
    'windows must be a part of a split of a Series',
  )
  await expectRejection(calibrate(null as never, windows), 'ERR_TORCH_TYPE', 'model must be a Module')
  const before = torch.memory().tensors
  await calibrate(model, windows, { levels: [0.5] })
  expect(torch.memory().tensors).toBeLessThanOrEqual(before)
})
