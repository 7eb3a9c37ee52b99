import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { DataLoader, SequenceDataset, TensorDataset } from '../../lib/data/index.ts'
import { GRUModel, LSTMModel, RNNModel } from '../../lib/models/index.ts'
import {
  BCELoss,
  BCEWithLogitsLoss,
  CrossEntropyLoss,
  functional,
  HuberLoss,
  L1Loss,
  Linear,
  Module,
  MSELoss,
  NLLLoss,
  PoissonNLLLoss,
  Sequential,
  Sigmoid,
  SmoothL1Loss,
} from '../../lib/nn/index.ts'
import * as optim from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { collectGarbage, expectNoMoreTensors } from '../support/garbage.ts'
import { series } from '../support/series.ts'

const { LBFGS, SGD } = optim
const CLASSES = Object.fromEntries(
  Object.entries(optim).map(([name, Class]) => [name.toLowerCase(), Class]),
) as unknown as Record<string, typeof SGD>
const quiet: TrainerOptions = { progress: false }

beforeEach(() => {
  torch.manualSeed(0)
})

test.each([RNNModel, LSTMModel, GRUModel])('%o learns to continue a sine', async (Model) => {
  const model = new Model(1, 16, 1)
  const trainer = new Trainer(model, {
    ...quiet,
    epochs: 25,
    batchSize: 16,
    sequenceLength: 20,
    lr: 2e-2,
    clipGradNorm: 1,
    seed: 1,
  })
  const history = await trainer.fit(series(300), { validation: series(100) })
  expect(history.epochs).toHaveLength(25)
  expect(history.validationLosses).toHaveLength(25)
  expect(history.trainLosses.at(-1)).toBeLessThan((history.trainLosses[0] as number) / 10)
  expect(history.best?.validationLoss).toBeLessThan(0.02)
  expect((await trainer.evaluate(series(100))).loss).toBe(history.validationLosses.at(-1))
})

test('repeats exactly with a seed', async () => {
  const run = async () => {
    torch.manualSeed(3)
    const model = new LSTMModel(1, 4, 1, { numLayers: 2, dropout: 0.3 })
    const trainer = new Trainer(model, { ...quiet, epochs: 3, sequenceLength: 10, batchSize: 8, seed: 7 })
    return (await trainer.fit(series(60))).trainLosses
  }
  expect(await run()).toEqual(await run())
})

test('does what a loop written by hand does', async () => {
  const [x, y] = [torch.randn([12, 3]), torch.randn([12, 2])]
  const start = new Linear(3, 2)
  const byHand = new Linear(3, 2)
  byHand.loadStateDict(start.stateDict())
  const optimizer = new SGD(byHand.parameters(), { lr: 0.1 })
  const losses: number[] = []
  for (let epoch = 0; epoch < 3; epoch++) {
    let sum = 0
    for (const [input, target] of new DataLoader(new TensorDataset(x, y), { batchSize: 5 })) {
      optimizer.zeroGrad()
      const loss = new MSELoss().forward(byHand.forward(input), target)
      loss.backward()
      optimizer.step()
      sum += (loss.item() as number) * input.size(0)
    }
    losses.push(sum / 12)
  }
  const trainer = new Trainer(start, {
    ...quiet,
    epochs: 3,
    batchSize: 5,
    lr: 0.1,
    optimizer: 'sgd',
    shuffle: false,
  })
  expectClose((await trainer.fit([x, y])).trainLosses, losses, { rtol: 1e-6 })
  expectClose(start.weight, byHand.weight.toArray() as number[][], { rtol: 1e-6 })
})

test.each([
  ['mse', MSELoss],
  ['l1', L1Loss],
  ['smoothL1', SmoothL1Loss],
  ['huber', HuberLoss],
  ['crossEntropy', CrossEntropyLoss],
  ['nll', NLLLoss],
  ['bce', BCELoss],
  ['bceWithLogits', BCEWithLogitsLoss],
  ['poissonNll', PoissonNLLLoss],
] as const)('the loss %s is %o', async (name, Loss) => {
  const isOfClasses = name === 'crossEntropy' || name === 'nll'
  const data = [torch.randn([8, 3]), isOfClasses ? torch.randint(2, [8]) : torch.rand([8, 2])] as const
  const losses = await Promise.all(
    [name, new Loss()].map(async (loss) => {
      torch.manualSeed(1)
      const model = new Sequential(new Linear(3, 2), new Sigmoid())
      return (await new Trainer(model, { ...quiet, epochs: 2, loss, shuffle: false }).fit(data)).trainLosses
    }),
  )
  expect(losses[0]).toEqual(losses[1])
  expect(losses[0]?.every((loss) => Number.isFinite(loss))).toBe(true)
})

