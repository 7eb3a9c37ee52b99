import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  LogScaler,
  MinMaxScaler,
  RobustScaler,
  type Scaler,
  type ScalerConfig,
  StandardScaler,
  scalerFrom,
} from '../../../lib/data/index.ts'
import type { Tensor } from '../../../lib/tensor/tensor.ts'
import { torch } from '../../../lib/torch.ts'
import { expectClose } from '../../support/close.ts'
import { expectError } from '../../support/error.ts'

const double = (rows: number[][]) => torch.tensor(rows, { dtype: 'float64' })

/** One feature of 1, 2, 3, 4, 10 and another of 0, 0, 0, 8, 2, each with a missing value. */
const DATA = double([
  [1, 0],
  [2, Number.NaN],
  [3, 0],
  [Number.NaN, 0],
  [4, 8],
  [10, 2],
])

const MAKERS: Record<string, () => Scaler> = {
  standard: () => new StandardScaler(),
  minMax: () => new MinMaxScaler({ featureRange: [-1, 3] }),
  robust: () => new RobustScaler({ quantileRange: [10, 80] }),
  log: () => new LogScaler({ offset: 0.5 }),
}

describe('center and scale', () => {
  test('StandardScaler: mean and standard deviation with a divisor of N, without missing values', () => {
    const { center, scale } = new StandardScaler().fit(DATA).scales
    expect(center).toEqual([4, 2])
    // Squares of (-3, -2, -1, 0, 6) and of (-2, -2, -2, 6, 0).
    expectClose([...scale], [Math.sqrt(50 / 5), Math.sqrt(48 / 5)], { rtol: 1e-15, atol: 0 })
  })

  test('MinMaxScaler maps the range to featureRange, and does not clip', () => {
    const scaler = new MinMaxScaler({ featureRange: [-1, 3] }).fit(DATA)
    expectClose(
      scaler.transform(
        double([
          [1, 0],
          [10, 8],
          [5.5, 16],
        ]),
      ),
      [
        [-1, -1],
        [3, 3],
        [1, 7],
      ],
    )
    expectClose(new MinMaxScaler().fit(DATA).transform(double([[10, 4]])), [[1, 0.5]])
  })

  test('RobustScaler: median and distance of percentiles, interpolated', () => {
    const { center, scale } = new RobustScaler().fit(DATA).scales
    expect(center).toEqual([3, 0])
    // Percentiles 25 and 75 of (1, 2, 3, 4, 10) are 2 and 4; of (0, 0, 0, 2, 8) 0 and 2.
    expect(scale).toEqual([2, 2])
    const wide = new RobustScaler({ quantileRange: [10, 80] }).fit(DATA).scales
    // 10 %: 1 + 0.4 (2 - 1); 80 %: 4 + 0.2 (10 - 4).
    expectClose([...wide.scale], [5.2 - 1.4, 2 + 0.2 * 6])
  })

  test('LogScaler: log(x + offset), then mean and standard deviation', () => {
    const values = [1, 3, 7].map((power) => Math.exp(power) - 1)
    const scaler = new LogScaler().fit(double(values.map((value) => [value])))
    expectClose([...scaler.scales.center], [11 / 3])
    expectClose([...scaler.scales.scale], [Math.sqrt(59 / 3 - (11 / 3) ** 2)])
    expectClose(scaler.transform(double([[Math.exp(11 / 3) - 1]])), [[0]], { atol: 1e-12 })
  })

  test.each(Object.entries(MAKERS))('%s: a feature that never changes has a finite scale', (_, make) => {
    const scaler = make().fit(double([[0.1], [0.1], [0.1]]))
    const scaled = scaler.transform(double([[0.1]]))
    expect(Number.isFinite(scaled.item())).toBe(true)
    expectClose(scaler.inverseTransform(scaled), [[0.1]])
  })
})

