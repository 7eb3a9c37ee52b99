// Predictions for datasets, loaders and tensors by name.
import { describe, expect, test } from 'vitest'
import {
  DataLoader,
  type DataLoaderOptions,
  type Dataset,
  LengthBucketSampler,
  SequenceDataset,
  StackDataset,
  TensorDataset,
} from '../../lib/data/index.ts'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel } from '../../lib/models/index.ts'
import { Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectRejection } from '../support/error.ts'

torch.setNumThreads(1)

const quiet: TrainerOptions = { progress: false, batchSize: 2 }
const generator = new torch.Generator().manualSeed(3)
/** 7 samples (N, L, I), and their lengths. */
const input = torch.randn([7, 5, 3], { generator })
const target = torch.zeros([7, 2])
const lengths = torch.tensor([5, 1, 3, 2, 4, 5, 2], { dtype: 'int64' })

describe.each([true, false])('with batchFirst %s', (batchFirst) => {
  const own = batchFirst ? input : input.transpose(0, 1)
  test.each([{}, { output: 'last' }, { output: 'last', horizon: 3 }, { output: 'mean' }] as const)(
    'data give the outputs of their samples, in their order: %o',
    async (options) => {
      const model = new GRUModel(3, 4, 2, { batchFirst, outputDropout: 0.5, ...options })
      const trainer = new Trainer(model, quiet)
      const wanted = model.clone().eval().forward(own).detach()
      const predict = async (data: Parameters<Trainer['predict']>[0], more: object = {}): Promise<void> => {
        expectClose(await trainer.predict(data, more), wanted)
      }
      await predict(own)
      await predict({ input })
      await predict({ input }, { batchSize: 3 })
      await predict({ input, target })
      await predict([input, target], { batchSize: 1 })
      await predict(new TensorDataset(input, target), { batchSize: 3 })
      await predict(new DataLoader(new TensorDataset(input, target), { batchSize: 4, batchFirst }))
      const dim = batchFirst ? 0 : 1
      await predict([0, 3].map((start) => ({ input: own.narrow(dim, start, start === 0 ? 3 : 4), target })))
      expect(model.training).toBe(true)
    },
  )

  test('lengths reach the model, and shorter outputs are continued with zeros', async () => {
    const model = new GRUModel(3, 4, 2, { batchFirst })
    const trainer = new Trainer(model, quiet)
    const wanted = model.forward(own, { lengths }).detach()
    expectClose(await trainer.predict({ input, lengths }, { batchSize: 2 }), wanted)
    expectClose(await trainer.predict(new StackDataset({ input, target, lengths }), { batchSize: 3 }), wanted)
    // Batches as long as their longest sequence.
    const samples = Array.from({ length: 7 }, (_, i) => {
      const length = Number(lengths.index(i).item())
      return [input.index(i).narrow(0, 0, length), torch.zeros([length, 2])] as [Tensor, Tensor]
    })
    const loader = new DataLoader(samples.slice(1, 4), { batchSize: 2, batchFirst })
    const found = await trainer.predict(loader)
    const dim = batchFirst ? 0 : 1
    expectClose(found, wanted.narrow(dim, 1, 3).narrow(1 - dim, 0, 3))
  })
})

test.each([true, false])(
  'a loader in another order gives row i for sample i, with batchFirst %s',
  async (batchFirst) => {
    const model = new GRUModel(3, 4, 2, { batchFirst })
    const trainer = new Trainer(model, quiet)
    const own = batchFirst ? input : input.transpose(0, 1)
    const wanted = model.forward(own, { lengths }).detach()
    const set = new StackDataset({ input, target, lengths })
    const sizes = [5, 1, 3, 2, 4, 5, 2]
    const seeded = new torch.Generator().manualSeed(1)
    const orders: DataLoaderOptions[] = [
      { batchSize: 3, shuffle: true, seed: 1 },
      { batchSampler: new LengthBucketSampler(sizes, { batchSize: 2 }) },
      { batchSampler: new LengthBucketSampler(sizes, { batchSize: 2, shuffle: true, generator: seeded }) },
      { batchSize: 2, sampler: [6, 5, 4, 3, 2, 1, 0] },
    ]
    for (const order of orders)
      expectClose(await trainer.predict(new DataLoader(set, { batchFirst, ...order })), wanted)
    const first = new DataLoader(set, { batchFirst, batchSize: 3, dropLast: true })
    expectClose(await trainer.predict(first), wanted.narrow(batchFirst ? 0 : 1, 0, 6))
  },
)

