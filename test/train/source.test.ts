import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import {
  type Batch,
  type BatchPair,
  DataLoader,
  type Dataset,
  SequenceDataset,
  TensorDataset,
  TextDataset,
} from '../../lib/data/index.ts'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, SequenceModel } from '../../lib/models/index.ts'
import { Trainer, type TrainerOptions, type TrainingData } from '../../lib/train/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { collectGarbage, expectNoMoreTensors } from '../support/garbage.ts'
import { series } from '../support/series.ts'

const options: TrainerOptions = { epochs: 2, batchSize: 3, shuffle: false, progress: false }

/** Samples of 5 steps that are made from their numbers; reads tensors on the way. */
class Numbered implements Dataset {
  readonly length = 7
  readonly asked: number[][] = []
  readonly offset = torch.tensor([0.5])

  batch(indices: readonly number[]): Batch | Promise<Batch> {
    this.asked.push([...indices])
    const start = this.offset.item<number>()
    const rows = torch.stack(indices.map((index) => torch.full([5, 1], (index + start) / 7)))
    return [rows, rows.mul(torch.tensor((rows.toArray() as number[][][]).length > 0 ? 2 : 0))]
  }
}

/** The same, after a while. */
class Awaited extends Numbered {
  override async batch(indices: readonly number[]): Promise<Batch> {
    await new Promise((resolve) => setImmediate(resolve))
    const [x, y] = (await super.batch(indices)) as BatchPair
    await new Promise((resolve) => setImmediate(resolve))
    return [x, y]
  }
}

async function lossesOf(data: TrainingData): Promise<(number | undefined)[]> {
  torch.manualSeed(0)
  const trainer = new Trainer(new GRUModel(1, 4, 1, { batchFirst: true }), { ...options, lr: 0.05 })
  const { epochs } = await trainer.fit(data, { validation: data })
  return epochs.flatMap(({ trainLoss, validationLoss }) => [trainLoss, validationLoss])
}

describe('a dataset of one’s own', () => {
  test('is asked by number, and trains as tensors do, also asynchronously', async () => {
    const all = (await new Numbered().batch([0, 1, 2, 3, 4, 5, 6])) as [Tensor, Tensor]
    const expected = await lossesOf(all)
    const data = new Numbered()
    expect(await lossesOf(data)).toEqual(expected)
    expect(data.asked).toHaveLength(12)
    expect(data.asked.slice(0, 3)).toEqual([[0, 1, 2], [3, 4, 5], [6]])
    expect(await lossesOf(new Awaited())).toEqual(expected)
    expect(await lossesOf(new DataLoader(new Awaited(), { batchSize: 3 }))).toEqual(expected)
  })

  test.each([Numbered, Awaited])('%o leaves no tensors behind', async (Class) => {
    const data = new Class()
    const trainer = new Trainer(new GRUModel(1, 4, 1, { batchFirst: true }), options)
    await trainer.fit(data)
    await collectGarbage()
    const before = torch.memory().tensors
    await trainer.fit(data, { validation: data })
    await expectNoMoreTensors(before)
  })

  test('keeps tensors that it made before', async () => {
    const batch: Batch = [torch.randn([3, 5, 1]), torch.randn([3, 5, 1])]
    const data: Dataset = { length: 6, batch: () => batch }
    await new Trainer(new GRUModel(1, 4, 1, { batchFirst: true }), options).fit(data)
    expect(batch.map((tensor) => tensor.disposed)).toEqual([false, false])
  })

  test('rejects fit with its own error, and with a sentence for what is no batch', async () => {
    const trainer = new Trainer(new GRUModel(1, 4, 1, { batchFirst: true }), options)
    const fitWith = (batch: (indices: readonly number[]) => unknown): Promise<unknown> =>
      trainer.fit({ length: 7, batch } as Dataset)
    await expect(fitWith(() => Promise.reject(new Error('no such file')))).rejects.toThrow('no such file')
    await expect(
      fitWith(() => {
        throw new Error('no such row')
      }),
    ).rejects.toThrow('no such row')
    const x = torch.ones([3, 5, 1])
    const sentence = 'must be [input, target], two Tensors, or { input, target, … }, got'
    await expectRejection(
      fitWith(() => x),
      'ERR_TORCH_TYPE',
      `${sentence} Tensor`,
    )
    await expectRejection(
      fitWith(async () => [x, x, x]),
      'ERR_TORCH_TYPE',
      `${sentence} [Tensor, Tensor, Tensor]`,
    )
    await expectRejection(
      fitWith(() => undefined),
      'ERR_TORCH_TYPE',
      `${sentence} undefined`,
    )
  })
})

