// Learning rates that change, averages of weights, and states that are carried: what they do in a fit.
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { TextDataset } from '../../lib/data/index.ts'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, RNNModel } from '../../lib/models/index.ts'
import { type Callback, checkpoint, learningRateMonitor, Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectRejection } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'
import { series } from '../support/series.ts'

const quiet: TrainerOptions = { progress: false, sequenceLength: 10, batchSize: 8, lr: 0.1, optimizer: 'sgd' }

beforeEach(() => {
  torch.manualSeed(0)
})

/** The rates of each step of a fit with 3 steps per epoch. */
async function ratesOf(options: TrainerOptions, fits = 1): Promise<number[]> {
  const rates: number[] = []
  const callbacks: Callback[] = [
    { everySteps: 1, onStepEnd: ({ optimizer }) => rates.push(optimizer.paramGroups[0]?.lr ?? 0) },
  ]
  const trainer = new Trainer(new RNNModel(1, 4, 1), { ...quiet, ...options, callbacks })
  for (let i = 0; i < fits; i++) await trainer.fit(series(30), { validation: series(20) })
  return rates
}

/** The same by the scheduler itself. */
function expected(steps: number, make: (optimizer: optim.SGD) => optim.lrScheduler.LRScheduler): number[] {
  const weight = new nn.Parameter(torch.ones([1]))
  weight.grad = torch.ones([1])
  const optimizer = new optim.SGD([weight], { lr: 0.1 })
  const scheduler = make(optimizer)
  return Array.from({ length: steps }, () => {
    optimizer.step()
    scheduler.step()
    return optimizer.paramGroups[0]?.lr as number
  })
}

describe('a schedule', () => {
  const { CosineAnnealingLR, LinearLR, SequentialLR } = optim.lrScheduler

  test('takes its steps with the updates, over the whole fit', async () => {
    expectClose(
      await ratesOf({ epochs: 4, schedule: 'cosine' }),
      expected(12, (optimizer) => new CosineAnnealingLR(optimizer, 12)),
      { rtol: 1e-12 },
    )
    expectClose(
      await ratesOf({ epochs: 4, schedule: { name: 'cosine', warmup: 3 } }),
      expected(12, (optimizer) => {
        const rise = new LinearLR(optimizer, { startFactor: 1 / 4, totalIters: 3 })
        return new SequentialLR(optimizer, [rise, new CosineAnnealingLR(optimizer, 9)], [3])
      }),
      { rtol: 1e-12 },
    )
    expectClose(
      await ratesOf({ epochs: 3, accumulateGradBatches: 2, schedule: 'linear' }),
      expected(6, (optimizer) => new LinearLR(optimizer, { startFactor: 1, endFactor: 0, totalIters: 6 })),
      { rtol: 1e-12, atol: 1e-15 },
    )
    expectClose(
      await ratesOf({ maxSteps: 5, schedule: 'cosine' }),
      expected(5, (optimizer) => new CosineAnnealingLR(optimizer, 5)),
      { rtol: 1e-12, atol: 1e-15 },
    )
  })

  test('begins anew in each fit', async () => {
    const rates = await ratesOf({ epochs: 2, schedule: 'cosine' }, 2)
    expect(rates.slice(0, 6)).toEqual(rates.slice(6))
  })

  test('of a plateau follows the validation', async () => {
    const options: TrainerOptions = {
      epochs: 6,
      lr: 1e-4,
      schedule: { name: 'plateau', patience: 1, factor: 0.5, threshold: 0.5 },
    }
    const trainer = new Trainer(new RNNModel(1, 4, 1), { ...quiet, ...options })
    const { epochs } = await trainer.fit(series(30), { validation: series(20) })
    expect(epochs.map(({ lr }) => (lr as number) / 1e-4)).toEqual(
      [1, 1, 1, 0.5, 0.5, 0.25].map((x) => expect.closeTo(x)),
    )
  })

  test('is seen by learningRateMonitor, and survives in checkpoints', async () => {
    const monitor = learningRateMonitor()
    const options: TrainerOptions = { ...quiet, epochs: 4, schedule: 'cosine', seed: 1 }
    const model = () => torch.forkRng(() => new RNNModel(1, 4, 1))
    const whole = new Trainer(model(), { ...options, callbacks: [monitor] })
    const { trainLosses } = await whole.fit(series(30))
    expect(monitor.entries.map(({ step }) => step)).toEqual([...Array(13).keys()])
    expect(monitor.entries[0]?.rates).toEqual([0.1])
    const folder = temporaryFolder()
    const stop: Callback = {
      everySteps: 1,
      onStepEnd: ({ step }) => {
        if (step === 5) throw new Error('stop')
      },
    }
    const callbacks = [checkpoint(folder, { everySteps: 1 }), stop]
    await expect(new Trainer(model(), { ...options, callbacks }).fit(series(30))).rejects.toThrow('stop')
    expect((await new Trainer(model(), options).fit(series(30), { resume: folder })).trainLosses).toEqual(trainLosses)
  })

  test.each(['linear', 'cosine', 'oneCycle'] as const)('%s stays at its end if the data grow', async (schedule) => {
    const warnings: string[] = []
    const listen = (warning: Error) => warnings.push(warning.message)
    process.on('warning', listen)
    onTestFinished(() => void process.off('warning', listen))
    const x = torch.ones([8, 10, 1])
    let batches = 2
    const growing = {
      get length() {
        return batches
      },
      *[Symbol.iterator]() {
        for (let i = 0; i < batches; i++) yield [x, x] as [Tensor, Tensor]
        batches = 5
      },
    }
    const monitor = learningRateMonitor()
    const model = new RNNModel(1, 4, 1, { batchFirst: true })
    const ends: number[] = []
    const callbacks: Callback[] = [monitor, { onFitEnd: ({ step }) => ends.push(step) }]
    await new Trainer(model, { progress: false, lr: 0.1, epochs: 2, schedule, callbacks }).fit(growing)
    // 4 steps were planned, and 7 made.
    expect(ends).toEqual([7])
    expect(monitor.entries.map(({ step }) => step)).toEqual(schedule === 'oneCycle' ? [0, 1, 2, 3] : [0, 1, 2, 3, 4])
    expect(monitor.entries.at(-1)?.rates[0]).toBeLessThan(1e-6)
    await new Promise(setImmediate)
    expect(warnings).toEqual([
      expect.stringContaining('the schedule was made for 4 steps, and the training goes on: the data have grown'),
    ])
  })

  test('that has to know the length of the training says so', async () => {
    const batches = {
      [Symbol.iterator]: () =>
        [[torch.ones([8, 10, 1]), torch.ones([8, 10, 1])] as [Tensor, Tensor]][Symbol.iterator](),
    }
    await expectRejection(
      new Trainer(new RNNModel(1, 4, 1, { batchFirst: true }), { ...quiet, schedule: 'cosine' }).fit(batches),
      'ERR_TORCH_OPTION',
      'which is unknown for data without a length: set maxSteps',
    )
    await expectRejection(
      new Trainer(new RNNModel(1, 4, 1), { ...quiet, maxSeconds: 1, schedule: 'cosine' }).fit(series(30)),
      'ERR_TORCH_OPTION',
      'depends on the number of steps, which is unknown: set maxSteps',
    )
    expect(() => new Trainer(new RNNModel(1, 4, 1), { schedule: 'cosin' as never })).toThrow(/cosine/)
  })
})