test('an async dataset, and windows of a series', async () => {
  const model = new GRUModel(3, 4, 2, { batchFirst: true, output: 'last' })
  const trainer = new Trainer(model, quiet)
  const rows = new TensorDataset(input, target)
  const later: Dataset = {
    length: 7,
    batch: async (indices, batchFirst) => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      return rows.batch(indices, batchFirst)
    },
  }
  expectClose(await trainer.predict(later, { batchSize: 3 }), model.forward(input))
  const series = input.index(0)
  const windows = new SequenceDataset(series, torch.zeros([5, 2]), { sequenceLength: 3 })
  const cut = torch.stack([0, 1, 2].map((start) => series.narrow(0, start, 3)))
  expectClose(await trainer.predict(windows), model.forward(cut))
})

test('memory is that of the outputs, and the event loop goes on', async () => {
  const model = new GRUModel(3, 64, 2, { batchFirst: true, output: 'last' })
  const trainer = new Trainer(model, quiet)
  const many = torch.randn([512, 100, 3])
  const before = torch.memory().tensors
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  const output = await trainer.predict({ input: many }, { batchSize: 16 })
  clearInterval(timer)
  expect(ticks).toBeGreaterThan(3)
  expect(torch.memory().tensors).toBeLessThanOrEqual(before + 1)
  expect(output.shape).toEqual([512, 2])
})

test('what cannot be predicted', async () => {
  const trainer = new Trainer(new GRUModel(3, 4, 2, { batchFirst: true, output: 'last' }), quiet)
  const bad = (data: unknown, options: object = {}): Promise<unknown> => trainer.predict(data as Tensor, options)
  const set = new TensorDataset(input, target)
  await expectRejection(
    bad(new DataLoader(set, { sampler: [0, 3, 1], batchSize: 2 })),
    'ERR_TORCH_OPTION',
    'predict: the loader leaves out sample 2, so row i would not be the output of sample i: give it a Subset',
  )
  await expectRejection(
    bad(
      new DataLoader(set, {
        batchSampler: [
          [1, 0],
          [2, 1],
        ],
      }),
    ),
    'ERR_TORCH_OPTION',
    'predict: the loader draws sample 1 twice',
  )
  await expectRejection(bad(new DataLoader(set), { batchSize: 2 }), 'ERR_TORCH_OPTION', 'batchSize has no effect')
  await expectRejection(bad({ input }, { batchSize: 0 }), 'ERR_TORCH_VALUE', 'batchSize must be a positive integer')
  await expectRejection(bad({ input }, { cudaGraph: true }), 'ERR_TORCH_OPTION', 'cudaGraph is for a tensor of inputs')
  await expectRejection(bad([]), 'ERR_TORCH_VALUE', 'the data has no batches')
  await expectRejection(bad({ inputs: input }), 'ERR_TORCH_TYPE', 'data must be a DataLoader, a dataset')
  await expectRejection(bad({ input: 3 }), 'ERR_TORCH_TYPE', 'input must be a Tensor')
  await expectRejection(bad(3), 'ERR_TORCH_TYPE', 'inputs must be a Tensor')
  class Sum extends nn.Module {
    readonly factor = new nn.Parameter(torch.ones([1]))
    override forward(x: Tensor): Tensor {
      return x.mul(this.factor).sum()
    }
  }
  const sum = new Trainer(new Sum(), quiet)
  await expectRejection(sum.predict({ input }), 'ERR_TORCH_SHAPE', 'an output of shape (), which has no dimension for')
})
