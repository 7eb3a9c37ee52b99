import { describe, expect, it } from 'vitest'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, RNNModel } from '../../lib/models/index.ts'
import { Trainer, TrainingStep } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { collectGarbage } from '../support/garbage.ts'

const MODELS = { LSTMModel, GRUModel, RNNModel } as const
const data = (): { x: ReturnType<typeof torch.randn>; y: ReturnType<typeof torch.randn> } => ({
  x: torch.randn([6, 5, 3]),
  y: torch.randn([6, 5, 2]),
})

describe.each(Object.entries(MODELS))('a TrainingStep of an %s', (_, Model) => {
  it.each(['mse', 'l1'] as const)('does what a loop by hand does, with loss %s', (loss) => {
    torch.manualSeed(1)
    const { x, y } = data()
    const [model, other] = [new Model(3, 8, 2, { numLayers: 2 }), new Model(3, 8, 2, { numLayers: 2 })]
    other.loadStateDict(model.stateDict())
    const step = new TrainingStep(model, {
      optimizer: new optim.Adam(model.parameters(), { lr: 0.02, amsgrad: true }),
      loss,
      clipGradNorm: 0.1,
    })
    const optimizer = new optim.Adam(other.parameters(), { lr: 0.02, amsgrad: true })
    const criterion = loss === 'mse' ? new nn.MSELoss() : new nn.L1Loss()
    for (let i = 0; i < 10; i++) {
      optimizer.zeroGrad()
      const expected = criterion.forward(other.forward(x), y)
      expected.backward()
      nn.utils.clipGradNorm_(other.parameters(), 0.1)
      optimizer.step()
      const found = step.run(x, y)
      expect(found.requiresGrad).toBe(false)
      expectClose(found, expected.detach(), { rtol: 1e-5 })
    }
    const theirs = [...other.parameters()]
    for (const [i, parameter] of [...model.parameters()].entries()) {
      expectClose(parameter.detach(), (theirs[i] as nn.Parameter).detach(), { rtol: 1e-4, atol: 1e-5 })
    }
  })
})

describe('TrainingStep', () => {
  it('is queued in offload, and takes a model in evaluation mode back to training', async () => {
    const { x, y } = data()
    const model = new LSTMModel(3, 8, 2)
    model.eval()
    const step = new TrainingStep(model, { optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }) })
    const losses: number[] = []
    for (let i = 0; i < 3; i++) losses.push((await torch.offload(() => step.run(x, y))).item() as number)
    expect(losses[2]).toBeLessThan(losses[0] as number)
    expect(model.training).toBe(true)
  })

  it('holds no memory', async () => {
    const { x, y } = data()
    const model = new GRUModel(3, 8, 2)
    const step = new TrainingStep(model, { optimizer: new optim.AdamW(model.parameters()) })
    step.run(x, y).dispose()
    await collectGarbage()
    const { tensors, bytes } = torch.memory()
    for (let i = 0; i < 10; i++) step.run(x, y).dispose()
    expect(torch.memory()).toEqual({ tensors, bytes })
  })

  it('is what a Trainer takes: the losses are the same with and without autograd', async () => {
    const { x, y } = data()
    const losses: number[][] = []
    for (const loss of ['mse', (output: Tensor, target: Tensor) => new nn.MSELoss().forward(output, target)] as const) {
      torch.manualSeed(3)
      const model = new LSTMModel(3, 8, 2, { batchFirst: true })
      const trainer = new Trainer(model, {
        epochs: 5,
        batchSize: 4,
        lr: 0.05,
        seed: 1,
        loss,
        progress: false,
      })
      const { epochs } = await trainer.fit([x, y], { validation: [x, y] })
      losses.push(epochs.flatMap(({ trainLoss, validationLoss }) => [trainLoss, validationLoss as number]))
    }
    expectClose(losses[0] as number[], losses[1] as number[], { rtol: 1e-5 })
  })

  it('says what it cannot use', () => {
    const model = new LSTMModel(3, 8, 2)
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 })
    const make = (options: object, on: unknown = model) => new TrainingStep(on as LSTMModel, options as never)
    expectError(() => make({ optimizer }, 3), 'ERR_TORCH_TYPE', 'model must be a Module, got 3')
    expectError(() => make({}), 'ERR_TORCH_TYPE', 'optimizer must be an Optimizer, got undefined')
    const lbfgs = new optim.LBFGS(model.parameters())
    expectError(() => make({ optimizer: lbfgs }), 'ERR_TORCH_VALUE', /^TrainingStep: LBFGS evaluates the loss several/)
    expectError(() => make({ optimizer, lr: 3 }), 'ERR_TORCH_OPTION', 'lr')
    expectError(() => make({ optimizer, clipGradNorm: -1 }), 'ERR_TORCH_VALUE', 'positive number, got -1')
    expectError(() => make({ optimizer, loss: 'mes' }), 'ERR_TORCH_VALUE', 'loss must be mse')
    const step = make({ optimizer })
    expectError(() => step.run(3 as never, torch.zeros([1])), 'ERR_TORCH_TYPE', 'input must be a Tensor, got 3')
    expectError(
      () => step.run(torch.zeros([5, 1, 3]), null as never),
      'ERR_TORCH_TYPE',
      'target must be a Tensor, got null',
    )
    expectError(() => step.run(torch.zeros([5, 1, 4]), torch.zeros([5, 1, 2])), 'ERR_TORCH_SHAPE', 'Expected 3, got 4')
  })
})
