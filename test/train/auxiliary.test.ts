import { describe, expect, test } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel } from '../../lib/models/index.ts'
import {
  type AuxiliaryInputs,
  activationRegularization,
  l1Regularization,
  Trainer,
  type TrainerOptions,
  temporalActivationRegularization,
} from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectRejection } from '../support/error.ts'

const quiet: TrainerOptions = { progress: false, epochs: 1, batchSize: 6, shuffle: false, optimizer: 'sgd', lr: 1 }
const x = torch.randn([6, 5, 2], { generator: new torch.Generator().manualSeed(1) })
const y = torch.randn([6, 5, 1], { generator: new torch.Generator().manualSeed(2) })

function modelOf(batchFirst = true): GRUModel {
  return torch.forkRng(() => {
    torch.manualSeed(0)
    return new GRUModel(2, 4, 1, { batchFirst })
  })
}

/** The weights after one step of SGD on a loss that is written by hand. */
function byHand(model: GRUModel, loss: (model: GRUModel, hidden: Tensor, output: Tensor) => Tensor): unknown {
  const [hidden] = model.gru.forward(x)
  const output = model.linear.forward(hidden)
  const total = output
    .sub(y)
    .square()
    .mean()
    .add(loss(model, hidden, output))
  total.backward()
  return [...model.parameters()].map((parameter) => parameter.detach().sub(parameter.grad as Tensor))
}

const weights = (model: nn.Module) => [...model.parameters()]

describe.each([
  ['activationRegularization', activationRegularization(0.5), (_: GRUModel, h: Tensor) => h.square().mean().mul(0.5)],
  [
    'temporalActivationRegularization',
    temporalActivationRegularization(0.5),
    (_: GRUModel, h: Tensor) =>
      h
        .narrow(1, 1, 4)
        .sub(h.narrow(1, 0, 4))
        .square()
        .mean()
        .mul(0.5),
  ],
  [
    'l1Regularization',
    l1Regularization(0.01, /weight_hh/),
    (model: GRUModel) => (model.gru.weight_hh_l0 as Tensor).abs().sum().mul(0.01),
  ],
  [
    'a function',
    { loss: ({ output, batch }: AuxiliaryInputs) => output.mul(batch.input.size(1)).abs().mean() },
    (_: GRUModel, __: Tensor, output: Tensor) => output.abs().mean().mul(5),
  ],
] as const)('%s', (_, auxiliary, loss) => {
  test('is added to the loss, and not to its value', async () => {
    const expected = byHand(modelOf(), loss) as Tensor[]
    for (const accumulateGradBatches of [1, 2]) {
      const model = modelOf()
      const { trainLosses } = await new Trainer(model, {
        ...quiet,
        accumulateGradBatches,
        auxiliaryLosses: [auxiliary],
      }).fit([x, y])
      for (const [i, weight] of weights(model).entries()) expectClose(weight, expected[i]?.toArray() as number[])
      expect(trainLosses[0]).toBeCloseTo((await new Trainer(modelOf(), quiet).evaluate([x, y])).loss, 6)
    }
  })
})

test('steps are those of the layout', async () => {
  const [one, other] = [modelOf(true), modelOf(false)]
  const auxiliaryLosses = [temporalActivationRegularization(2)]
  for (const model of [one, other]) await new Trainer(model, { ...quiet, auxiliaryLosses }).fit([x, y])
  for (const [i, weight] of weights(one).entries()) expectClose(weight, weights(other)[i]?.toArray() as number[])
})

describe('refuses', () => {
  test.each([
    [3, /auxiliaryLosses must be an array of/],
    [[{}], /auxiliaryLosses: loss must be a function/],
    [[{ loss: () => {}, weight: -1 }], /auxiliaryLosses: weight must be a non-negative number/],
    [[{ loss: () => {}, factor: 2 }], /unknown option 'factor'/],
  ])('%j', (auxiliaryLosses, message) => {
    expect(() => new Trainer(modelOf(), { auxiliaryLosses: auxiliaryLosses as never })).toThrow(message)
  })

  test('what is no tensor, has no hidden states or is packed', async () => {
    const train = (model: nn.Module, auxiliary: object, lengths?: Tensor) =>
      new Trainer(model as GRUModel, { ...quiet, auxiliaryLosses: [auxiliary as never] }).fit(
        lengths === undefined ? [x, y] : { input: x, target: y, lengths },
      )
    await expectRejection(
      train(modelOf(), { loss: () => 3 }),
      'ERR_TORCH_TYPE',
      'an auxiliary loss must return a Tensor',
    )
    await expectRejection(
      train(new nn.Linear(2, 1), activationRegularization(1)),
      'ERR_TORCH_OPTION',
      'reads the hidden states, which only models of libtorch-rnn/models have',
    )
    const lengths = torch.tensor([5, 4, 3, 2, 1, 5], { dtype: 'int64' })
    await expectRejection(
      train(modelOf(), temporalActivationRegularization(1), lengths),
      'ERR_TORCH_OPTION',
      'their steps are not neighbours',
    )
    await expectRejection(
      train(modelOf(), l1Regularization(1, /nothing/)),
      'ERR_TORCH_VALUE',
      'no parameter of the model',
    )
    expect((await train(modelOf(), activationRegularization(1), lengths)).epochs).toHaveLength(1)
    expect(() => l1Regularization(1, 'weight' as never)).toThrow(/names must be a regular expression/)
    expect(() => activationRegularization(-1)).toThrow(/weight must be a non-negative number/)
    expect(() => temporalActivationRegularization('1' as never)).toThrow(/weight must be a non-negative number/)
  })
})
