import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../lib/errors.ts'
import {
  MAE,
  MAPE,
  MASE,
  MeanError,
  type MetricBatch,
  MSE,
  QuantileLoss,
  R2,
  RegressionMetric,
  RMSE,
  SMAPE,
  WAPE,
} from '../../lib/metrics/index.ts'
import * as nn from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

const row = (...values: number[]): Tensor => torch.tensor(values)

describe('errors of numbers', () => {
  // Batches of 3 and of 1: a mean of the batches' means would differ.
  const value = (metric: RegressionMetric): number => {
    metric.update(row(1, 2, 4), row(2, 2, 2))
    metric.update(row(-4), row(4))
    return metric.computeSync()
  }

  test.each([
    ['MAE', new MAE(), 11 / 4],
    ['MSE', new MSE(), 69 / 4],
    ['RMSE', new RMSE(), Math.sqrt(69 / 4)],
    ['MAPE', new MAPE(), (1 / 2 + 0 + 1 + 2) / 4],
    ['SMAPE', new SMAPE(), (2 / 3 + 0 + 4 / 6 + 2) / 4],
    ['WAPE', new WAPE(), 11 / 10],
    ['R2', new R2(), 1 - 69 / 3],
  ])('%s', (_, metric, expected) => {
    expect(metric.computeSync()).toBeNaN()
    expect(value(metric)).toBeCloseTo(expected, 6)
    metric.reset()
    expect(metric.computeSync()).toBeNaN()
    metric.update(torch.zeros([0]), torch.zeros([0]))
    expect(metric.computeSync()).toBeNaN()
  })

  test('are finite for targets of 0, as in torchmetrics', () => {
    for (const metric of [new MAPE(), new WAPE()]) {
      metric.update(row(1), row(0))
      expect(metric.computeSync()).toBeCloseTo(1 / 1.17e-6, -2)
    }
    const smape = new SMAPE()
    smape.update(row(0), row(0))
    expect(smape.computeSync()).toBe(0)
  })

  test('a NaN that counts is seen', () => {
    for (const metric of [new MAE(), new RMSE(), new WAPE(), new MAPE(), new R2()]) {
      metric.update(row(1, Number.NaN), row(1, 2))
      metric.update(row(1, 2), row(1, 3))
      expect(metric.computeSync()).toBeNaN()
    }
  })

  test('one of your own says the error of an element', () => {
    class LogError extends MeanError {
      protected override errors({ output, target }: MetricBatch): Tensor {
        return output.log1p().sub(target.log1p()).abs()
      }
    }
    const metric = new LogError()
    metric.update(row(Math.E - 1, 0), row(0, 0))
    expect([metric.name, metric.higherIsBetter]).toEqual(['logError', false])
    expect(metric.computeSync()).toBeCloseTo(0.5, 6)
  })
})

describe('in the units of the data', () => {
  const toUnits = (values: Tensor): Tensor => values.mul(10).add(5)

  test('inverse is applied to output and target', () => {
    const metric = new MAE({ inverse: toUnits })
    metric.update(row(1, 2), row(0, 0))
    expect(metric.computeSync()).toBe(15)
    const later = new MAPE()
    expect(later.inverse).toBeUndefined()
    later.inverse = toUnits
    later.update(row(1), row(0.5))
    expect(later.computeSync()).toBeCloseTo(5 / 10, 6)
    later.inverse = undefined
    later.reset()
    later.update(row(1), row(0.5))
    expect(later.computeSync()).toBe(1)
    expect(later).toBeInstanceOf(RegressionMetric)
  })

  test.each([
    ['no tensor', () => 3, 'ERR_TORCH_TYPE', /MAE.update: inverse must return a Tensor.*\(2\), but it returned 3/],
    ['another shape', (values: Tensor) => values.sum(), 'ERR_TORCH_SHAPE', /but it returned \(\)/],
  ])('a function that returns %s is refused', (_, inverse, code, message) => {
    const metric = new MAE({ inverse: inverse as never })
    expectError(() => metric.update(row(1, 2), row(0, 0)), code as never, message)
  })

  test('it must be a function', () => {
    expectError(() => new MSE({ inverse: {} as never }), 'ERR_TORCH_TYPE', /MSE: inverse must be a function/)
    expectError(() => (new MSE().inverse = 3 as never), 'ERR_TORCH_TYPE', /MSE: inverse must be a function/)
  })
})

