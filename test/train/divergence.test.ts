import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type BatchPair, DataLoader, TensorDataset } from '../../lib/data/index.ts'
import { nn, type Tensor, TorchError, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel } from '../../lib/models/index.ts'
import { refusedLoss } from '../../lib/train/divergence.ts'
import { History, Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { collectGarbage, expectNoMoreTensors } from '../support/garbage.ts'

const options: TrainerOptions = { epochs: 3, batchSize: 4, shuffle: false, progress: false }
const CODE = 'ERR_TORCH_NON_FINITE'

const modelOf = () => new LSTMModel(2, 4, 1, { batchFirst: true })
const data = (): BatchPair => [torch.randn([12, 5, 2]), torch.randn([12, 5, 1])]

function weightsOf(model: nn.Module): unknown {
  return Object.values(model.stateDict()).map((tensor) => tensor.toArray())
}

function warningsOf(): unknown[] {
  const warnings: unknown[] = []
  const spy = vi.spyOn(process, 'emitWarning').mockImplementation((...args: unknown[]) => void warnings.push(args[0]))
  onTestFinished(() => spy.mockRestore())
  return warnings
}

describe.each([
  ['without autograd', 'mse'],
  ['by autograd', 'l1'],
] as const)('a loss that is not finite, %s', (_, loss) => {
  test('ends the fit before the weights are changed, with the place in the data', async () => {
    const [x, y] = data()
    x.select(0, 9).select(0, 3).narrow(0, 1, 1).fill_(Number.NaN)
    const model = modelOf()
    const trainer = new Trainer(model, { ...options, loss })
    const batches = new DataLoader(new TensorDataset(x.narrow(0, 0, 8), y.narrow(0, 0, 8)), { batchSize: 4 })
    const start = Object.entries(model.stateDict()).map(([name, tensor]) => [name, tensor.clone()])
    await new Trainer(model, { ...options, epochs: 1, loss }).fit(batches)
    const before = weightsOf(model)
    model.loadStateDict(Object.fromEntries(start))
    await expectRejection(
      trainer.fit([x, y]),
      CODE,
      'Trainer: epoch 1, step 3 of 3: the loss is NaN. It began in the data: input[1, 3, 1], in sample 9 of the data, is NaN. Fill or drop missing values',
    )
    // As after the two steps before.
    expect(weightsOf(model)).toEqual(before)
    expect(trainer.history?.epochs).toEqual([])
  })

  test('of a target, of validation data, and of batches of one’s own', async () => {
    const [x, y] = data()
    const bad = y.clone()
    bad.select(0, 5).select(0, 2).fill_(Number.POSITIVE_INFINITY)
    const trainer = new Trainer(modelOf(), { ...options, loss })
    await expectRejection(
      trainer.fit([x, bad]),
      CODE,
      'epoch 1, step 2 of 3: the loss is Infinity. It began in the data: target[1, 2, 0], in sample 5 of the data, is Infinity',
    )
    await expectRejection(
      trainer.fit([x, y], { validation: [x, bad] }),
      CODE,
      'Trainer: validation after epoch 1, step 2 of 3: the loss is Infinity. It began in the data',
    )
    expect(trainer.history?.epochs).toEqual([])
    const batches: BatchPair[] = [0, 4, 8].map((start) => [x.narrow(0, start, 4), bad.narrow(0, start, 4)])
    await expectRejection(
      trainer.fit(batches),
      CODE,
      'epoch 1, step 2 of 3: the loss is Infinity. It began in the data: target[1, 2, 0] is Infinity',
    )
    const samples = new TensorDataset(x, bad)
    await expectRejection(
      trainer.fit({ length: 12, batch: async (indices) => samples.batch(indices, true) }),
      CODE,
      'step 2 of 3: the loss is Infinity. It began in the data: target[1, 2, 0], in sample 5 of the data',
    )
  })

  test('of a parameter', async () => {
    const model = modelOf()
    torch.noGrad(() => model.lstm.weight_hh_l0?.select(0, 3).narrow(0, 2, 1).fill_(Number.NaN))
    await expectRejection(
      new Trainer(model, { ...options, loss }).fit(data()),
      CODE,
      'epoch 1, step 1 of 3: the loss is NaN. It began in a parameter: lstm.weight_hh_l0[3, 2] has been NaN since the previous step, or since it was loaded: a lower lr, or clipGradNorm',
    )
  })

  test('of a learning rate that is too high', async () => {
    const trainer = new Trainer(new nn.Linear(2, 1), {
      ...options,
      epochs: 200,
      optimizer: 'sgd',
      lr: 1e6,
      loss: 'mse',
    })
    const x = torch.randn([12, 2]).mul(100)
    const error = await expectRejection(
      trainer.fit([x, x.sum(1, true)]),
      CODE,
      /the loss is (Infinity|NaN)\. (The model's outputs have grown to|It began in the model)/,
    )
    expect(error.message).toContain('a lower lr, or clipGradNorm, keeps the weights in bounds')
  })

  test('leaves no tensors behind, and the trainer can be used again', async () => {
    const [x, y] = data()
    const bad = x.clone()
    bad.select(0, 7).fill_(Number.NaN)
    const trainer = new Trainer(modelOf(), { ...options, loss })
    await trainer.fit([x, y])
    await expectRejection(trainer.fit([bad, y]), CODE, 'step 2 of 3')
    await collectGarbage()
    const before = torch.memory().tensors
    for (let i = 0; i < 3; i++) await expectRejection(trainer.fit([bad, y]), CODE, 'step 2 of 3')
    await expectNoMoreTensors(before)
    expect((await trainer.fit([x, y])).epochs).toHaveLength(3)
  })

  test('is warned of once, or ignored, where that is asked for', async () => {
    const [x, y] = data()
    x.select(0, 9).fill_(Number.NaN)
    const warnings = warningsOf()
    const history = await new Trainer(modelOf(), { ...options, loss, nonFinite: 'warn' }).fit([x, y])
    expect(history.trainLosses).toEqual([Number.NaN, Number.NaN, Number.NaN])
    expect(history.best).toBeUndefined()
    expect(warnings).toEqual([
      'Trainer: epoch 1, step 3 of 3: the loss is NaN. It began in the data: input[1, 0, 0], in sample 9 of the data, is NaN. Fill or drop missing values',
    ])
    const ignoring = new Trainer(modelOf(), { ...options, loss, nonFinite: 'ignore' })
    expect((await ignoring.fit([x, y])).trainLosses).toEqual([Number.NaN, Number.NaN, Number.NaN])
    expect(warnings).toHaveLength(1)
  })
})

test('it may begin in the loss function, or in the model', async () => {
  const loss = (output: Tensor, target: Tensor): Tensor => output.sub(target).mul(0).mean().log()
  await expectRejection(
    new Trainer(modelOf(), { ...options, loss }).fit(data()),
    CODE,
    'the loss is -Infinity. It began in the loss function: output and target are finite',
  )
  class Broken extends nn.Module {
    readonly linear = new nn.Linear(2, 1)
    override forward(input: Tensor): Tensor {
      return this.linear.forward(input).mul(0).log()
    }
  }
  const model = new Broken()
  torch.noGrad(() => model.linear.bias?.fill_(-7))
  await expectRejection(
    new Trainer(model, { ...options, loss: 'mse' }).fit([torch.randn([4, 2]), torch.ones([4, 1])]),
    CODE,
    'It began in the model: its output[0, 0] is -Infinity, although input and parameters are finite (the largest is 7.00, in linear.bias)',
  )
})

test('evaluate gives what it is', async () => {
  const [x, y] = data()
  x.select(0, 9).fill_(Number.NaN)
  expect((await new Trainer(modelOf(), options).evaluate([x, y])).loss).toBeNaN()
})

test('the best epoch is none of NaN', () => {
  const history = new History()
  const add = (trainLoss: number, validationLoss?: number) =>
    history.epochs.push({
      epoch: history.epochs.length + 1,
      trainLoss,
      seconds: 1,
      ...(validationLoss === undefined ? {} : { validationLoss }),
    })
  add(Number.NaN)
  expect(history.best).toBeUndefined()
  add(8)
  add(7)
  add(Number.NaN)
  expect(history.best?.epoch).toBe(3)
  add(9, 1)
  add(0.1, Number.NaN)
  expect(history.best?.epoch).toBe(5)
  const infinite = new History()
  infinite.epochs.push({ epoch: 1, trainLoss: Number.POSITIVE_INFINITY, seconds: 1 })
  expect(infinite.best?.epoch).toBe(1)
})

test('weights that are too large are named, not the loss function', async () => {
  const x = torch.ones([4, 2, 1])
  const trainer = new Trainer(new GRUModel(1, 2, 1, { batchFirst: true }), { progress: false, epochs: 1 })
  const weight = torch.full([4, 2], 1e38)
  await expectRejection(
    trainer.fit({ input: x, target: x.mul(100), weight }),
    'ERR_TORCH_NON_FINITE',
    'The weights of the batch go up to 1.00e+38, and the loss is a sum over them: scale them down',
  )
})

test.each(['nan', '-nan'])('a loss of %s is NaN', (value) => {
  expect(refusedLoss(new TorchError('ERR_TORCH_NON_FINITE', `the loss is not finite: ${value}`))).toBe('NaN')
})

test.each([
  [{ init: { bias: Number.NaN } }, 'Trainer: init: bias must be a finite number, got NaN'],
  [
    { init: { forgetBias: Number.POSITIVE_INFINITY } },
    'Trainer: init: forgetBias must be a finite number, got Infinity',
  ],
  [{ weightDecay: Number.POSITIVE_INFINITY }, 'Trainer: weightDecay must be a finite number, got Infinity'],
] as [TrainerOptions, string][])('what is not finite from the start is refused: %j', (options, message) => {
  expectError(() => new Trainer(new LSTMModel(1, 2, 1), options), 'ERR_TORCH_VALUE', message)
})