describe('event loop and memory', () => {
  test('stays free, and tensors do not pile up', { retry: 2 }, async () => {
    const model = new LSTMModel(1, 48, 1)
    const trainer = new Trainer(model, { ...quiet, epochs: 6, sequenceLength: 60, batchSize: 32 })
    const data = series(800)
    await trainer.fit(data)
    await collectGarbage()
    const before = torch.memory()
    let ticks = 0
    const timer = setInterval(() => ticks++, 10)
    const start = performance.now()
    await trainer.fit(data, { validation: data })
    const elapsed = performance.now() - start
    clearInterval(timer)
    await collectGarbage()
    expect(torch.memory()).toEqual(before)
    // Half of the ticks at least, on however busy a machine.
    expect(ticks).toBeGreaterThan(elapsed / 10 / 2)
  })

  /** The shape of what is not zero depends on values. */
  const waiting = (output: Tensor, target: Tensor): Tensor => {
    const errors = output.sub(target).square()
    return errors.sum().div(errors.nonzero().size(0))
  }

  test.each([
    ['metrics', { metrics: ['mae', 'rmse', 'r2', 'mape'] }],
    ['a loss that waits for what it reads', { loss: waiting }],
  ] as [string, TrainerOptions][])('turns between steps with %s', { retry: 2 }, async (_, options) => {
    const trainer = new Trainer(new LSTMModel(1, 32, 1), { ...quiet, epochs: 4, sequenceLength: 40, ...options })
    const data = series(500)
    await trainer.fit(data)
    let longest = 0
    let last = performance.now()
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 1)
    const start = performance.now()
    await trainer.fit(data, { validation: data })
    const elapsed = performance.now() - start
    clearInterval(timer)
    // The whole takes far longer than what holds up the event loop, on however busy a machine.
    expect(longest).toBeLessThan(elapsed / 4)
  })

  test('holds memory flat over 10,000 steps', async () => {
    const threads = torch.getNumThreads()
    torch.setNumThreads(1)
    onTestFinished(() => torch.setNumThreads(threads))
    const trainer = new Trainer(new LSTMModel(1, 4, 1), { ...quiet, epochs: 10, sequenceLength: 3, batchSize: 1 })
    const data = series(102)
    await trainer.fit(data)
    await collectGarbage()
    const before = { tensors: torch.memory().tensors, rss: process.memoryUsage().rss }
    for (let i = 0; i < 10; i++) await trainer.fit(data)
    await expectNoMoreTensors(before.tensors)
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(40 * 2 ** 20)
  })

  test('a model of one own, loss and all, runs off the main thread', async () => {
    class Own extends Module {
      readonly lstm = new LSTMModel(1, 8, 2)
      override forward(x: Tensor): Tensor {
        const [mean, spread] = this.lstm.forward(x).chunk(2, 2)
        return torch.cat([mean as Tensor, functional.softplus(spread as Tensor)], 2)
      }
      readonly batchFirst = false
    }
    const gaussian = (output: Tensor, target: Tensor): Tensor => {
      const [mean, spread] = [output.narrow(2, 0, 1), output.narrow(2, 1, 1).add(1e-3)]
      return mean.sub(target).div(spread).square().div(2).add(spread.log()).mean()
    }
    const trainer = new Trainer(new Own(), {
      ...quiet,
      epochs: 15,
      sequenceLength: 20,
      batchSize: 16,
      loss: gaussian,
      lr: 1e-2,
    })
    const { trainLosses } = await trainer.fit(series(200))
    expect(trainLosses.at(-1)).toBeLessThan((trainLosses[0] as number) - 0.3)
  })
})

