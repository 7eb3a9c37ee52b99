// A trainer with a seed has random numbers of its own: dropout, the order of samples, and what its model draws.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { LSTMModel } from '../../lib/models/index.ts'
import { Dropout, Linear, Module } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { Trainer, type TrainerOptions } from '../../lib/train/index.ts'

/** Dropout on the way in, between the layers, and noise that the model draws itself. */
class Noisy extends Module {
  readonly drop = new Dropout(0.3)
  readonly lstm = new LSTMModel(2, 6, 1, { numLayers: 2, dropout: 0.4, batchFirst: true })

  override forward(x: Tensor): Tensor {
    const noise = torch.randn(x.shape).mul(0.01)
    return this.lstm.forward(this.drop.forward(x.add(noise)))
  }
}

const data = (() => {
  const x = torch.arange(240, { dtype: 'float32' }).reshape([20, 6, 2]).mul(0.05).sin()
  return [x, x.sum(2, true)] as const
})()

function trainer(seed: number | undefined, options: TrainerOptions = {}): Trainer {
  const model = torch.forkRng(() => {
    torch.manualSeed(5)
    return new Noisy()
  })
  return new Trainer(model, {
    progress: false,
    epochs: 3,
    batchSize: 4,
    lr: 0.02,
    ...(seed === undefined ? {} : { seed }),
    ...options,
  })
}

const weights = ({ model }: Trainer) => [...model.parameters()].map((parameter) => parameter.toArray())
const losses = async (trained: Trainer) => (await trained.fit(data, { validation: data })).trainLosses

test('two trainers at once learn what they learn one after the other, bit for bit', async () => {
  const [one, two] = [trainer(1), trainer(2)]
  const alone = [await losses(one), await losses(two)]
  expect(alone[0]).not.toEqual(alone[1])
  const again = [trainer(1), trainer(2), trainer(1)] as const
  const together = await Promise.all(again.map(losses))
  expect(together).toEqual([alone[0], alone[1], alone[0]])
  expect(again.map(weights)).toEqual([weights(one), weights(two), weights(one)])
})

test('what others draw meanwhile changes nothing, and nothing changes what they draw', async () => {
  const expected = await losses(trainer(1))
  torch.manualSeed(9)
  const before = torch.getRngState()
  expect(await losses(trainer(1))).toEqual(expected)
  expect(torch.getRngState().equal(before)).toBe(true)

  const drawn: number[] = []
  const disturbed = trainer(1, {
    callbacks: [{ everySteps: 1, onStepEnd: () => drawn.push(torch.rand([1]).item<number>()) }],
  })
  const done = losses(disturbed)
  torch.manualSeed(3)
  for (let i = 0; i < 20; i++) {
    torch.randn([100])
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await done).toEqual(expected)
  expect(drawn.length).toBeGreaterThan(3)
})

test('in workers it learns the same as here', async () => {
  const expected = await losses(trainer(4))
  const index = (name: string) => new URL(`../../dist/${name}index.js`, import.meta.url).href
  const code = `
    import { parentPort } from 'node:worker_threads'
    import { nn, torch } from '${index('')}'
    import { LSTMModel } from '${index('models/')}'
    import { Trainer } from '${index('train/')}'
    class Noisy extends nn.Module {
      drop = new nn.Dropout(0.3)
      lstm = new LSTMModel(2, 6, 1, { numLayers: 2, dropout: 0.4, batchFirst: true })
      forward(x) { return this.lstm.forward(this.drop.forward(x.add(torch.randn(x.shape).mul(0.01)))) }
    }
    const x = torch.arange(240, { dtype: 'float32' }).reshape([20, 6, 2]).mul(0.05).sin()
    const data = [x, x.sum(2, true)]
    torch.manualSeed(5)
    const trainer = new Trainer(new Noisy(), { progress: false, epochs: 3, batchSize: 4, lr: 0.02, seed: 4 })
    parentPort.postMessage((await trainer.fit(data, { validation: data })).trainLosses)`
  const learned = await Promise.all(
    [0, 1, 2].map(async () => {
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
      const [message] = await once(worker, 'message')
      await worker.terminate()
      return message
    }),
  )
  expect(learned).toEqual([expected, expected, expected])
})

test('three fits of one epoch are one fit of three, bit for bit', async () => {
  const whole = trainer(6)
  const parts = trainer(6, { epochs: 1 })
  const expected = await losses(whole)
  expect([...(await losses(parts)), ...(await losses(parts)), ...(await losses(parts))]).toEqual(expected)
  expect(weights(parts)).toEqual(weights(whole))
})

test('each fit sees another order', async () => {
  const orders: number[][] = []
  class Recorder extends Module {
    readonly linear = new Linear(1, 1)
    seen: number[] = []
    override forward(x: Tensor): Tensor {
      return this.linear.forward(x)
    }
  }
  const numbers = Array.from({ length: 12 }, (_, i) => i)
  const fitted = new Trainer(new Recorder(), { progress: false, epochs: 1, batchSize: 12, seed: 3, optimizer: 'sgd' })
  for (let fit = 0; fit < 3; fit++) {
    const order: number[] = []
    await fitted.fit({
      length: numbers.length,
      batch: (indices: readonly number[]) => {
        order.push(...indices)
        const x = torch.tensor([...indices]).unsqueeze(1)
        return [x, x]
      },
    })
    orders.push(order)
  }
  for (const order of orders) expect([...order].sort((a, b) => a - b)).toEqual(numbers)
  expect(new Set(orders.map(String)).size).toBe(3)
})

test('its state continues in another trainer', async () => {
  // Without momentum, the optimizer has no state.
  const make = (seed: number) => trainer(seed, { optimizer: 'sgd', epochs: 1 })
  const first = make(2)
  await losses(first)
  const state = first.generator?.getState() as Tensor
  const other = make(77)
  other.generator?.setState(state)
  other.model.loadStateDict(first.model.stateDict())
  expect(await losses(other)).toEqual(await losses(first))
  expect(weights(other)).toEqual(weights(first))
})

test('without a seed it draws from the numbers of its caller', async () => {
  const run = () =>
    torch.forkRng(async () => {
      torch.manualSeed(1)
      return losses(trainer(undefined))
    })
  expect(trainer(undefined).generator).toBeUndefined()
  torch.manualSeed(4)
  const before = torch.getRngState()
  const [one, two] = await Promise.all([run(), run()])
  expect(one).toEqual(two)
  expect(torch.getRngState().equal(before)).toBe(true)
})
