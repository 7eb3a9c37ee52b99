import { expect, test } from 'vitest'
import { nn, torch } from '../../lib/index.ts'
import { GRUModel, RecurrentModel, SequenceModel } from '../../lib/models/index.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

// Tiny operations are slower on two threads, above all where others use the cores.
torch.setNumThreads(1)

const options = { numLayers: 2, bidirectional: true, batchFirst: true } as const

test('is what the models of its parts are', () => {
  torch.manualSeed(1)
  const expected = new GRUModel(3, 4, 2, options)
  torch.manualSeed(1)
  const model = new SequenceModel(new nn.GRU(3, 4, options), 2)
  const x = torch.randn([2, 5, 3])
  expect(model).toBeInstanceOf(RecurrentModel)
  expect(model).toMatchObject({ inputSize: 3, hiddenSize: 4, outputSize: 2, batchFirst: true })
  expectClose(model.forward(x), expected.forward(x).toArray() as number[][][])
  expectClose(model.forward(x.index(0)), expected.forward(x.index(0)).toArray() as number[][])
  expect(Object.keys(model.stateDict())).toEqual(
    Object.keys(expected.stateDict()).map((name) => name.replace(/^gru/, 'network')),
  )
})

test.each([
  new nn.PeepholeLSTM(2, 8, {
    peephole: 'full',
    forgetInCandidate: true,
    gateActivation: 'hardSigmoid',
    dtype: 'float64',
  }),
  new nn.PeepholeLSTM(2, 8, { batchFirst: true, activation: 'softsign', projSize: 4 }),
  new nn.ChungGRU(2, 8, { gateActivation: 'elliottSigmoid', batchFirst: true }),
])('trains: %s', async (network) => {
  torch.manualSeed(2)
  network.resetParameters()
  const model = new SequenceModel(network, 1)
  const { dtype } = model.linear.weight
  const inputs = torch.rand([48, 6, 2], { dtype })
  const targets = inputs.sum(2, { keepdim: true }).cumsum(1).div(4)
  const settings = { epochs: 10, batchSize: 24, lr: 0.03, seed: 1, progress: false }
  const { trainLosses } = await new Trainer(model, settings).fit([inputs, targets])
  expect(trainLosses.at(-1)).toBeLessThan((trainLosses[0] as number) / 3)
})

test('refuses what is no recurrent network', () => {
  expectError(() => new SequenceModel(new nn.Linear(1, 2) as never, 1), 'ERR_TORCH_TYPE', 'must be a recurrent module')
  expectError(() => new SequenceModel(new nn.ChungGRU(1, 2), -3), 'ERR_TORCH_VALUE', 'outFeatures')
})