describe('signal', () => {
  test('stops between steps, with its reason', async () => {
    const controller = new AbortController()
    const steps: number[] = []
    const trainer = new Trainer(new GRUModel(1, 8, 1), {
      ...quiet,
      epochs: 1000,
      sequenceLength: 10,
      callbacks: [
        {
          everySteps: 1,
          onStepEnd: ({ step }) => {
            steps.push(step)
            if (step === 5) controller.abort(new Error('enough'))
          },
          onException: (_, error) => steps.push((error as Error).message.length),
        },
      ],
    })
    await expect(trainer.fit(series(50), { signal: controller.signal })).rejects.toThrow('enough')
    expect(steps).toEqual([1, 2, 3, 4, 5, 'enough'.length])
    await expect(trainer.fit(series(50), { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
    const again = new Trainer(trainer.model, { ...quiet, epochs: 1, sequenceLength: 10 })
    expect((await again.fit(series(50))).epochs).toHaveLength(1)
  })

  test('one fit at a time', async () => {
    const trainer = new Trainer(new GRUModel(1, 8, 1), { ...quiet, epochs: 2, sequenceLength: 10 })
    const first = trainer.fit(series(50))
    await expect(trainer.fit(series(50))).rejects.toMatchObject({ code: 'ERR_TORCH_RUNTIME' })
    await first
  })
})

test('keeps the history of a fit that was aborted', async () => {
  const controller = new AbortController()
  const trainer = new Trainer(new RNNModel(1, 4, 1), {
    epochs: 9,
    sequenceLength: 10,
    ...quiet,
    callbacks: [
      {
        onEpochEnd: ({ epoch }) => {
          if (epoch === 4) controller.abort(new Error('enough'))
        },
      },
    ],
  })
  expect(trainer.history).toBeUndefined()
  await expect(trainer.fit(series(30), { signal: controller.signal })).rejects.toThrow('enough')
  expect(trainer.history?.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4])
  const history = await new Trainer(trainer.model, { ...quiet, epochs: 2, sequenceLength: 10 }).fit(series(30))
  expect(history.best?.trainLoss).toBeGreaterThan(0)
})

test('has an optimizer whose learning rate can be read and set', async () => {
  const trainer = new Trainer(new RNNModel(1, 4, 1), { ...quiet, epochs: 1, sequenceLength: 10, lr: 0.25 })
  const [group] = trainer.optimizer.paramGroups
  const rate: number | undefined = group?.lr
  expect(rate).toBe(0.25)
  if (group !== undefined) group.lr = 0
  const before = trainer.model.stateDict()['linear.weight']?.toArray()
  await trainer.fit(series(30))
  expect(trainer.model.stateDict()['linear.weight']?.toArray()).toEqual(before)
})

test.each(['adadelta', 'adagrad', 'adamax', 'asgd', 'nadam', 'radam', 'rmsprop', 'rprop'] as const)(
  'trains with %s as with its class',
  async (name) => {
    const weights = await Promise.all(
      [name, (p: Tensor[]) => new (CLASSES[name] as typeof SGD)(p, { lr: 0.01 })].map(async (optimizer) => {
        torch.manualSeed(1)
        const options = typeof optimizer === 'string' ? { optimizer, lr: 0.01 } : { optimizer }
        const trainer = new Trainer(new RNNModel(1, 4, 1), {
          ...quiet,
          ...(options as TrainerOptions),
          epochs: 1,
          sequenceLength: 8,
          seed: 1,
        })
        const before = trainer.model.stateDict()['linear.weight']?.clone()
        await trainer.fit(series(30))
        const after = trainer.model.stateDict()['linear.weight'] as Tensor
        expect(
          after
            .sub(before as Tensor)
            .abs()
            .max()
            .item(),
        ).toBeGreaterThan(0)
        return after.toArray()
      }),
    )
    expect(weights[0]).toEqual(weights[1])
  },
)

test('predicts in evaluation mode, and leaves the mode as it was', async () => {
  const model = new LSTMModel(1, 4, 1, { numLayers: 2, dropout: 0.5 })
  const trainer = new Trainer(model, quiet)
  const x = torch.randn([5, 2, 1])
  const [one, other] = [await trainer.predict(x), trainer.predictSync(x)]
  expect(one.equal(other)).toBe(true)
  expect(one.requiresGrad).toBe(false)
  expect(model.training).toBe(true)
})

test('takes loaders and iterables of batches, also asynchronous ones', async () => {
  const [x, y] = series(40)
  const dataset = new SequenceDataset(x, y, { sequenceLength: 10, stride: 5 })
  const loader = new DataLoader(dataset, { batchSize: 4, batchFirst: false })
  const model = new GRUModel(1, 4, 1)
  const trainer = new Trainer(model, { ...quiet, batchSize: 4 })
  const expected = (await trainer.evaluate(loader)).loss
  expect((await trainer.evaluate(dataset)).loss).toBe(expected)
  expect((await trainer.evaluate([...loader])).loss).toBeCloseTo(expected, 10)
  async function* stream() {
    for (const batch of loader) {
      await new Promise((resolve) => setImmediate(resolve))
      yield batch
    }
  }
  expect((await trainer.evaluate(stream())).loss).toBeCloseTo(expected, 10)
})

test('errors of a step come through, and the trainer can be used again', async () => {
  const trainer = new Trainer(new GRUModel(1, 4, 1), { ...quiet, epochs: 1, sequenceLength: 5 })
  const [x] = series(20)
  await expect(trainer.fit([torch.zeros([20, 2]), torch.zeros([20, 1])])).rejects.toThrow('Expected 1, got 2')
  await expect(trainer.fit([x, torch.zeros([19, 1])])).rejects.toThrow(/20 inputs and 19 targets/)
  await expect(trainer.fit([])).rejects.toThrow(/no batches/)
  await expect(trainer.fit([[x, 1]] as never)).rejects.toThrow(/batches of tensors, but the first has Tensor and 1/)
  await expect(trainer.fit(3 as never)).rejects.toMatchObject({ code: 'ERR_TORCH_TYPE' })
  expect((await trainer.fit(series(20))).epochs).toHaveLength(1)
})

describe('refuses', () => {
  const make = (options: object) => () => new Trainer(new GRUModel(1, 2, 1), options)
  test.each([
    [{ optimizer: SGD }, 'ERR_TORCH_TYPE', /a function that makes one: \(parameters\) => new SGD\(parameters\)/],
    [{ loss: MSELoss }, 'ERR_TORCH_TYPE', /loss must be an instance of a loss module: new MSELoss\(\)/],
    [{ epoch: 3 }, 'ERR_TORCH_OPTION', /Trainer: unknown option 'epoch'; did you mean 'epochs'/],
    [{ epochs: 0 }, 'ERR_TORCH_VALUE', /epochs must be a positive integer, got 0/],
    [{ batchSize: 2.5 }, 'ERR_TORCH_VALUE', /batchSize must be a positive integer/],
    [{ sequenceLength: Number.NaN }, 'ERR_TORCH_VALUE', /sequenceLength must be a positive integer, got NaN/],
    [{ lr: Infinity }, 'ERR_TORCH_VALUE', /lr must be a finite number, got Infinity/],
    [
      { seed: 2 ** 60 },
      'ERR_TORCH_VALUE',
      /seed must be a safe integer, from -\(2 \*\* 53 - 1\) to 2 \*\* 53 - 1, got 1152921504606847000/,
    ],
    [{ movingAverage: 1 }, 'ERR_TORCH_VALUE', /movingAverage must be less than 1, such as 0.999, got 1/],
    [{ lr: -1 }, 'ERR_TORCH_VALUE', /lr must be a positive number, got -1/],
    [{ clipGradNorm: '1' }, 'ERR_TORCH_TYPE', /clipGradNorm must be a positive number, got '1'/],
    [
      { optimizer: 'adafactor' },
      'ERR_TORCH_VALUE',
      /optimizer must be adadelta, adagrad, adam, .*, rprop, sgd or a function, got 'adafactor'/,
    ],
    [{ optimizer: 'LBFGS' }, 'ERR_TORCH_VALUE', /or a function; LBFGS needs a loop of your own, got 'LBFGS'/],
    [
      { optimizer: (p: Tensor[]) => new LBFGS(p) },
      'ERR_TORCH_VALUE',
      /^Trainer: LBFGS evaluates the loss several times per step, on the same data: call its step with a function/,
    ],
    [{ loss: 'msee' }, 'ERR_TORCH_VALUE', /loss must be mse, l1, smoothL1, huber, crossEntropy/],
    [{ loss: 5 }, 'ERR_TORCH_TYPE', /loss must be mse, l1, smoothL1, huber, crossEntropy/],
    [{ seed: 'a' }, 'ERR_TORCH_TYPE', /seed must be an integer/],
    [{ nonFinite: 'stop' }, 'ERR_TORCH_VALUE', /nonFinite must be 'throw', 'warn' or 'ignore', got 'stop'/],
    [{ shuffle: 1 }, 'ERR_TORCH_TYPE', /shuffle must be a boolean/],
    [{ loss: null }, 'ERR_TORCH_TYPE', /loss must be mse, .*, quantile, a loss module or a function, got null/],
    [{ optimizer: () => 1 }, 'ERR_TORCH_TYPE', /optimizer must be a function that returns an Optimizer, got 1/],
    [{ progress: 'bar' }, 'ERR_TORCH_VALUE', /progress must be a boolean or 'auto', got 'bar'/],
    [{ optimizer: (p: Tensor[]) => new SGD(p), lr: 1 }, 'ERR_TORCH_OPTION', /no effect on your own optimizer/],
  ] as const)('%j', (options, code, message) => {
    expectError(make(options), code, message)
  })

  test('unknown options of fit and evaluate, and signals that are none', async () => {
    const trainer = new Trainer(new GRUModel(1, 2, 1), quiet)
    const data = series(20)
    const code = (code: string) => ({ code })
    await expect(trainer.fit(data, { validate: data } as never)).rejects.toMatchObject(code('ERR_TORCH_OPTION'))
    await expect(trainer.fit(data, null as never)).rejects.toMatchObject(code('ERR_TORCH_TYPE'))
    await expect(trainer.fit(data, { signal: {} as never })).rejects.toMatchObject(code('ERR_TORCH_TYPE'))
    await expect(trainer.evaluate(data, { batchSize: 2 } as never)).rejects.toMatchObject(code('ERR_TORCH_OPTION'))
  })

  test('what is no model', () => {
    expectError(() => new Trainer({} as never), 'ERR_TORCH_TYPE', /model must be a Module, got an object/)
    expectError(() => new Trainer(null as never), 'ERR_TORCH_TYPE', /model must be a Module, got null/)
  })
})