describe('what can be iterated once', () => {
  function* batches(): Generator<Batch> {
    for (let i = 0; i < 3; i++) yield [torch.ones([2, 5, 1]), torch.ones([2, 5, 1])]
  }
  const trainer = (epochs: number): Trainer => {
    torch.manualSeed(0)
    return new Trainer(new GRUModel(1, 4, 1, { batchFirst: true }), { ...options, epochs })
  }

  test('is data for one epoch, and the second says so', async () => {
    expect((await trainer(1).fit(batches())).epochs).toHaveLength(1)
    await expectRejection(trainer(2).fit(batches()), 'ERR_TORCH_VALUE', 'could be iterated only once')
    await expectRejection(trainer(2).fit([]), 'ERR_TORCH_VALUE', 'the data has no batches')
  })

  test('is data for all epochs where each begins anew', async () => {
    expect((await trainer(3).fit({ [Symbol.iterator]: batches })).epochs).toHaveLength(3)
  })

  test('is opened for each pass by a function', async () => {
    let opened = 0
    async function open() {
      opened++
      return Readable.from(batches())
    }
    const wanted = await trainer(2).fit({ [Symbol.iterator]: batches }, { validation: batches })
    for (const data of [batches, open]) {
      const history = await trainer(2).fit(data, { validation: batches })
      expect(history.trainLosses).toEqual(wanted.trainLosses)
      expect(history.validationLosses).toEqual(wanted.validationLosses)
    }
    expect(opened).toBe(2)
    const own = trainer(1)
    expect((await own.evaluate(batches)).loss).toBeCloseTo((await own.evaluate([...batches()])).loss, 12)
    expect((await own.predict(batches)).shape).toEqual([6, 5, 1])
    await expectRejection(own.predict(batches, { batchSize: 2 }), 'ERR_TORCH_OPTION', 'batches already')
    await expectRejection(
      trainer(1).fit((() => 3) as never),
      'ERR_TORCH_TYPE',
      'what the data function returns must be',
    )
    const failing = trainer(1).fit(() => {
      throw new RangeError('no such stream')
    })
    await expect(failing).rejects.toThrow('no such stream')
  })

  test('is not three tensors', async () => {
    const x = torch.ones([2, 5, 1])
    await expectRejection(
      trainer(1).fit([x, x, x] as never),
      'ERR_TORCH_TYPE',
      'data must be [inputs, targets], but there are 3 tensors: give all by name',
    )
    expectError(
      () => new DataLoader([[1, 2, 3]] as never),
      'ERR_TORCH_TYPE',
      'got an array, whose first has 3 parts: name them, { input, target, … }',
    )
  })
})

describe('two series without a sequenceLength', () => {
  const [x, y] = series(40)
  const sentence =
    'Trainer: LSTMModel reads sequences, but inputs of shape (40, 1) with targets of shape (40, 1) are 40 samples without steps. For a series of 40 steps set sequenceLength'

  test('are refused for a model that reads sequences', async () => {
    const trainer = new Trainer(new LSTMModel(1, 4, 1), options)
    await expectRejection(trainer.fit([x, y]), 'ERR_TORCH_SHAPE', sentence)
    await expectRejection(trainer.fit(new TensorDataset(x, y)), 'ERR_TORCH_SHAPE', sentence)
    await expectRejection(trainer.evaluate(new DataLoader(new TensorDataset(x, y))), 'ERR_TORCH_SHAPE', sentence)
    const windows = new SequenceDataset(x, y, { sequenceLength: 10 })
    await expectRejection(trainer.fit(windows, { validation: [x, y] }), 'ERR_TORCH_SHAPE', sentence)
    const other = new Trainer(new SequenceModel(new nn.ChungGRU(1, 4), 1), options)
    await expectRejection(other.fit([x, y]), 'ERR_TORCH_SHAPE', 'SequenceModel reads sequences')
    expect((await trainer.fit(windows)).epochs).toHaveLength(2)
    expect(
      (await new Trainer(new LSTMModel(1, 4, 1), { ...options, sequenceLength: 10 }).fit([x, y])).epochs,
    ).toHaveLength(2)
  })

  test('rows of tokens are samples for a model with batchFirst, and refused without', async () => {
    const tokens = torch.randint(5, [6, 4])
    const training = (batchFirst: boolean) =>
      new Trainer(new LSTMModel(2, 3, 5, { embedding: 5, batchFirst }), { ...options, loss: 'crossEntropy' }).fit([
        tokens,
        tokens,
      ])
    expect((await training(true)).epochs).toHaveLength(2)
    await expectRejection(training(false), 'ERR_TORCH_SHAPE', 'LSTMModel without batchFirst reads tokens (L, N)')
  })

  test('are samples for any other', async () => {
    class Windowed extends LSTMModel {
      override forward(input: Tensor): Tensor {
        return super.forward(input.unsqueeze(2)).select(1, -1)
      }
    }
    const windows = x.flatten().unfold(0, 8, 1)
    const targets = y.narrow(0, 7, 33)
    const own = new Trainer(new Windowed(1, 4, 1, { batchFirst: true }), options)
    expect((await own.fit([windows, targets])).epochs).toHaveLength(2)
    const linear = new Trainer(new nn.Linear(1, 1), options)
    expect((await linear.fit([x, y])).epochs).toHaveLength(2)
  })
})

