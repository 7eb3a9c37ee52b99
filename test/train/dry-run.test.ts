import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel } from '../../lib/models/index.ts'
import { Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectRejection } from '../support/error.ts'
import { stateOf } from '../support/training-state.ts'

const x = torch.arange(240, { dtype: 'float32' }).reshape([20, 6, 2]).mul(0.05).sin()
const data = [x, x.sum(2, true)] as const

function trainer(options: TrainerOptions = {}): Trainer {
  torch.manualSeed(5)
  const model = new GRUModel(2, 6, 1, { numLayers: 2, dropout: 0.4, batchFirst: true })
  return new Trainer(model, { progress: false, epochs: 1, batchSize: 8, metrics: ['mae'], ...options })
}

test('tells shapes, sizes and losses', async () => {
  const options = { shuffle: false, nonFinite: 'ignore', lr: 1e-12, metrics: ['mae', 'rmse'] } as const
  const dry = trainer({ ...options, seed: 3 })
  const result = await dry.dryRun(data, { validation: [x.narrow(0, 0, 3), data[1].narrow(0, 0, 3)] })
  expect(result).toMatchObject({
    device: 'cpu',
    batch: { input: [8, 6, 2], target: [8, 6, 1] },
    output: [3, 6, 1],
    // Two layers of 3 gates: weights of the input and the state, and two biases each; and the head.
    parameters: { count: 18 * 2 + 18 * 6 + 36 + 18 * 6 * 2 + 36 + 7, bytes: 4 * 439, trained: 439 },
    steps: 3,
  })
  expect(result.bytes).toBeGreaterThanOrEqual(0)
  expect(result.epochSeconds).toBeGreaterThan(3 * result.stepSeconds)
  expect(result.epochSeconds).toBeLessThan(3 * result.stepSeconds + 1)
  const { loss, mae, rmse } = await trainer(options).evaluate([x.narrow(0, 0, 3), data[1].narrow(0, 0, 3)])
  expect(result.validationLoss).toBeCloseTo(loss, 6)
  expect(result.metrics).toEqual({
    validationMae: expect.closeTo(mae as number, 6),
    validationRmse: expect.closeTo(rmse as number, 6),
  })
  // A fit begins with the same step, with the same dropout.
  const seen: number[] = []
  const callbacks = [
    { everySteps: 1, onStepEnd: async (run: { loss(): Promise<number> }) => seen.push(await run.loss()) },
  ]
  await trainer({ ...options, seed: 3, callbacks }).fit(data)
  expect(result.trainLoss).toBeCloseTo(seen[0] as number, 6)
})

test('prints a table', async () => {
  const model = new GRUModel(2, 30, 1, { batchFirst: true })
  for (const parameter of model.gru.parameters()) parameter.requiresGrad = false
  const dry = new Trainer(model, { progress: false, batchSize: 8 })
  const result = await dry.dryRun(data)
  expect(String(result)).toBe(inspect(result))
  const lines = String(result)
    .replace(/\d[\d.]* (bytes|[KM]iB) more/, '# more')
    .replace(/\d[\d.]* (ms|s)/g, '# ms')
    .replace(/(Loss +)[\d.]+/g, '$1#')
  expect(lines).toBe(
    `
device          cpu
input           (8, 6, 2)
target          (8, 6, 1)
output          (8, 6, 1)
parameters      3,091 (12.1 KiB), 31 of them trained
memory          # more in a step
trainLoss       #
validationLoss  #
step            # ms, 3 in an epoch
epoch           about # ms`.trim(),
  )
})

test('of named parts, accumulated batches and an iterable', async () => {
  class Last extends nn.Module {
    readonly gru = new nn.GRU(2, 1, { batchFirst: true })
    override forward(input: Tensor, { state }: { state: [Tensor, Tensor] }): Tensor {
      return this.gru.forward(input, state[0])[0]
    }
  }
  const states: [Tensor, Tensor] = [torch.zeros([1, 5, 1]), torch.zeros([1, 5, 1])]
  function* batches() {
    for (let i = 0; i < 4; i++) {
      yield { input: x.narrow(0, 5 * i, 5), target: data[1].narrow(0, 5 * i, 5), state: states, first: true }
    }
  }
  const dry = new Trainer(new Last() as never, { progress: false })
  const result = await dry.dryRun({ [Symbol.iterator]: batches })
  expect(result.batch).toEqual({ input: [5, 6, 2], target: [5, 6, 1], 'state.0': [1, 5, 1], 'state.1': [1, 5, 1] })
  expect([result.steps, result.epochSeconds]).toEqual([undefined, undefined])
  expect(String(result)).toContain('epoch           of unknown length')
  expect((await trainer({ batchSize: 3, accumulateGradBatches: 4 }).dryRun(data)).steps).toBe(2)
})

test('everything is given back, also metrics and modes, and callbacks are not called', async () => {
  const called: string[] = []
  const callbacks = [{ onFitStart: () => called.push('start'), onStepEnd: () => called.push('step') }]
  const dry = trainer({ seed: 1, callbacks })
  dry.model.eval()
  for (let i = 0; i < 2; i++) {
    const before = stateOf(dry)
    await dry.dryRun(data, { validation: data })
    expect(stateOf(dry)).toEqual(before)
    expect(called).toEqual(i === 0 ? [] : ['start', 'step'])
    await dry.fit(data)
    called.splice(2)
  }
})

test('mistakes show at once', async () => {
  const short = [x, x.sum(2)] as const
  await expectRejection(trainer().dryRun(short), 'ERR_TORCH_SHAPE', 'Give targets with a last dimension of 1')
  await expectRejection(
    trainer({ metrics: [] }).dryRun(data, { validation: short }),
    'ERR_TORCH_SHAPE',
    'the target has shape (8, 6)',
  )
  await expectRejection(trainer().dryRun(data, { steps: 3 } as never), 'ERR_TORCH_OPTION', "unknown option 'steps'")
  await expectRejection(trainer().dryRun(data, { signal: 3 } as never), 'ERR_TORCH_TYPE', 'signal must be')
  await expectRejection(trainer().dryRun({} as never), 'ERR_TORCH_TYPE', 'data must be')
  const busy = trainer()
  const running = busy.dryRun(data)
  await expectRejection(busy.dryRun(data), 'ERR_TORCH_RUNTIME', 'a dryRun of this trainer is running already')
  await running
})
