import { expect, test } from 'vitest'
import { GRUModel, LSTMModel, RNNModel } from '../../lib/models/index.ts'
import { MSELoss, utils } from '../../lib/nn/index.ts'
import { Adam, type Optimizer, SGD } from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { describeCuda, useTf32 } from '../support/cuda.ts'

const device = 'cuda' as const
const MODELS = { RNNModel, LSTMModel, GRUModel } as const
const KINDS = Object.entries(MODELS) as [string, typeof LSTMModel][]
const DTYPES = ['float16', 'bfloat16'] as const
// float16 keeps 11 bits, bfloat16 8.
const TOLERANCE = { float16: 4e-3, bfloat16: 3e-2 } as const

/** A batch of a task that a network learns, and a network. */
function setUp(Model: typeof LSTMModel): { model: LSTMModel; x: Tensor; y: Tensor } {
  torch.manualSeed(0)
  const model = new Model(4, 32, 2, { numLayers: 2, batchFirst: true })
  const x = torch.randn([16, 12, 4])
  const y = x.narrow(2, 0, 2).tanh()
  return { model: model.to(device), x: x.to(device), y: y.to(device) }
}

/** The greatest difference, as a part of the greatest number. */
function distance(tensor: Tensor, expected: Tensor): number {
  return tensor.float().sub(expected).abs().max().div(expected.abs().max()).item<number>()
}

describeCuda('mixed precision on the GPU', () => {
  useTf32(false)

  test.each(KINDS.flatMap(([name, Model]) => DTYPES.map((dtype) => [name, dtype, Model] as const)))(
    '%s in %s is near float32, forward and backward',
    (_, dtype, Model) => {
      const { model, x, y } = setUp(Model)
      const criterion = new MSELoss()
      const run = (enabled: boolean): { output: Tensor; gradients: Tensor[] } => {
        model.zeroGrad()
        const [output, loss] = torch.autocast(
          device,
          () => {
            const output = model.forward(x)
            return [output, criterion.forward(output, y)] as const
          },
          { dtype, enabled },
        )
        expect(output.dtype).toBe(enabled ? dtype : 'float32')
        // Losses are among what autocast computes in float32.
        expect(loss.dtype).toBe('float32')
        loss.backward()
        return { output, gradients: [...model.parameters()].map((parameter) => parameter.grad as Tensor) }
      }
      const expected = run(false)
      const actual = run(true)
      expect(distance(actual.output, expected.output)).toBeLessThan(TOLERANCE[dtype])
      expect(actual.output.float().equal(expected.output)).toBe(false)
      for (const [i, gradient] of actual.gradients.entries()) {
        expect(gradient.dtype).toBe('float32')
        expect(distance(gradient, expected.gradients[i] as Tensor)).toBeLessThan(5 * TOLERANCE[dtype])
      }
      expect(torch.isAutocastEnabled(device)).toBe(false)
    },
  )

  const optimizers: [string, (model: LSTMModel) => Optimizer][] = [
    ['Adam', (model) => new Adam(model.parameters(), { lr: 0.01 })],
    ['SGD', (model) => new SGD(model.parameters(), { lr: 0.5, momentum: 0.9 })],
  ]
  test.each(optimizers)('trains in float16 with a GradScaler and %s', (_, optimizerOf) => {
    const { model, x, y } = setUp(LSTMModel)
    const optimizer = optimizerOf(model)
    const criterion = new MSELoss()
    const scaler = new torch.amp.GradScaler(device, { initScale: 1024 })
    const losses: number[] = []
    for (let step = 0; step < 60; step++) {
      torch.tidy(() => {
        const loss = torch.autocast(device, () => criterion.forward(model.forward(x), y), { dtype: 'float16' })
        optimizer.zeroGrad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        utils.clipGradNorm_(model.parameters(), 1)
        scaler.step(optimizer)
        scaler.update()
        losses.push(loss.item<number>())
      })
    }
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 3)
    expect(scaler.getScale()).toBe(1024)
  })

  test('a step with Inf is left out, and halves the scale', () => {
    const { model, x, y } = setUp(LSTMModel)
    const optimizer = new Adam(model.parameters())
    const scaler = new torch.amp.GradScaler(device)
    const step = (factor: number): void => {
      optimizer.zeroGrad()
      const loss = torch.autocast(device, () => new MSELoss().forward(model.forward(x), y), { dtype: 'float16' })
      scaler.scale(loss.mul(factor)).backward()
      scaler.step(optimizer)
      scaler.update()
    }
    const values = () => Object.values(model.stateDict()).map((value) => value.toArray())
    step(1e-3)
    const scale = scaler.getScale()
    const before = values()
    step(Number.POSITIVE_INFINITY)
    expect(values()).toEqual(before)
    expect(scaler.getScale()).toBe(scale / 2)
    expect(Object.values(optimizer.stateDict().state).map((state) => state.step?.item())).toEqual(
      [...model.parameters()].map(() => 1),
    )
    step(1e-3)
    expect(values()).not.toEqual(before)
  })
})