test('batches in another layout than the model’s are refused', async () => {
  const [x, y] = [torch.randn([6, 5, 1]), torch.randn([6, 5, 1])]
  const loader = new DataLoader(new TensorDataset(x, y), { batchSize: 3 })
  await expectRejection(
    new Trainer(new GRUModel(1, 4, 1), options).fit(loader),
    'ERR_TORCH_OPTION',
    'the DataLoader makes batches (N, L, …), but GRUModel reads (L, N, …): make the model with batchFirst: true',
  )
  await expectRejection(
    new Trainer(new GRUModel(1, 4, 1, { batchFirst: true }), options).fit(
      new DataLoader(new TensorDataset(x, y), { batchFirst: false }),
    ),
    'ERR_TORCH_OPTION',
    'the DataLoader makes batches (L, N, …), but GRUModel with batchFirst reads (N, L, …): give both batchFirst: true',
  )
  const text = new TextDataset(torch.arange(40).remainder(5), { batchSize: 2, sequenceLength: 4 })
  const model = new GRUModel(4, 4, 5, { embedding: 5 })
  await expectRejection(
    new Trainer(model, { ...options, loss: 'crossEntropy' }).fit(text),
    'ERR_TORCH_OPTION',
    'the TextDataset makes batches (N, L, …), but GRUModel reads (L, N, …)',
  )
})

test('a state is carried through batches that continue each other only', async () => {
  const trainer = new Trainer(new GRUModel(1, 4, 1, { batchFirst: true }), { ...options, carryState: true })
  const [x, y] = [torch.randn([6, 5, 1]), torch.randn([6, 5, 1])]
  const sentence = 'give batches that do, such as a TextDataset, not'
  await expectRejection(trainer.fit([x, y]), 'ERR_TORCH_OPTION', `${sentence} independent samples`)
  await expectRejection(trainer.fit(new TensorDataset(x, y)), 'ERR_TORCH_OPTION', sentence)
  const shuffling = new DataLoader(new TensorDataset(x, y), { shuffle: true })
  await expectRejection(trainer.fit(shuffling), 'ERR_TORCH_OPTION', `${sentence} a DataLoader that shuffles`)
  expect((await trainer.fit(new DataLoader(new TensorDataset(x, y), { batchSize: 2 }))).epochs).toHaveLength(2)
})

test('an iterator that does not keep the protocol is an error that says so', async () => {
  const trainer = new Trainer(new GRUModel(1, 2, 1), options)
  const of = (next: unknown) => ({ [Symbol.iterator]: () => next }) as never
  const result = "Trainer: what next() of the data's iterator returns must be an object, got 5"
  await expectRejection(trainer.fit(of({ next: () => 5 })), 'ERR_TORCH_TYPE', result)
  const late = { [Symbol.asyncIterator]: () => ({ next: async () => 5 }) } as never
  await expectRejection(trainer.fit(late), 'ERR_TORCH_TYPE', result)
  await expectRejection(
    trainer.fit(of(undefined)),
    'ERR_TORCH_TYPE',
    "Trainer: the data's iterator must be an object, got undefined",
  )
})

test('an iterator is told when a fit ends before its batches', async () => {
  const told: string[] = []
  const x = torch.ones([2, 1, 1])
  const next = () => ({ done: false as const, value: [x, x] as BatchPair })
  const back = (name: string) => {
    told.push(name)
    return { done: true, value: undefined } as const
  }
  const once = { ...options, epochs: 1, maxSteps: 3 }
  const sync = { [Symbol.iterator]: () => ({ next, return: () => back('sync') }) }
  const async = { [Symbol.asyncIterator]: () => ({ next: async () => next(), return: async () => back('async') }) }
  await new Trainer(new GRUModel(1, 2, 1), once).fit(sync)
  await new Trainer(new GRUModel(1, 2, 1), once).fit(async)
  expect(told).toEqual(['sync', 'async'])
})

test('a dataset whose order does not fit into memory is refused at once', async () => {
  const x = torch.ones([2, 1])
  const endless = { length: 2 ** 45, get: () => [x, x] as [Tensor, Tensor] }
  const message = /the order of 35184372088832 samples needs 524288.0 GiB, but this machine has \d+\.\d GiB/
  const trainer = new Trainer(new GRUModel(1, 2, 1), { ...options, shuffle: true })
  await expectRejection(trainer.fit(endless), 'ERR_TORCH_OUT_OF_MEMORY', message)
})
