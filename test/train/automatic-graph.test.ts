import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MAE } from '../../lib/metrics/index.ts'
import { GRUModel, LSTMModel, type RecurrentModel } from '../../lib/models/index.ts'
import { Linear, LSTM, type Module, MSELoss, utils } from '../../lib/nn/index.ts'
import { Adam, NAdam, SGD } from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { automatic, whyNotKept } from '../../lib/train/automatic-graph.ts'
import { Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { optimizerOf } from '../../lib/train/optimizer.ts'
import { readOptions } from '../../lib/train/resolved-options.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { Repeating } from '../support/repeating.ts'
import { series } from '../support/series.ts'

const quiet: TrainerOptions = { progress: false, seed: 1, sequenceLength: 8, batchSize: 8, epochs: 4 }

let warnings: unknown[][] = []
beforeEach(() => {
  warnings = []
  vi.spyOn(process, 'emitWarning').mockImplementation((...args: unknown[]) => void warnings.push(args))
})
afterEach(() => {
  vi.restoreAllMocks()
})

class Own extends GRUModel {
  override forward(input: Tensor): Tensor {
    return super.forward(input)
  }
}

async function run(Class: typeof Trainer, make: () => RecurrentModel, options: TrainerOptions = {}) {
  torch.manualSeed(2)
  const trainer = new Class(make(), { ...quiet, ...options })
  const { trainLosses, validationLosses } = await trainer.fit(series(60), { validation: series(30) })
  return { trainer, losses: [trainLosses, validationLosses], captured: (trainer as Repeating).captured }
}

describe('by default', () => {
  test('steps of this library are captured, in fit only', async () => {
    const make = (): LSTMModel => new LSTMModel(1, 4, 1, { numLayers: 2, dropout: 0.3 })
    const options = { metrics: ['mae'], schedule: 'cosine', clipGradNorm: 1 } as const
    const { trainer, losses, captured } = await run(Repeating, make, options)
    expectClose(losses, (await run(Trainer, make, { ...options, cudaGraph: false })).losses, { rtol: 1e-6 })
    // Two shapes of batches in training, and two in validation.
    expect(captured.map(({ replays }) => replays > 0)).toEqual([true, true, true, true])
    expect(trainer.cudaGraphFallback).toBeNull()
    const { length } = (trainer as Repeating).graphs
    for (let i = 0; i < 5; i++) {
      await trainer.evaluate(series(60))
      await trainer.predict(torch.ones([8, 1, 1]))
    }
    expect((trainer as Repeating).graphs).toHaveLength(length)
    expect(warnings).toEqual([])
  })

  test('steps with code of the user are not, nor those of cudaGraph: false', async () => {
    expect((await run(Repeating, () => new Own(1, 4, 1))).captured).toEqual([])
    const { captured, trainer } = await run(Repeating, () => new GRUModel(1, 4, 1), { cudaGraph: false })
    expect([captured, trainer.cudaGraphFallback, warnings]).toEqual([[], null, []])
  })

  test('graphs end where the code of a user comes in', async () => {
    let calls = 0
    const train = (Class: typeof Trainer): ReturnType<typeof run> => {
      calls = 0
      let model: GRUModel
      const make = (): GRUModel => {
        model = new GRUModel(1, 4, 1)
        return model
      }
      return run(Class, make, {
        epochs: 6,
        callbacks: [
          {
            onEpochEnd: ({ epoch }) => {
              if (epoch === 3) model.linear.registerForwardHook((_, __, output) => output.mul(++calls % 2))
            },
          },
        ],
      })
    }
    const { trainer, losses, captured } = await train(Repeating)
    const expected = calls
    expectClose(losses, (await train(Trainer)).losses, { rtol: 1e-6 })
    expect(calls).toBe(expected)
    expect(captured.length).toBeGreaterThan(0)
    expect(captured.every(({ resets }) => resets === 1)).toBe(true)
    expect(trainer.cudaGraphFallback).toMatch(/^the model GRUModel, which has changed, may run other code in each step/)
    expect(warnings).toEqual([])
  })

  test('nothing is said on the CPU', async () => {
    const { trainer } = await run(Trainer, () => new Own(1, 4, 1))
    expect([trainer.cudaGraphFallback, warnings]).toEqual([null, []])
  })
})

test('an option that is neither is refused', () => {
  for (const cudaGraph of ['always', 1, null]) {
    expectError(
      () => new Trainer(new GRUModel(1, 2, 1), { cudaGraph } as never),
      'ERR_TORCH_VALUE',
      "cudaGraph must be a boolean or 'auto'",
    )
  }
})

function ask(model: Module, options: TrainerOptions = {}, windows?: never) {
  const read = readOptions(options)
  const optimizer = optimizerOf(read, model as never)
  return automatic({ model, optimizer, options: read, device: 'cuda:0', windows })
}

describe('what is captured', () => {
  class Counting extends SGD {
    override step(): void {
      super.step()
    }
  }
  class OwnMetric extends MAE {
    override update(...args: Parameters<MAE['update']>): void {
      super.update(...args)
    }
  }
  const model = (): LSTMModel => new LSTMModel(2, 3, 1)

  test.each<[string, () => Module, TrainerOptions]>([
    ['an LSTM', model, {}],
    ['a GRU', () => new GRUModel(2, 3, 1, { output: 'last', horizon: 2 }), { loss: 'l1', optimizer: 'sgd' }],
    ['tokens', () => new LSTMModel(2, 3, 5, { embedding: 5 }), { loss: 'crossEntropy', metrics: ['accuracy'] }],
    ['a loss and an optimizer by their classes', model, { loss: new MSELoss(), optimizer: (p) => new Adam(p) }],
    ['metrics', model, { metrics: ['mae', 'rmse'], autocast: 'bfloat16' }],
  ])('%s', (_, make, options) => {
    const guard = ask(make(), options)
    expect(guard).toBeTypeOf('object')
    expect((guard as Exclude<typeof guard, string>).step()).toBeUndefined()
  })

  test.each<[string, () => Module, TrainerOptions, RegExp]>([
    ['a model of its own', () => new Linear(2, 1), {}, /^the model Linear may run other code in each step/],
    ['a forward of its own', () => new Own(2, 3, 1), {}, /^the model Own may/],
    [
      'a hook',
      () => {
        const hooked = model()
        hooked.lstm.registerForwardHook(() => {})
        return hooked
      },
      {},
      /^the model LSTMModel may/,
    ],
    [
      'a parametrization',
      () => {
        const one = model()
        utils.parametrizations.weightNorm(one.linear)
        return one
      },
      {},
      /^the model LSTMModel may/,
    ],
    ['a loss of its own', model, { loss: (output, target) => output.sub(target).abs().mean() }, /^the loss may/],
    ['an optimizer that counts', model, { optimizer: (p) => new NAdam(p) }, /^the optimizer NAdam may/],
    ['an optimizer of its own', model, { optimizer: (p) => new Counting(p, { lr: 1 }) }, /^the optimizer Counting may/],
    ['a metric of its own', model, { metrics: [new OwnMetric()] }, /^the metric '.*' may/],
    ['a metric that converts', model, { metrics: [new MAE({ inverse: (x) => x })] }, /^the metric 'mae' may/],
    ['several steps in one', model, { accumulateGradBatches: 2 }, /^accumulateGradBatches /],
    ['a state that is carried', model, { carryState: true }, /^carryState /],
    ['averages', model, { movingAverage: 0.9 }, /^movingAverage /],
  ])('not %s', (_, make, options, reason) => {
    expect(ask(make(), options)).toMatch(reason)
  })

  test('not metrics in the units of windows', () => {
    const windows = { dataset: {}, indices: undefined, batchFirst: true } as never
    expect(ask(model(), { metrics: ['mae'] }, windows)).toMatch(/^metrics are in the units of the data/)
    expect(ask(model(), { metrics: ['mae'], metricUnits: 'scaled' }, windows)).toBeTypeOf('object')
    expect(ask(model(), { metrics: ['r2'] }, windows)).toBeTypeOf('string')
    expect(ask(model(), {}, windows)).toBeTypeOf('object')
  })

  test('nothing once a part of the model is exchanged', () => {
    for (const change of [
      (one: LSTMModel) => Object.assign(one, { linear: new Linear(3, 1) }),
      (one: LSTMModel) => Object.assign(one.lstm, { forward: LSTM.prototype.forward.bind(one.lstm) }),
      (one: LSTMModel) => utils.parametrizations.weightNorm(one.linear),
    ]) {
      const one = model()
      const guard = ask(one) as Exclude<ReturnType<typeof automatic>, string>
      expect(guard.step()).toBeUndefined()
      change(one)
      expect(guard.step()).toMatch(/^the model LSTMModel, which has changed, may/)
    }
  })
})

test('a graph is made only while half of the memory stays free', () => {
  const total = 80e9
  expect(whyNotKept({ total, reserved: 10e9, peak: 30e9 })).toBeUndefined()
  expect(whyNotKept({ total, reserved: 10e9, peak: 31e9 })).toMatch(/^a graph keeps the memory of its step/)
  expect(whyNotKept({ total, reserved: 41e9, peak: 0 })).toMatch(/less than half/)
})
