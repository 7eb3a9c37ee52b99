import { describe, expect, test } from 'vitest'
import { type NamedBatch, Series } from '../../lib/data/index.ts'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { permutationImportance } from '../../lib/inspect/index.ts'
import { Accuracy } from '../../lib/metrics/index.ts'
import { GRUModel } from '../../lib/models/index.ts'
import { expectClose } from '../support/close.ts'
import { expectRejection } from '../support/error.ts'

const f64 = { dtype: 'float64' } as const

/** 2 x₀(T) + Σ x₁(t), of the last step and of all steps, without x₂. */
class Known extends nn.Module {
  readonly batchFirst = true
  override forward(x: Tensor): Tensor {
    return x.select(2, 0).select(1, -1).mul(2).add(x.select(2, 1).sum(1)).unsqueeze(1)
  }
}

const [N, L] = [400, 3]
torch.manualSeed(1)
const x = torch.randn([N, L, 3], f64)
const y = new Known().forward(x)

test('of a linear model: twice the variance of what a feature adds', async () => {
  const found = await permutationImportance(new Known(), [x, y], { metric: 'mse', repeats: 12 })
  expect([found.metric, found.score, found.features]).toEqual(['mse', 0, [[0], [1], [2]]])
  expect(found.importances.map((list) => list.length)).toEqual([12, 12, 12])
  // E (a - a')² = 2 Var a, of which the draws are close.
  const added = [x.select(2, 0).select(1, -1).mul(2), x.select(2, 1).sum(1)]
  const variances = added.map((one) => one.var({ correction: 0 }).item<number>())
  expectClose(found.importancesMean, [...variances.map((one) => 2 * one), 0], { rtol: 0.05, atol: 1e-12 })
  for (const [i, list] of found.importances.entries()) {
    const mean = list.reduce((sum, one) => sum + one, 0) / 12
    expect(found.importancesMean[i]).toBeCloseTo(mean, 12)
    const spread = Math.sqrt(list.reduce((sum, one) => sum + (one - mean) ** 2, 0) / 12)
    expect(found.importancesStd[i]).toBeCloseTo(spread, 12)
  }
  // The draws differ, unless the feature has no part.
  expect(found.importancesStd.map((spread) => spread > 0)).toEqual([true, true, false])
})

test('one exchange of two samples, by hand', async () => {
  const two = x.narrow(0, 0, 2)
  const { importances } = await permutationImportance(new Known(), [two, y.narrow(0, 0, 2)], {
    metric: 'mae',
    repeats: 8,
    features: [0, [0, 1]],
  })
  const apart = (values: Tensor): number => values.index(0).sub(values.index(1)).abs().item<number>()
  const expected = [apart(two.select(2, 0).select(1, -1).mul(2)), apart(y)]
  for (const [i, list] of importances.entries()) {
    // Of 8 permutations, some exchange the two, and the others leave them.
    expect(new Set(list.map((one) => one.toFixed(9)))).toEqual(new Set(['0.000000000', expected[i]?.toFixed(9)]))
  }
})

test('the seed decides, and batches do not', async () => {
  const options = { metric: 'rmse', repeats: 2, seed: 5 } as const
  const found = await permutationImportance(new Known(), [x, y], options)
  expect(await permutationImportance(new Known(), { input: x, target: y }, options)).toEqual(found)
  const parts = await permutationImportance(new Known(), [x, y], { ...options, batchSize: 70 })
  expectClose(parts.importances, found.importances, { rtol: 1e-9, atol: 1e-12 })
  const other = await permutationImportance(new Known(), [x, y], { ...options, seed: 6 })
  expect(other.importances).not.toEqual(found.importances)
})

test('of an accuracy, how much it falls', async () => {
  class Sign extends nn.Module {
    override forward(x: Tensor): Tensor {
      return torch.stack([x.select(1, 1).neg(), x.select(1, 1)], 1)
    }
  }
  const input = torch.randn([200, 2])
  const target = input.select(1, 1).gt(0).to('int64')
  const options = { metric: new Accuracy(), repeats: 3 }
  const { score, importancesMean } = await permutationImportance(new Sign(), [input, target], options)
  expect(score).toBe(1)
  expect(importancesMean[0]).toBe(0)
  expect(importancesMean[1]).toBeGreaterThan(0.4)
  expect(importancesMean[1]).toBeLessThan(0.6)
})

test('sequences of different lengths exchange their steps, a shorter one again and again', async () => {
  const seen: NamedBatch[] = []
  class Reader extends nn.Module {
    readonly batchFirst = true
    override forward(input: Tensor, { lengths }: NamedBatch = {} as NamedBatch): Tensor {
      seen.push({ input: torch.keep(input.clone()), target: input, lengths: torch.keep((lengths as Tensor).clone()) })
      return input.sum([1, 2]).unsqueeze(1)
    }
  }
  const steps = [
    [[1, 10]],
    [
      [2, 20],
      [3, 30],
      [4, 40],
    ],
  ]
  const samples = steps.map((rows) => [torch.tensor(rows), torch.tensor([0])] as const)
  await permutationImportance(
    new Reader(),
    samples.map(([a, b]) => [a, b]),
    { metric: 'mae', features: [1], repeats: 8 },
  )
  const exchanged = seen.map(({ input }) => JSON.stringify(input.toArray()))
  const [before, after] = [
    [
      [
        [1, 10],
        [0, 0],
        [0, 0],
      ],
      [
        [2, 20],
        [3, 30],
        [4, 40],
      ],
    ],
    [
      [
        [1, 20],
        [0, 0],
        [0, 0],
      ],
      [
        [2, 10],
        [3, 10],
        [4, 10],
      ],
    ],
  ]
  expect(new Set(exchanged.slice(1))).toEqual(new Set([before, after].map((one) => JSON.stringify(one))))
  expect(new Set(seen.map(({ lengths }) => String(lengths?.toArray())))).toEqual(new Set(['1,3']))
})