describe('MASE', () => {
  test('is an error in units of the seasonal naive one', () => {
    // Steps of 1, 2, 4 and of 3, 6 two apart.
    const series = row(0, 1, 3, 7)
    for (const [seasonality, scale] of [
      [1, 7 / 3],
      [2, 9 / 2],
    ] as const) {
      const metric = new MASE({ seasonality }).fit(series)
      expect(metric.scale?.item()).toBeCloseTo(scale, 12)
      metric.update(row(1, 2), row(2, 4))
      expect(metric.computeSync()).toBeCloseTo(1.5 / scale, 6)
    }
    expect(new MASE().seasonality).toBe(1)
  })

  test('has a scale for each output', () => {
    const metric = new MASE().fit(
      torch.tensor([
        [0, 0],
        [1, 10],
        [2, 20],
      ]),
    )
    metric.update(torch.tensor([[[3, 30]], [[5, 0]]]), torch.zeros([2, 1, 2]))
    expect(metric.computeSync()).toBe((3 + 3 + 5 + 0) / 4)
    const given = new MASE({ scale: [1, 10] })
    given.update(torch.tensor([[3, 30]]), torch.zeros([1, 2]))
    expect(given.computeSync()).toBe(3)
    const one = new MASE({ scale: 4 })
    one.update(torch.tensor([[3, 5]]), torch.zeros([1, 2]))
    expect(one.computeSync()).toBe(1)
    one.dispose()
    one.update(torch.tensor([[8]]), torch.zeros([1, 1]))
    expect(one.computeSync()).toBe(2)
  })

  test('has a scale for each of several series', async () => {
    const metric = new MASE().fit({ a: row(0, 1, 2), b: row(0, 10, 20) })
    expect([metric.groups, metric.scale?.toArray()]).toEqual([
      ['a', 'b'],
      [1, 10],
    ])
    // (N, L, O), and (L, N, O): errors of 3, 4 in a, and of 30, 50 in b.
    const output = torch.tensor([
      [[3], [4]],
      [[30], [50]],
    ])
    metric.update(output, torch.zerosLike(output), { groups: ['a', 'b'], batchFirst: true })
    expect(metric.computeSync()).toBe((3 + 4 + 3 + 5) / 4)
    metric.reset()
    await torch.offload(() => torch.tidy(() => metric.update(output, torch.zerosLike(output), { groups: ['b', 'a'] })))
    expect(await metric.compute()).toBeCloseTo((0.3 + 4 + 3 + 50) / 4, 6)
    metric.reset()
    metric.update(row(3, 30, 7), row(0, 0, 0), { groups: ['a', 'b', 'a'], mask: torch.tensor([true, true, false]) })
    expect(metric.computeSync()).toBe(3)
    metric.reset()
    const lengths = { lengths: [1, 2], batchFirst: true }
    metric.update(output, torch.zerosLike(output), { groups: ['a', 'b'], ...lengths })
    expect(metric.computeSync()).toBe((3 + 3 + 5) / 3)

    const wide = torch.tensor([
      [0, 0],
      [1, 10],
    ])
    const each = new MASE().fit({ a: wide, b: wide.mul(2) })
    each.update(torch.tensor([[[3, 30]], [[8, 0]]]), torch.zeros([2, 1, 2]), { groups: ['a', 'b'], batchFirst: true })
    expect(each.computeSync()).toBe((3 + 3 + 4 + 0) / 4)

    const refused = (groups: unknown, code: ErrorCode, message: string): void =>
      void expectError(() => metric.update(row(1, 2), row(1, 2), { groups: groups as string[] }), code, message)
    refused(undefined, 'ERR_TORCH_VALUE', 'there are scales for the series a, b: groups must be the names')
    refused(['a'], 'ERR_TORCH_SHAPE', 'of the 2 samples of the target (2), got 1 elements')
    refused(['a', 'c'], 'ERR_TORCH_VALUE', "there is no series 'c': they are a, b")
    const plain = new MASE({ scale: 1 })
    expectError(() => plain.update(row(1), row(1), { groups: ['a'] }), 'ERR_TORCH_OPTION', 'groups has no effect')
    expectError(() => new MASE().fit({}), 'ERR_TORCH_TYPE', 'a Tensor, or several by name')
    expectError(() => new MASE().fit({ a: row(1) }), 'ERR_TORCH_VALUE', 'series.a must be longer than a season')
    expectError(() => new MASE().fit({ a: wide, b: row(1, 2) }), 'ERR_TORCH_SHAPE', 'the same number of outputs')
  })

  test('leaves out what is missing in the series', () => {
    const metric = new MASE().fit(row(0, 1, Number.NaN, 7, 10))
    expect(metric.scale?.item()).toBe(2)
  })

  test('is the same in other units', () => {
    const inverse = (values: Tensor): Tensor => values.mul(10).add(5)
    const series = row(0, 1, 3)
    const plain = new MASE().fit(series)
    const scaled = new MASE({ inverse }).fit(series)
    for (const metric of [plain, scaled]) metric.update(row(1, 2), row(2, 4))
    expect(scaled.computeSync()).toBeCloseTo(plain.computeSync(), 6)
    expect(scaled.scale?.item()).toBeCloseTo(15, 6)
    plain.inverse = inverse
    expectError(() => plain.update(row(1), row(2)), 'ERR_TORCH_VALUE', /inverse has changed since fit: call fit again/)
    plain.fit(series).update(row(1), row(2))
  })

  test('can be fitted and updated in any mode', async () => {
    const metric = new MASE()
    torch.inferenceMode(() => metric.fit(row(0, 2)))
    await torch.offload(() => torch.tidy(() => metric.update(row(1), row(0))))
    expect(await metric.compute()).toBe(0.5)
    metric.dispose()
    expect(metric.scale).toBeUndefined()
    torch.tidy(() => metric.fit(row(0, 4)))
    metric.update(row(1), row(0))
    expect(metric.computeSync()).toBe(0.25)
  })

  test.each([
    [
      'a season',
      () => new MASE({ seasonality: 0 }),
      'ERR_TORCH_VALUE',
      /seasonality must be a positive integer, got 0/,
    ],
    ['a positive scale', () => new MASE({ scale: 0 }), 'ERR_TORCH_VALUE', /scale must be a positive number.*got 0/],
    ['scales', () => new MASE({ scale: [] }), 'ERR_TORCH_TYPE', /scale must be a positive number, or one for each/],
    ['numbers', () => new MASE({ scale: ['1'] as never }), 'ERR_TORCH_TYPE', /scale must be/],
    [
      'a scale',
      () => new MASE().update(row(1), row(1)),
      'ERR_TORCH_VALUE',
      /no scale: call fit with the training series/,
    ],
    ['a series', () => new MASE().fit([1, 2] as never), 'ERR_TORCH_TYPE', /MASE.fit: series must be a Tensor/],
    [
      'one series',
      () => new MASE().fit(torch.zeros([3, 1, 1])),
      'ERR_TORCH_SHAPE',
      /\(T\) or \(T, O\), got float32 \(3, 1, 1\)/,
    ],
    [
      'a long one',
      () => new MASE({ seasonality: 3 }).fit(row(1, 2, 3)),
      'ERR_TORCH_VALUE',
      /longer than a season of 3 steps, got 3/,
    ],
    [
      'as many outputs',
      () => new MASE({ scale: [1, 2] }).update(row(1, 2, 3), row(1, 2, 3)),
      'ERR_TORCH_SHAPE',
      /scales \(2\) for the last dimension of the target, \(3\)/,
    ],
    [
      'an option',
      () => new MASE({ season: 7 } as never),
      'ERR_TORCH_OPTION',
      /unknown option 'season'; Options are name, inverse, seasonality, scale/,
    ],
  ] as const)('needs %s', (_, call, code, message) => {
    expectError(call, code, message)
  })
})

