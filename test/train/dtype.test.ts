import { expect, test } from 'vitest'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel } from '../../lib/models/index.ts'
import { Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

const x = torch.linspace(-1, 1, 48).reshape([8, 3, 2])
const y = x.sum(2, true)
const options: TrainerOptions = { progress: false, shuffle: false, batchSize: 4, epochs: 3, lr: 0.01 }

test('float64: weights, batches, losses and predictions are as in a loop in float64', async () => {
  const model = torch.forkRng(() => {
    torch.manualSeed(0)
    return new LSTMModel(2, 4, 1, { batchFirst: true })
  })
  const byHand = model.clone().double()
  const optimizer = new optim.Adam(byHand.parameters(), { lr: 0.01 })
  const losses: number[] = []
  for (let epoch = 0; epoch < 3; epoch++) {
    let sum = 0
    for (const start of [0, 4]) {
      const [input, target] = [x, y].map((all) => all.narrow(0, start, 4).double()) as [Tensor, Tensor]
      optimizer.zeroGrad()
      const loss = new nn.MSELoss().forward(byHand.forward(input), target)
      loss.backward()
      optimizer.step()
      sum += loss.item<number>()
    }
    losses.push(sum / 2)
  }
  const trainer = new Trainer(model, { ...options, dtype: 'float64' })
  expect(model.linear.weight.dtype).toBe('float64')
  const { trainLosses } = await trainer.fit([x, y])
  expectClose(trainLosses, losses, { rtol: 1e-13 })
  expectClose(model.linear.weight, byHand.linear.weight.toArray() as number[][], { rtol: 1e-12 })
  const predicted = await trainer.predict(x)
  expect(predicted.dtype).toBe('float64')
  expect(predicted.equal(trainer.predictSync(x))).toBe(true)
  expectClose(predicted, byHand.forward(x.double()).toArray() as never, { rtol: 1e-11 })
  expect((await trainer.predict({ input: x, lengths: torch.full([8], 3, { dtype: 'int64' }) })).dtype).toBe('float64')
})

test('float32: data in float64 can be used as they are, with lengths, weights, metrics and accumulation', async () => {
  const wide = { input: x.double(), target: y.double(), weight: torch.ones([8], { dtype: 'float64' }) }
  const lengths = torch.tensor([3, 2, 3, 1, 3, 3, 2, 3], { dtype: 'int64' })
  const losses = async (data: object, more: TrainerOptions) => {
    torch.manualSeed(0)
    const model = new GRUModel(2, 4, 1, { batchFirst: true })
    const trainer = new Trainer(model, { ...options, accumulateGradBatches: 2, metrics: ['mae'], ...more })
    const { epochs } = await trainer.fit({ ...data, lengths } as never, { validation: { ...data, lengths } as never })
    return epochs.map(({ seconds, ...result }) => result)
  }
  const narrow = Object.fromEntries(Object.entries(wide).map(([name, tensor]) => [name, tensor.float()]))
  const expected = await losses(narrow, {})
  expect(await losses(wide, { dtype: 'float32' })).toEqual(expected)
  expect(await losses(wide, {}).catch((error: Error) => error.message)).toMatch(/dtype/)
})

test('bfloat16 learns, in steps that it can represent', async () => {
  torch.manualSeed(0)
  const model = new GRUModel(2, 8, 1, { batchFirst: true })
  const trainer = new Trainer(model, { ...options, epochs: 30, lr: 0.03, dtype: 'bfloat16', metrics: ['mae'] })
  const { trainLosses } = await trainer.fit([x, y])
  expect(model.linear.weight.dtype).toBe('bfloat16')
  expect(trainLosses.at(-1)).toBeLessThan((trainLosses[0] as number) / 4)
  expect((await trainer.predict(x)).dtype).toBe('bfloat16')
})

test('a loss module is converted, classes and tokens are not', async () => {
  const tokens = torch.arange(12, { dtype: 'int64' }).remainder(4).reshape([4, 3])
  const loss = new nn.CrossEntropyLoss({ weight: torch.tensor([1, 2, 3, 4]) })
  const model = new GRUModel(2, 4, 4, { batchFirst: true, embedding: 4 })
  const trainer = new Trainer(model, { ...options, loss, dtype: 'float64' })
  expect((await trainer.fit([tokens, tokens])).trainLosses).toHaveLength(3)
  expect(loss.weight?.dtype).toBe('float64')
})

test('what cannot be is refused', () => {
  const make = (more: TrainerOptions) => new Trainer(new GRUModel(1, 1, 1), more)
  expectError(
    () => make({ dtype: 'float16' as never }),
    'ERR_TORCH_VALUE',
    "use autocast: 'float16', which scales them",
  )
  expectError(() => make({ dtype: 'int64' as never }), 'ERR_TORCH_VALUE', "dtype must be 'float32', 'float64' or")
  const both = { dtype: 'float64', autocast: 'bfloat16' } as const
  expectError(() => make(both), 'ERR_TORCH_OPTION', "dtype cannot be 'float64'")
  expect(make({ ...both, dtype: 'float32' }).model).toBeDefined()
})