describe.each(Object.entries(MAKERS))('%s', (type, make) => {
  test('inverts itself, along any leading dimensions, and keeps NaN (property)', () => {
    const values = fc.double({ min: 0, max: 1000, noNaN: true })
    fc.assert(
      fc.property(fc.array(fc.tuple(values, values), { minLength: 2, maxLength: 12 }), (rows) =>
        torch.tidy(() => {
          const x = double(rows).unsqueeze(1)
          const scaler = make().fit(x)
          const scaled = scaler.transform(x)
          expect(scaled.shape).toEqual([rows.length, 1, 2])
          expect(scaled.isfinite().all().item()).toBe(true)
          expectClose(scaler.inverseTransform(scaled), x, { rtol: 1e-9, atol: 1e-6 })
        }),
      ),
      { numRuns: 40 },
    )
    const [[first, second] = []] = make()
      .fit(DATA)
      .transform(double([[Number.NaN, 1]]))
      .toArray() as number[][]
    expect(first).toBeNaN()
    expect(second).not.toBeNaN()
  })

  test('has a config in plain JSON that makes it again', () => {
    const scaler = make().fit(DATA)
    const config = JSON.parse(JSON.stringify(scaler.config)) as ScalerConfig
    expect(config.type).toBe(type)
    const again = scalerFrom(config)
    expect(again.constructor).toBe(scaler.constructor)
    expect(again.config).toEqual(scaler.config)
    const x = double([[2.5, 1.5]])
    expect(again.transform(x).equal(scaler.transform(x))).toBe(true)
  })

  test('fits float32 and integers, and gives float32', () => {
    const whole = torch.tensor(
      [
        [1, 2],
        [3, 5],
        [6, 9],
      ],
      { dtype: 'int64' },
    )
    const scaler = make().fit(whole)
    expect(scaler.config).toEqual(make().fit(whole.to({ dtype: 'float32' })).config)
    expect(scaler.transform(whole).dtype).toBe('float32')
  })

  test('passes gradients', () => {
    const x = torch.tensor([[2, 3]], { requiresGrad: true })
    const scaler = make().fit(DATA)
    scaler.inverseTransform(scaler.transform(x)).sum().backward()
    expectClose(x.grad as Tensor, [[1, 1]], { rtol: 1e-4 })
  })

  test('leaves no tensors behind', () => {
    const scaler = make().fit(DATA)
    const before = torch.memory().tensors
    scaler.transform(DATA).dispose()
    scaler.inverseTransform(DATA).dispose()
    scaler.fit(DATA)
    expect(torch.memory().tensors).toBeLessThanOrEqual(before)
  })

  test('refuses what it cannot scale', () => {
    const scaler = make()
    const name = scaler.constructor.name
    expect(scaler.isFitted).toBe(false)
    expectError(() => scaler.transform(DATA), 'ERR_TORCH_VALUE', `${name}: not fitted yet`)
    expectError(() => scaler.config, 'ERR_TORCH_VALUE', `${name}: not fitted yet`)
    expectError(() => scaler.fit(torch.ones([3])), 'ERR_TORCH_SHAPE', 'data must be of shape (…, F), got 1-D')
    expectError(() => scaler.fit([[1]] as never), 'ERR_TORCH_TYPE', `${name}.fit: data must be a Tensor`)
    expectError(() => scaler.fit(double([[Number.NaN, 1]])), 'ERR_TORCH_VALUE', 'feature 0 has no values')
    expectError(() => scaler.fit(double([[1, Number.POSITIVE_INFINITY]])), 'ERR_TORCH_VALUE', 'feature 1 has')
    expectError(() => scaler.fit(DATA, 3 as never), 'ERR_TORCH_TYPE', 'got more arguments than it takes')
    scaler.fit(DATA)
    expect(scaler.isFitted).toBe(true)
    expectError(() => scaler.transform(torch.ones([2, 3])), 'ERR_TORCH_SHAPE', 'x must be of shape (…, 2)')
    expectError(() => scaler.inverseTransform(torch.ones([])), 'ERR_TORCH_SHAPE', 'x must be of shape (…, 2)')
  })
})

test('LogScaler refuses values without a logarithm when it is fitted', () => {
  expectError(() => new LogScaler().fit(double([[1], [-1]])), 'ERR_TORCH_VALUE', 'values of -1 or less')
  expect(
    new LogScaler()
      .fit(DATA)
      .transform(double([[-3, 1]]))
      .isnan()
      .toArray(),
  ).toEqual([[true, false]])
})

test('options are checked', () => {
  expectError(() => new StandardScaler({ withMean: true } as never), 'ERR_TORCH_OPTION', "unknown option 'withMean'")
  expectError(() => new MinMaxScaler({ featureRange: [1, 0] }), 'ERR_TORCH_VALUE', 'featureRange must be two ascending')
  expectError(() => new MinMaxScaler({ featureRange: 3 as never }), 'ERR_TORCH_TYPE', 'featureRange must be two')
  expectError(() => new RobustScaler({ quantileRange: [0, 101] }), 'ERR_TORCH_VALUE', 'within 0 to 100')
  expectError(() => new LogScaler({ offset: '1' as never }), 'ERR_TORCH_TYPE', 'offset must be a number')
})

test('a config is checked', () => {
  const config = new MinMaxScaler().fit(DATA).config
  const bad = (change: object) => () => scalerFrom({ ...config, ...change } as ScalerConfig)
  expectError(
    bad({ type: 'quantile' }),
    'ERR_TORCH_VALUE',
    "config.type must be 'standard', 'minMax', 'robust' or 'log'",
  )
  expectError(bad({ mean: 1 }), 'ERR_TORCH_OPTION', "unknown option 'mean'")
  expectError(bad({ center: [1, 'a'] }), 'ERR_TORCH_TYPE', 'config.center must be an array of finite numbers')
  expectError(bad({ scale: undefined }), 'ERR_TORCH_TYPE', 'config.scale must be an array of finite numbers')
  expectError(bad({ scale: [1] }), 'ERR_TORCH_VALUE', 'as many scales as centers')
  expectError(bad({ scale: [1, 0] }), 'ERR_TORCH_VALUE', 'none of them 0')
  expectError(() => scalerFrom(null as never), 'ERR_TORCH_TYPE', 'scalerFrom: config must be an object')
})

describe('scales that float32 cannot hold', () => {
  test('are applied in float64: a range beyond float32 is no NaN', () => {
    const data = torch.tensor([[-3e38], [0], [3e38]])
    const scaler = new MinMaxScaler().fit(data)
    const scaled = scaler.transform(data)
    expect([scaled.dtype, scaled.toArray()]).toEqual(['float32', [[0], [0.5], [1]]])
    expectClose(scaler.inverseTransform(scaled), data)
    const tiny = torch.tensor([[0], [1e-44]])
    expectClose(new MinMaxScaler().fit(tiny).transform(tiny), torch.tensor([[0], [1]]))
    const half = torch.tensor([[-60000], [60000]], { dtype: 'float16' })
    const standard = new StandardScaler().fit(half)
    expect(standard.transform(half).toArray()).toEqual([[-1], [1]])
    expect(standard.inverseTransform(standard.transform(half)).toArray()).toEqual([[-60000], [60000]])
  })

  test('and beyond float64 they are an error', () => {
    const data = double([[-1.7e308], [1.7e308]])
    for (const make of [MAKERS.minMax, MAKERS.standard, MAKERS.robust]) {
      expectError(() => (make as () => Scaler)().fit(data), 'ERR_TORCH_VALUE', 'beyond float64')
    }
  })
})
