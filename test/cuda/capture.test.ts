// Training and prediction by CUDA graphs, against the same without.
import { expect, test } from 'vitest'
import { GRUModel, LSTMModel, RNNModel } from '../../lib/models/index.ts'
import { Dropout, Linear, LSTM, Module, MSELoss, utils } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { type Callback, type TrainableModel, Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { describeCuda, useTf32 } from '../support/cuda.ts'

const { packPaddedSequence } = utils.rnn
const device = 'cuda' as const
// Of the batches of 12.
const LENGTHS = [8, 8, 7, 7, 6, 6, 5, 5, 4, 3, 2, 1]
const MODELS = { RNNModel, LSTMModel, GRUModel } as const
const KINDS = Object.entries(MODELS) as [string, typeof LSTMModel][]

function samples(count = 48, length = 8): [Tensor, Tensor] {
  torch.manualSeed(1)
  const x = torch.randn([count, length, 4])
  return [x, x.narrow(2, 0, 2).tanh()]
}

const SETTINGS: TrainerOptions = { epochs: 6, batchSize: 12, lr: 0.02, seed: 3, device, progress: false }

interface Run {
  losses: number[]
  trainer: Trainer
}

async function train(make: () => TrainableModel, options: TrainerOptions, data = samples()): Promise<Run> {
  torch.manualSeed(0)
  const trainer = new Trainer(make(), { ...SETTINGS, ...options })
  const { trainLosses, validationLosses } = await trainer.fit(data, { validation: data })
  return { losses: [...trainLosses, ...validationLosses], trainer }
}

/** The same losses, but for a part of each. */
function expectNear(actual: readonly number[], expected: readonly number[], rtol: number): void {
  expectClose(actual, expected, { rtol, atol: 0 })
}

/** A recurrent network with both kinds of dropout: cuDNN's between its layers, and LibTorch's own. */
class WithDropout extends Module {
  readonly batchFirst = true
  readonly lstm: LSTM
  readonly dropout: Dropout
  readonly head = new Linear(16, 2)

  constructor(between: number, after: number) {
    super()
    this.lstm = new LSTM(4, 16, { numLayers: 2, batchFirst: true, dropout: between })
    this.dropout = new Dropout(after)
  }

  override forward(x: Tensor): Tensor {
    return this.head.forward(this.dropout.forward(this.lstm.forward(x)[0]))
  }
}

/** Does something with its output on the way, which a graph may not hold. */
class Peeking extends Module {
  readonly batchFirst = true
  readonly lstm = new LSTM(4, 16, { batchFirst: true })
  readonly dropout = new Dropout(0.1)
  readonly head = new Linear(16, 2)
  readonly #peek: (output: Tensor) => void

  constructor(peek: (output: Tensor) => void) {
    super()
    this.#peek = peek
  }

  override forward(x: Tensor): Tensor {
    const [output] = this.lstm.forward(x)
    this.#peek(output)
    return this.head.forward(this.dropout.forward(output))
  }
}

describeCuda('CUDA graphs of a trainer', () => {
  useTf32(false)

  const cases = KINDS.flatMap(([name, Model]) =>
    (['adam', 'adamw', 'sgd'] as const).flatMap((optimizer) =>
      ([undefined, 'bfloat16', 'float16'] as const).map((autocast) => [name, optimizer, autocast, Model] as const),
    ),
  )
  test.each(cases)('%s with %s and autocast to %s equals training without', async (_, optimizer, autocast, Model) => {
    const make = (): LSTMModel => new Model(4, 16, 2, { batchFirst: true })
    const options = { optimizer, clipGradNorm: 1, ...(autocast === undefined ? {} : { autocast }) }
    const eager = await train(make, { ...options, cudaGraph: false })
    const captured = await train(make, { ...options, cudaGraph: true })
    expect(captured.trainer.cudaGraphFallback).toBeNull()
    expectNear(captured.losses, eager.losses, autocast === undefined ? 1e-3 : 1e-2)
    // The default: this is a step that can be captured.
    const automatic = await train(make, options)
    expect(automatic.trainer.cudaGraphFallback).toBeNull()
    expectNear(automatic.losses, eager.losses, autocast === undefined ? 1e-3 : 1e-2)
    const [x] = samples()
    const output = await captured.trainer.predict(x)
    expect(
      output
        .sub(await eager.trainer.predict(x))
        .abs()
        .max()
        .item<number>(),
    ).toBeLessThan(0.02)
  })

  test.each([
    ['no dropout', 0, 0, false],
    ['dropout between the layers', 0.5, 0, true],
    ['dropout of its own', 0, 0.5, true],
  ] as const)('with %s', async (_, between, after, differs) => {
    const settings = { batchSize: 48, epochs: 12, shuffle: false, lr: 1e-30, optimizer: 'sgd' } as const
    const make = (): WithDropout => new WithDropout(between, after)
    const { losses, trainer } = await train(make, { ...settings, cudaGraph: true })
    expect(trainer.cudaGraphFallback).toBeNull()
    // The weights stay as they are: only dropout can make a difference from one replay to the next.
    const replays = losses.slice(4, 12)
    expect(new Set(replays).size).toBe(differs ? replays.length : 1)
    for (const loss of replays) expect(Math.abs(loss / (losses[0] as number) - 1)).toBeLessThan(0.5)
    // In evaluation mode nothing is left out.
    expect(new Set(losses.slice(12)).size).toBe(1)
  })

  test('a learning rate that changes takes effect in the next step', async () => {
    const run = async (cudaGraph: boolean): Promise<number[]> => {
      const changes = new Map([
        [6, 0.2],
        [8, 0],
      ])
      const schedule: Callback = {
        onEpochEnd: ({ epoch, optimizer }) => {
          const lr = changes.get(epoch)
          if (lr !== undefined) for (const group of optimizer.paramGroups) group.lr = lr
        },
      }
      torch.manualSeed(0)
      const model = new GRUModel(4, 16, 2, { batchFirst: true })
      const options = { ...SETTINGS, batchSize: 48, epochs: 12, optimizer: 'adam', shuffle: false, cudaGraph } as const
      const trainer = new Trainer(model, { ...options, callbacks: [schedule] })
      const { trainLosses } = await trainer.fit(samples())
      expect(trainer.cudaGraphFallback).toBeNull()
      return trainLosses
    }
    const [captured, eager] = [await run(true), await run(false)]
    expectNear(captured, eager, 1e-3)
    expect(new Set(captured.slice(8)).size).toBe(1)
    expect(captured[7]).not.toBe(captured[8])
  })

  test('each shape of a batch has a graph, and they take turns', async () => {
    const batches = [8, 5, 11].map((length) => samples(12, length))
    const run = async (cudaGraph: boolean): Promise<number[]> => {
      torch.manualSeed(0)
      const model = new LSTMModel(4, 16, 2, { batchFirst: true })
      const trainer = new Trainer(model, { ...SETTINGS, epochs: 3, cudaGraph })
      const losses: number[] = []
      for (let i = 0; i < 4; i++) {
        const mixed = Array.from({ length: 9 }, (_, k) => batches[(k * (i + 1)) % 3] as [Tensor, Tensor])
        losses.push(...(await trainer.fit(mixed)).trainLosses)
      }
      expect(trainer.cudaGraphFallback).toBeNull()
      return losses
    }
    expectNear(await run(true), await run(false), 1e-3)
  })

  test.each([
    ['packs a sequence', (output: Tensor) => void packPaddedSequence(output, LENGTHS, { batchFirst: true }), /packed/],
    ['has an operation that must wait', (output: Tensor) => void output.nonzero(), /captur/i],
  ])('a step that %s runs without a graph, and nothing is lost', async (_, peek, reason) => {
    const warnings: string[] = []
    const listener = ({ message }: Error): void => void warnings.push(message)
    process.on('warning', listener)
    const plain = await train(() => new Peeking(() => {}), {})
    const { losses, trainer } = await train(() => new Peeking(peek), { cudaGraph: true })
    expect(trainer.cudaGraphFallback).toMatch(reason)
    // Dropout may have gone on to other numbers.
    expectNear(losses, plain.losses, 0.3)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', listener)
    expect(warnings.join()).toMatch(reason)
    // Random numbers, the allocator and other graphs work as before.
    expect(torch.randn([1000], { device }).std().item<number>()).toBeGreaterThan(0.5)
    torch.cuda.emptyCache()
    const other = await train(() => new LSTMModel(4, 16, 2, { batchFirst: true }), { cudaGraph: true })
    expect(other.trainer.cudaGraphFallback).toBeNull()
  })

  test('predictions by a graph equal those without, for each shape, and follow the weights', async () => {
    const model = new LSTMModel(4, 16, 2, { batchFirst: true }).to(device)
    const trainer = new Trainer(model, { ...SETTINGS, cudaGraph: true })
    for (let round = 0; round < 8; round++) {
      for (const [n, length] of [
        [1, 8],
        [3, 5],
      ] as const) {
        const x = torch.randn([n, length, 4])
        const [output, expected] = [await trainer.predict(x), trainer.predictSync(x)]
        expect(output.shape).toEqual([n, length, 2])
        expect(output.sub(expected).abs().max().item<number>()).toBeLessThan(1e-5)
      }
      // Another value in the same place is what a graph reads.
      torch.noGrad(() => model.linear.bias?.add_(0.25))
    }
    expect(trainer.cudaGraphFallback).toBeNull()
  })

  test('memory does not grow from one fit to the next', async () => {
    const data = samples()
    const model = new LSTMModel(4, 64, 2, { batchFirst: true })
    const trainer = new Trainer(model, { ...SETTINGS, epochs: 3, loss: new MSELoss(), cudaGraph: true })
    const used: number[] = []
    for (let i = 0; i < 5; i++) {
      await trainer.fit(data)
      await torch.cuda.synchronize()
      torch.cuda.emptyCache()
      used.push(torch.cuda.memoryReserved())
    }
    expect(trainer.cudaGraphFallback).toBeNull()
    expect(used.at(-1)).toBeLessThanOrEqual(used[1] as number)
  })
})