describe('QuantileLoss', () => {
  test('is the loss over all batches', () => {
    const quantiles = [0.1, 0.5, 0.9]
    const metric = new QuantileLoss({ quantiles })
    const output = torch.arange(12).reshape([2, 2, 3]).div(7)
    const target = torch.tensor([
      [[0.2], [0.9]],
      [[1], [0.4]],
    ])
    metric.update(output.narrow(0, 0, 1), target.narrow(0, 0, 1))
    metric.update(output.narrow(0, 1, 1), target.narrow(0, 1, 1))
    const expected = nn.functional.quantileLoss(output, target, { quantiles })
    expectClose([metric.computeSync()], [expected.item<number>()], { rtol: 1e-6, atol: 0 })

    const masked = new QuantileLoss({ quantiles })
    masked.update(output, target, {
      mask: torch.tensor([
        [true, false],
        [false, false],
      ]),
    })
    const first = nn.functional.quantileLoss(output.index(0, 0), target.index(0, 0), { quantiles })
    expectClose([masked.computeSync()], [first.item<number>()], { rtol: 1e-6, atol: 0 })
  })

  test('needs an output for each quantile', () => {
    const metric = new QuantileLoss({ quantiles: [0.1, 0.9] })
    const update = (output: number[], target: number[]) => () => metric.update(torch.ones(output), torch.ones(target))
    const message = /for 2 quantiles the output must be \(…, 2\) and the target \(…, 1\), got/
    expectError(update([4, 3], [4, 1]), 'ERR_TORCH_SHAPE', message)
    expectError(update([4, 2], [4]), 'ERR_TORCH_SHAPE', message)
    expectError(update([], []), 'ERR_TORCH_SHAPE', message)
    expectError(() => new QuantileLoss({ quantiles: [1.5] }), 'ERR_TORCH_VALUE', /numbers between 0 and 1/)
  })
})

