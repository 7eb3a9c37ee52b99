import { describe, expect, test } from 'vitest'
import { DataLoader, TensorDataset } from '../../lib/data/index.ts'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { LSTMModel } from '../../lib/models/index.ts'
import { Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectRejection } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'
import { collectGarbage, expectNoMoreTensors } from '../support/garbage.ts'
import { stateOf } from '../support/training-state.ts'

interface RangeTest {
  optimizer: 'SGD' | 'Adam'
  min: number
  max: number
  steps: number
  divergence: number | null
  weights: Record<string, number[]>
  rates: number[]
  losses: number[]
  suggestion: number | null
}

const inputs = torch.arange(60, { dtype: 'float32' }).reshape([20, 3]).mul(0.7).sin()
const targets = inputs.sum(1, true).mul(2).add(1)

function perceptron(): nn.Sequential {
  return new nn.Sequential(new nn.Linear(3, 8), new nn.Tanh(), new nn.Linear(8, 1))
}

function relative(actual: readonly number[], expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length)
  return Math.max(...actual.map((value, i) => Math.abs(value / (expected[i] as number) - 1)))
}

test.each(readFixture<RangeTest[]>('range-test'))(
  'rates, losses and suggestion are those of PyTorch: $optimizer from $min to $max',
  async ({ optimizer, weights, rates, losses, suggestion, min, max, steps, divergence }) => {
    const model = perceptron()
    model.loadStateDict(Object.fromEntries(Object.entries(weights).map(([name, value]) => [name, torch.tensor(value)])))
    const trainer = new Trainer(model, {
      progress: false,
      batchSize: 6,
      shuffle: false,
      optimizer: (parameters) => new optim[optimizer](parameters, { lr: 0.5 }),
    })
    const options = { min, max, steps, divergence: divergence ?? Number.POSITIVE_INFINITY }
    const result = await trainer.tuneLearningRate([inputs, targets], options)
    expect(relative(result.rates, rates)).toBeLessThan(1e-12)
    expect(relative(result.losses, losses)).toBeLessThan(1e-3)
    expect(result.suggestion).toBeCloseTo(suggestion as number, 12)
    expect(trainer.optimizer.paramGroups.map(({ lr }) => lr)).toEqual([0.5])
  },
)

const x = torch.arange(240, { dtype: 'float32' }).reshape([20, 6, 2]).mul(0.05).sin()
const data = [x, x.sum(2, true)] as const

/** Dropout, shuffling, momentum and metrics: everything that has to be given back. */
function trainer(options: TrainerOptions = {}): Trainer {
  torch.manualSeed(5)
  const model = new LSTMModel(2, 6, 1, { numLayers: 2, dropout: 0.4, batchFirst: true })
  return new Trainer(model, { progress: false, epochs: 2, batchSize: 3, metrics: ['mae'], lr: 0.02, ...options })
}

describe('everything is given back', () => {
  const fast = { steps: 15, min: 1e-3, max: 10 }

  test.each([
    ['with a seed', { seed: 1 }],
    ["with torch's random numbers", {}],
    ['with accumulation', { seed: 1, accumulateGradBatches: 3 }],
    ['with SGD', { optimizer: 'sgd', seed: 2 }],
  ] as [string, TrainerOptions][])('%s', async (_, options) => {
    const untouched = trainer(options)
    await untouched.fit(data)
    const { epochs } = await untouched.fit(data, { validation: data })

    const tuned = trainer(options)
    tuned.model.eval()
    const before = stateOf(tuned)
    await tuned.tuneLearningRate(data, fast)
    expect(stateOf(tuned)).toEqual(before)
    expect(tuned.history).toBeUndefined()
    await tuned.fit(data)
    const between = stateOf(tuned)
    await tuned.tuneLearningRate(data, fast)
    expect(stateOf(tuned)).toEqual(between)
    const again = await tuned.fit(data, { validation: data })
    const withoutSeconds = (results: typeof epochs) => results.map(({ seconds, ...result }) => result)
    expect(withoutSeconds(again.epochs)).toEqual(withoutSeconds(epochs))
    expect(stateOf(tuned)).toEqual(stateOf(untouched))
  })

  test('the generator of a loader, too', async () => {
    const loader = new DataLoader(new TensorDataset(...data), { batchSize: 3, shuffle: true, seed: 4 })
    const before = loader.generator?.getState().toArray()
    await trainer().tuneLearningRate(loader, fast)
    expect(loader.generator?.getState().toArray()).toEqual(before)
  })

  test('after an error or an abort', async () => {
    class Failing extends nn.Module {
      readonly linear = new nn.Linear(2, 1)
      steps = 0
      override forward(input: Tensor): Tensor {
        if (++this.steps > 4) throw new Error('a bad batch')
        return this.linear.forward(input)
      }
    }
    const failing = new Trainer(new Failing(), { progress: false, batchSize: 3, seed: 1 })
    const before = stateOf(failing)
    await expect(failing.tuneLearningRate(data)).rejects.toThrow('a bad batch')
    expect(stateOf(failing)).toEqual(before)
    const tuned = trainer({ seed: 1 })
    const controller = new AbortController()
    const start = stateOf(tuned)
    const running = tuned.tuneLearningRate(data, { signal: controller.signal })
    await expectRejection(tuned.fit(data), 'ERR_TORCH_RUNTIME', 'a tuneLearningRate of this trainer is running already')
    controller.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    expect(stateOf(tuned)).toEqual(start)
  })

  test('no tensors are left', async () => {
    const tuned = trainer({ seed: 1 })
    await tuned.fit(data)
    await tuned.tuneLearningRate(data, fast)
    await collectGarbage()
    const before = torch.memory().tensors
    await tuned.tuneLearningRate(data, fast)
    await expectNoMoreTensors(before)
  })
})

