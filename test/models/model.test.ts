import { expect, test } from 'vitest'
import { nn, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, RecurrentModel, RNNModel } from '../../lib/models/index.ts'
import type { LSTMOptions } from '../../lib/nn/lstm.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

interface Case {
  kind: 'RNN' | 'LSTM' | 'GRU'
  options: LSTMOptions
  output: number[]
  unbatched: number[]
  losses: number[]
  trained: Record<string, number[]>
}

const MODELS = { RNN: RNNModel, LSTM: LSTMModel, GRU: GRUModel }
const cases = readFixture<Case[]>('models').map((one) => [`${one.kind} ${JSON.stringify(one.options)}`, one] as const)

test.each(cases)('%s computes and learns what PyTorch does', async (_, one) => {
  torch.manualSeed(1)
  const model = new MODELS[one.kind](3, 4, 2, one.options)
  const [x, y] = [torch.randn([5, 6, 3]), torch.randn([5, 6, 2])]
  const output = model.forward(x)
  expect(output.shape).toEqual([5, 6, 2])
  expectClose(output.flatten(), one.output)
  expectClose(model.forward(x.index(0)).flatten(), one.unbatched)

  const trainer = new Trainer(model, {
    epochs: 3,
    batchSize: 6,
    shuffle: false,
    lr: 0.01,
    clipGradNorm: 0.5,
    progress: false,
  })
  const batches = (): [typeof x, typeof y][] => [[x, y]]
  const { trainLosses } = await trainer.fit({ [Symbol.iterator]: () => batches()[Symbol.iterator]() })
  expectClose(trainLosses, one.losses)
  const trained = model.stateDict()
  expect(Object.keys(trained)).toEqual(Object.keys(one.trained))
  for (const [name, values] of Object.entries(one.trained)) {
    expectClose((trained[name] as typeof x).flatten(), values, { atol: 1e-5 })
  }
})

test('RNNModel starts from zeros of the dtype and batch of its input', () => {
  const model = new RNNModel(3, 4, 1, { numLayers: 2, bidirectional: true, dtype: 'float64' })
  const state = model.zeroState(torch.ones([5, 7, 3], { dtype: 'float64' }))
  expect(state.shape).toEqual([4, 7, 4])
  expect(state.dtype).toBe('float64')
  expect(state.countNonzero().item()).toBe(0)
  expect(model.zeroState(torch.ones([5, 3])).shape).toEqual([4, 4])
  expect(model.linear.weight.dtype).toBe('float64')
})

test('is told apart from other modules, and prints as one', () => {
  const model = new GRUModel(1, 2, 3, { batchFirst: true })
  expect(model).toBeInstanceOf(RecurrentModel)
  expect(model).toMatchObject({ inputSize: 1, hiddenSize: 2, outputSize: 3, batchFirst: true })
  expect(String(model)).toBe(
    'GRUModel(\n  (gru): GRU(1, 2, batch_first=True)\n  (linear): Linear(in_features=2, out_features=3, bias=True)\n)',
  )
})

test.each(Object.values(MODELS))('%o refuses what its parts refuse', (Model) => {
  expectError(() => new Model(1, 2, 3, { hidden: 1 } as never), 'ERR_TORCH_OPTION', "unknown option 'hidden'")
  expectError(() => new Model(1, 0, 3), 'ERR_TORCH_VALUE', 'hidden')
  expectError(() => new Model(1, 2, -3), 'ERR_TORCH_VALUE', 'outFeatures')
  expectError(() => new Model(1, 2, 3).forward(torch.ones([4, 2])), 'ERR_TORCH_SHAPE', 'Expected 1, got 2')
  expectError(() => new Model(1, 2, 3).forward([1] as never), 'ERR_TORCH_TYPE', 'Tensor')
})

test('numbers that are no integers are refused by an embedding, with advice', () => {
  const model = new GRUModel(2, 3, 4, { embedding: 5, batchFirst: true })
  const ids = torch.tensor([[1, 2, 3]])
  expect(ids.dtype).toBe('float32')
  for (const input of [ids, nn.utils.rnn.packPaddedSequence(ids, [3], { batchFirst: true })]) {
    expectError(
      () => model.forward(input),
      'ERR_TORCH_DTYPE',
      "GRUModel: with an embedding the input must be integers, int64 or int32, got float32: make it with torch.tensor(ids, { dtype: 'int64' })",
    )
  }
  expect(model.forward(ids.int()).equal(model.forward(ids.long()))).toBe(true)
})