describe('movingAverage', () => {
  test('averages the weights, validates the averages, and gives them to the model', async () => {
    const model = new RNNModel(1, 4, 1)
    let average: Tensor | undefined
    const last: Tensor[] = []
    const follow: Callback = {
      everySteps: 1,
      onStepEnd: () => {
        // As in PyTorch, the first update is copied.
        last[0] = torch.keep(model.linear.weight.detach().clone())
        average = torch.keep(average?.mul(0.9).add(last[0], { alpha: 0.1 }) ?? last[0].clone())
      },
    }
    const trainer = new Trainer(model, { ...quiet, epochs: 3, movingAverage: 0.9, callbacks: [follow] })
    const { epochs } = await trainer.fit(series(30), { validation: series(20) })
    expectClose(model.linear.weight, average?.toArray() as number[][], { rtol: 1e-5 })
    expect(model.linear.weight.allclose(last[0] as Tensor)).toBe(false)
    expect((await trainer.evaluate(series(20))).loss).toBe(epochs.at(-1)?.validationLoss)
  })

  test('begins with the weights after the first update', async () => {
    const plain = new RNNModel(1, 4, 1)
    const averaged = plain.clone()
    const options: TrainerOptions = { ...quiet, epochs: 1, maxSteps: 1, seed: 1 }
    await new Trainer(plain, options).fit(series(30))
    await new Trainer(averaged, { ...options, movingAverage: 0.999 }).fit(series(30))
    expect(averaged.linear.weight.toArray()).toEqual(plain.linear.weight.toArray())
  })

  test('warns if the fit is shorter than its memory', async () => {
    const warnings: string[] = []
    const listen = (warning: Error) => warnings.push(warning.message)
    process.on('warning', listen)
    onTestFinished(() => void process.off('warning', listen))
    const train = async (movingAverage: number, maxSteps: number): Promise<void> => {
      const options = { ...quiet, epochs: 20, maxSteps, movingAverage }
      await new Trainer(new RNNModel(1, 4, 1), options).fit(series(30))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await train(0.9, 10)
    expect(warnings).toEqual([])
    await train(0.9, 9)
    expect(warnings).toEqual([
      'Trainer: movingAverage: 0.9 averages the weights of about 10 updates, but this fit has 9: the averages stay near its first weights. Take a lower decay, such as 0.44',
    ])
  })

  test('and the best of the averages', async () => {
    const trainer = new Trainer(new RNNModel(1, 4, 1), {
      ...quiet,
      lr: 0.5,
      epochs: 8,
      movingAverage: 0.5,
      restoreBest: true,
    })
    const history = await trainer.fit(series(30), { validation: series(20) })
    expect((await trainer.evaluate(series(20))).loss).toBe(history.best?.validationLoss)
    expect(() => new Trainer(new RNNModel(1, 4, 1), { movingAverage: 2 })).toThrow(
      /movingAverage must be a number from 0/,
    )
  })
})

describe('weightDecay', () => {
  test('may leave out biases', async () => {
    const model = new nn.Linear(2, 1)
    torch.noGrad(() => {
      model.weight.fill_(1)
      model.bias?.fill_(1)
    })
    const zero = (output: Tensor): Tensor => output.sum().mul(0)
    const options: TrainerOptions = { progress: false, epochs: 1, optimizer: 'sgd', lr: 0.5, loss: zero }
    const data = [torch.ones([4, 2]), torch.ones([4, 1])] as const
    await new Trainer(model, { ...options, weightDecay: { value: 0.1, biases: false } }).fit(data)
    expect([model.weight.toArray(), model.bias?.toArray()]).toEqual([
      [[expect.closeTo(0.95), expect.closeTo(0.95)]],
      [1],
    ])
    await new Trainer(model, { ...options, weightDecay: 0.1 }).fit(data)
    expect(model.bias?.item()).toBeCloseTo(0.95)
    const own = (parameters: nn.Parameter[]) => new optim.SGD(parameters)
    expect(() => new Trainer(model, { optimizer: own, weightDecay: 0.1 })).toThrow(
      /weightDecay has no effect on your own/,
    )
  })
})

test('clipGradValue clips each element', async () => {
  const model = new nn.Linear(1, 1)
  torch.noGrad(() => model.weight.fill_(0))
  const loss = (output: Tensor): Tensor => output.sum().mul(100)
  const options: TrainerOptions = { progress: false, epochs: 1, optimizer: 'sgd', lr: 1, loss, clipGradValue: 0.25 }
  await new Trainer(model, options).fit([torch.ones([2, 1]), torch.ones([2, 1])])
  expect(model.weight.item()).toBe(-0.25)
})

describe('carryState', () => {
  const tokens = torch.arange(61).remainder(7)
  const options: TrainerOptions = { progress: false, epochs: 1, loss: 'crossEntropy', optimizer: 'sgd', lr: 0 + 1e-12 }
  const model = () => new LSTMModel(8, 8, 7, { embedding: 7, batchFirst: true })

  test('is one long sequence, cut for the gradients only', async () => {
    const own = model()
    const data = new TextDataset(tokens, { batchSize: 3, sequenceLength: 5 })
    const whole = new TextDataset(tokens, { batchSize: 3, sequenceLength: 20 })
    const [{ input, target }] = [...whole] as unknown as [{ input: Tensor; target: Tensor }]
    const loss = nn.functional.crossEntropy(own.forward(input).flatten(0, 1), target.flatten()).item<number>()
    const trainer = new Trainer(own, { ...options, carryState: true })
    expect((await trainer.evaluate(data)).loss).toBeCloseTo(loss, 5)
    expect((await trainer.fit(data, { validation: data })).epochs[0]?.validationLoss).toBeCloseTo(loss, 5)
    expect((await new Trainer(own, options).evaluate(data)).loss).not.toBeCloseTo(loss, 5)
  })

  test('survives in checkpoints', async () => {
    const run = async (callbacks: Callback[], resume?: string) => {
      torch.manualSeed(3)
      const trainer = new Trainer(model(), { ...options, lr: 0.5, epochs: 3, carryState: true, callbacks })
      const data = new TextDataset(tokens, { batchSize: 3, sequenceLength: 5 })
      return (await trainer.fit(data, resume === undefined ? {} : { resume })).trainLosses
    }
    const expected = await run([])
    const folder = temporaryFolder()
    const stop: Callback = {
      everySteps: 1,
      onStepEnd: ({ step }) => {
        if (step === 6) throw new Error('stop')
      },
    }
    await expect(run([checkpoint(folder, { everySteps: 1 }), stop])).rejects.toThrow('stop')
    expect(await run([], folder)).toEqual(expected)
  })

  test('needs a model that has a state, and order', () => {
    expect(() => new Trainer(new nn.Linear(1, 1), { carryState: true })).toThrow(/needs a model with forwardWithState/)
    expect(() => new Trainer(new GRUModel(1, 2, 1), { carryState: true, shuffle: true })).toThrow(/omit shuffle/)
    expect(() => new Trainer(new GRUModel(1, 2, 1), { carryState: true, cudaGraph: true })).toThrow(
      /without carryState/,
    )
  })
})
