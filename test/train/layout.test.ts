// Models that read steps first, (L, N, …), and forecast several steps for each sequence, (N, horizon, O).
import { describe, expect, test } from 'vitest'
import { type BatchPair, DataLoader, Series, type SeriesOptions, Subset, TensorDataset } from '../../lib/data/index.ts'
import { torch } from '../../lib/index.ts'
import { GRUModel } from '../../lib/models/index.ts'
import { Trainer, type TrainerOptions, type TrainingData } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectRejection } from '../support/error.ts'

torch.setNumThreads(1)

// Batches of as many windows as there are steps to forecast: the two could be exchanged without an error.
const options: TrainerOptions = { progress: false, epochs: 2, batchSize: 3, seed: 5, metrics: ['mae', 'mase'] }

function modelOf(batchFirst: boolean, inputs = 1, outputs = 1): GRUModel {
  torch.manualSeed(0)
  return new GRUModel(inputs, 6, outputs, { batchFirst, output: 'last', horizon: 3 })
}

async function windows(missing?: 'mask') {
  const day = Array.from({ length: 40 }, (_, i) => i * 86_400_000)
  const y = day.map((_, i) => (missing !== undefined && i % 11 === 5 ? null : 20 + ((i * i) % 17)))
  const how: SeriesOptions = { time: 'day', targets: 'y', ...(missing === undefined ? {} : { missing }) }
  return (await Series.from({ day, y }, how)).split({ past: 6, horizon: 3, test: 0.3 })
}

describe('a forecast of several steps without batchFirst is trained as one with it', () => {
  const trainers = () => [true, false].map((batchFirst) => new Trainer(modelOf(batchFirst), options))

  /** Expects the same history and evaluation of both layouts. */
  async function expectSame(
    train: TrainingData,
    held: TrainingData,
    { inputs = 1, outputs = 1, ...other }: TrainerOptions & { inputs?: number; outputs?: number } = {},
  ): Promise<void> {
    const results = [true, false].map(async (batchFirst) => {
      const trainer = new Trainer(modelOf(batchFirst, inputs, outputs), { ...options, ...other })
      const { epochs } = await trainer.fit(train, { validation: held })
      return { epochs: epochs.map(({ seconds, ...rest }) => rest), evaluation: await trainer.evaluate(held) }
    })
    const [first, second] = await Promise.all(results)
    for (const [i, epoch] of (first?.epochs ?? []).entries()) {
      for (const [name, value] of Object.entries(epoch))
        expectClose(second?.epochs[i]?.[name] as number, value as number)
    }
    for (const [name, value] of Object.entries(first?.evaluation ?? {})) {
      expect(value).not.toBeNaN()
      expectClose(second?.evaluation[name] as number, value)
    }
  }

  test('windows of a series, their parts, and values that are missing', async () => {
    const { train, test: held } = await windows()
    await expectSame(train, held)
    await expectSame(new Subset(train, [4, 1, 0, 7, 2, 3]), held)
    const masked = await windows('mask')
    await expectSame(masked.train, masked.test, { inputs: masked.train.inputSize })
  })

  test('tensors, with a mask and weights for each value', async () => {
    const [input, target] = [torch.randn([10, 6, 1]), torch.randn([10, 3, 2])]
    const other = { metrics: ['mae'], outputs: 2 } as const
    await expectSame([input, target], [input, target], other)
    const weight = torch.rand([10, 3, 2])
    const mask = torch.rand([10, 3, 2]).gt(0.3)
    await expectSame({ input, target, weight, mask }, { input, target, weight, mask }, other)
    const rows = torch.rand([10, 3])
    await expectSame({ input, target, weight: rows }, { input, target, mask: rows.gt(0.2) }, other)
  })

  test('predictions have the samples first, in batches too', async () => {
    const { train } = await windows()
    const [first, second] = trainers() as [Trainer, Trainer]
    const wanted = await first.predict(train)
    expect(wanted.shape).toEqual([train.length, 3, 1])
    expectClose(await second.predict(train), wanted)
    const inputs = train.batch([...Array(train.length).keys()], false).input
    expectClose(await second.predict(inputs, { batchSize: 3 }), wanted)
    expectClose(second.predictSync(inputs, { batchSize: 4 }), wanted)
  })

  test('a loader has to make batches in the layout of the model', async () => {
    const data = new TensorDataset(torch.randn([6, 6, 1]), torch.randn([6, 3, 1]))
    const train = (batchFirst: boolean) =>
      new Trainer(modelOf(false), { ...options, metrics: [] }).fit(new DataLoader(data, { batchSize: 3, batchFirst }))
    expect((await train(false)).epochs).toHaveLength(2)
    await expectRejection(train(true), 'ERR_TORCH_OPTION', 'make the model with batchFirst: true')
  })

  test('batches of an iterable are taken as the model gives its outputs', async () => {
    const batch = [torch.randn([6, 4, 1]), torch.randn([4, 3, 1])] as BatchPair
    const { epochs } = await new Trainer(modelOf(false), { ...options, metrics: ['mae'] }).fit([batch])
    expect(epochs[1]?.trainLoss).toBeLessThan(epochs[0]?.trainLoss as number)
  })
})