test('windows of a series are measured in its units', async () => {
  const times = Array.from({ length: 120 }, (_, day) => new Date(Date.UTC(2020, 0, 1 + day)))
  const series = await Series.from(
    {
      time: times,
      celsius: times.map((_, day) => 100 + 10 * Math.sin(day)),
      noise: times.map((_, day) => (day * 7919) % 13),
    },
    { time: 'time', targets: ['celsius'], inputs: ['noise'] },
  )
  const { test: windows } = await series.split({ past: 5, horizon: 2, test: 0.3 })
  /** The last value again. */
  class Persistence extends nn.Module {
    readonly batchFirst = true
    override forward(input: Tensor): Tensor {
      return input.narrow(1, -1, 1).narrow(2, 0, 1).expand([-1, 2, -1])
    }
  }
  const found = await permutationImportance(new Persistence(), windows, { metric: 'mae' })
  const off = (step: number): number => {
    const list = Array.from({ length: windows.length }, (_, i) => {
      const day = 120 - windows.length - 1 + i - 1
      return Math.abs(10 * Math.sin(day) - 10 * Math.sin(day + step))
    })
    return list.reduce((sum, one) => sum + one, 0) / list.length
  }
  expect(found.score).toBeCloseTo((off(1) + off(2)) / 2, 4)
  expect(found.importancesMean[0]).toBeGreaterThan(0.1)
  expect(found.importancesMean[1]).toBe(0)
})

test('leaves the model as it was, and a signal ends the work', async () => {
  const model = new GRUModel(3, 4, 1, { output: 'last', batchFirst: true, dropout: 0.5, numLayers: 2, ...f64 })
  const before = [...model.parameters()].map((one) => one.clone())
  await permutationImportance(model, [x, y], { metric: 'mae', repeats: 1 })
  expect(model.training).toBe(true)
  for (const [i, one] of [...model.parameters()].entries()) {
    expect(one.equal(before[i] as Tensor)).toBe(true)
    expect(one.grad).toBe(null)
  }
  const controller = new AbortController()
  const aborted = permutationImportance(model, [x, y], { metric: 'mae', repeats: 1000, signal: controller.signal })
  setTimeout(() => controller.abort(new Error('enough')), 20)
  await expect(aborted).rejects.toThrow('enough')
})

describe('refuses', () => {
  const model = new Known()
  const run = (options: object, data: unknown = [x, y], subject: unknown = model) =>
    permutationImportance(
      subject as Known,
      data as [Tensor, Tensor],
      { metric: 'mae', ...options } as { metric: 'mae' },
    )
  test.each([
    [{}, [x, y], {}, 'ERR_TORCH_TYPE', /model must be a Module/],
    [{ metric: 'maee' }, [x, y], model, 'ERR_TORCH_VALUE', /a metric must be accuracy, /],
    [{ metric: undefined }, [x, y], model, 'ERR_TORCH_TYPE', /a metric must be accuracy, /],
    [{ metric: 'confusionMatrix' }, [x, y], model, 'ERR_TORCH_TYPE', /metric must be one whose result is a number/],
    [{ metric: 'accuracy' }, [x, y], model, 'ERR_TORCH_VALUE', /accuracy|Accuracy/],
    [{ nRepeats: 3 }, [x, y], model, 'ERR_TORCH_OPTION', /unknown option 'nRepeats'; did you mean 'repeats'/],
    [{ repeats: 0 }, [x, y], model, 'ERR_TORCH_VALUE', /repeats must be a positive integer/],
    [{ seed: -1 }, [x, y], model, 'ERR_TORCH_VALUE', /seed must be a non-negative integer/],
    [{ batchSize: 0.5 }, [x, y], model, 'ERR_TORCH_VALUE', /batchSize must be a positive integer/],
    [{ signal: 1 }, [x, y], model, 'ERR_TORCH_TYPE', /signal must be an AbortSignal/],
    [{ features: [3] }, [x, y], model, 'ERR_TORCH_VALUE', /features must be an array of numbers below 3, or arrays/],
    [{ features: [[]] }, [x, y], model, 'ERR_TORCH_VALUE', /features must be/],
    [{}, [x.narrow(0, 0, 1), y.narrow(0, 0, 1)], model, 'ERR_TORCH_VALUE', /at least two samples/],
    [{}, 7, model, 'ERR_TORCH_TYPE', /data must be an object with length and batch\(\) or get\(\)/],
    [{}, [x.to('int64'), y], model, 'ERR_TORCH_VALUE', /inputs must have features.* int64 of shape \(1, 3, 3\)/],
    [{ metric: 'mape' }, [x, y.mul(Number.NaN)], model, 'ERR_TORCH_VALUE', /of the data as they are is NaN/],
  ] as const)('%o', async (options, data, subject, code, message) => {
    await expectRejection(run(options, data, subject), code, message)
  })
})