test('apply gives the suggestion to all groups, or says that there is none', async () => {
  const tuned = new Trainer(perceptron(), {
    progress: false,
    batchSize: 6,
    seed: 0,
    optimizer: (parameters) =>
      new optim.Adam(
        parameters.map((params) => ({ params: [params] })),
        { lr: 1e-6 },
      ),
  })
  const { suggestion } = await tuned.tuneLearningRate([inputs, targets], { min: 1e-5, steps: 60, apply: true })
  expect(suggestion).toBeGreaterThan(1e-4)
  expect(tuned.optimizer.paramGroups.map(({ lr }) => lr)).toEqual(Array(4).fill(suggestion))
  const state = stateOf(tuned)
  expect(await tuned.tuneLearningRate([inputs, targets], { steps: 12 })).toHaveProperty('suggestion', undefined)
  await expectRejection(
    tuned.tuneLearningRate([inputs, targets], { steps: 12, apply: true }),
    'ERR_TORCH_VALUE',
    'the loss did not fall at any of 12 rates from 1e-8 on',
  )
  expect(stateOf(tuned)).toEqual(state)
})

test('ends where the loss is no longer finite', async () => {
  const sgd = new Trainer(perceptron(), { progress: false, batchSize: 6, shuffle: false, optimizer: 'sgd' })
  const options = { min: 1, max: 1e30, steps: 60, divergence: Number.POSITIVE_INFINITY }
  const { losses, rates } = await sgd.tuneLearningRate([inputs, targets], options)
  expect(losses.length).toBeLessThan(60)
  expect(rates.length).toBe(losses.length)
  expect(losses.every(Number.isFinite)).toBe(true)
})

test('what cannot be used is refused', async () => {
  const tuned = trainer()
  const refuses = async (options: object, code: 'TYPE' | 'VALUE' | 'OPTION', message: string): Promise<void> =>
    void (await expectRejection(tuned.tuneLearningRate(data, options), `ERR_TORCH_${code}`, message))
  await refuses({ minimum: 1 }, 'OPTION', "unknown option 'minimum'")
  await refuses({ min: 0 }, 'VALUE', 'min must be a positive number, got 0')
  await refuses({ min: 2 }, 'VALUE', 'max must be a finite number above min, 2, got 1')
  await refuses({ max: Number.POSITIVE_INFINITY }, 'VALUE', 'max must be a finite number')
  await refuses({ steps: 1 }, 'VALUE', 'steps must be an integer of at least 2')
  await refuses({ divergence: 'no' }, 'TYPE', 'divergence must be a positive number')
  await refuses({ apply: 1 }, 'TYPE', 'apply must be a boolean')
  await refuses({ signal: {} }, 'TYPE', 'signal must be an AbortSignal')
  await expectRejection(tuned.tuneLearningRate([]), 'ERR_TORCH_VALUE', 'the data has no batches')
  await expectRejection(tuned.tuneLearningRate(3 as never), 'ERR_TORCH_TYPE', 'data must be')
})