describe('R2', () => {
  const value = (output: Tensor, target: Tensor, options = {}): number => {
    const metric = new R2()
    metric.update(output, target, options)
    return metric.computeSync()
  }

  test('of constant targets is 0, or 1 if they are met', () => {
    // Sums of 0.1 have rounding errors.
    const constant = torch.full([9], 0.1)
    expect(value(constant.add(1), constant)).toBe(0)
    expect(value(constant, constant)).toBe(1)
    expect(value(row(1), row(2))).toBeNaN()
    expect(value(row(1, 5), row(2, 3), { mask: torch.tensor([true, false]) })).toBeNaN()
  })

  test('survives targets that are large compared with their spread', () => {
    const target = torch.tensor([100000, 100001, 100002, 100003], { dtype: 'float64' })
    expect(value(target.add(0.5), target)).toBeCloseTo(1 - 1 / 5, 6)
  })

  test.each([0, 1e7, -1e9])('does not depend on an offset of %d, whatever the batches', (offset) => {
    const f64 = (values: number[]): Tensor => torch.tensor(values, { dtype: 'float64' }).add(offset)
    const [output, target] = [f64([0, 1, 2, 4]), f64([0, 1, 2.5, 3.5])]
    // The mean is 1.75, so the spread is 3.0625 + 0.5625 + 0.5625 + 3.0625.
    const expected = 1 - 0.5 / 7.25
    expect(value(output, target)).toBeCloseTo(expected, 12)
    const [batches, one, other] = [new R2(), new R2(), new R2()]
    for (const [from, size] of [
      [0, 1],
      [1, 2],
      [3, 1],
    ] as const) {
      batches.update(output.narrow(0, from, size), target.narrow(0, from, size))
    }
    // The mean so far is rounded: about 1e-16 of the offset.
    expect(batches.computeSync()).toBeCloseTo(expected, 8)
    one.update(output.narrow(0, 0, 3), target.narrow(0, 0, 3))
    other.update(output.narrow(0, 3, 1), target.narrow(0, 3, 1))
    expect(one.add(other).computeSync()).toBeCloseTo(expected, 8)
    one.reset()
    one.update(output, target, { weight: torch.tensor([1, 1, 2, 0]) })
    // The weighted mean is 1.5: 1 - 2 · 0.25 / (2.25 + 0.25 + 2 · 1).
    expect(one.computeSync()).toBeCloseTo(1 - 0.5 / 4.5, 12)
  })

  test('is the mean over the outputs', () => {
    const target = torch.tensor([
      [0, 0],
      [2, 4],
    ])
    const output = torch.tensor([
      [0, 2],
      [2, 4],
    ])
    expect(value(output, target)).toBe((1 + 0.5) / 2)
    const weighted = new R2({ multioutput: 'varianceWeighted' })
    weighted.update(output, target)
    expect(weighted.computeSync()).toBe((1 * 2 + 0.5 * 8) / 10)
    expectError(
      () => new R2({ multioutput: 'rawValues' as never }),
      'ERR_TORCH_VALUE',
      /multioutput must be 'uniformAverage' or 'varianceWeighted', got 'rawValues'/,
    )
  })

  test('has weights', () => {
    const twice = value(row(1, 1, 4), row(2, 2, 5))
    expect(value(row(1, 4), row(2, 5), { weight: row(2, 1) })).toBeCloseTo(twice, 12)
  })
})
