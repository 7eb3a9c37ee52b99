import { expect, test } from 'vitest'
import { DataLoader, TensorDataset } from '../../lib/data/index.ts'
import { GRUModel, LSTMModel, RNNModel } from '../../lib/models/index.ts'
import { MSELoss, PoissonNLLLoss } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { type History, Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { describeCuda, useTf32 } from '../support/cuda.ts'

const device = 'cuda' as const
// All are made alike.
const MODELS = { RNNModel, LSTMModel, GRUModel } as unknown as Record<
  `${'RNN' | 'LSTM' | 'GRU'}Model`,
  typeof LSTMModel
>
const KINDS = Object.entries(MODELS)

/** 64 sequences of a task that a network learns: (N, L, 4) and (N, L, 2). */
function samples(): [Tensor, Tensor] {
  torch.manualSeed(1)
  const x = torch.randn([64, 10, 4])
  return [x, x.narrow(2, 0, 2).tanh()]
}

const SETTINGS: TrainerOptions = {
  epochs: 4,
  batchSize: 12,
  lr: 0.02,
  seed: 3,
  clipGradNorm: 1,
  progress: false,
}

async function learn(
  Model: typeof LSTMModel,
  options: TrainerOptions,
): Promise<{ trainer: Trainer; history: History }> {
  torch.manualSeed(0)
  const trainer = new Trainer(new Model(4, 16, 2, { batchFirst: true }), { ...SETTINGS, ...options })
  const data = samples()
  const held = data.map((tensor) => tensor.narrow(0, 0, 20)) as [Tensor, Tensor]
  return { trainer, history: await trainer.fit(data, { validation: held }) }
}

/** The same losses, but for a part of each. */
function expectNear(actual: readonly number[], expected: readonly number[], rtol: number): void {
  expectClose(actual, expected, { rtol, atol: 0 })
}

describeCuda('a trainer on the GPU', () => {
  useTf32(false)

  test.each(
    KINDS.flatMap(([name, Model]) => (['sgd', 'adam', 'adamw'] as const).map((o) => [name, o, Model] as const)),
  )('%s with %s learns as on the CPU', async (_, optimizer, Model) => {
    const there = await learn(Model, { optimizer, device })
    const here = await learn(Model, { optimizer })
    expectNear(there.history.trainLosses, here.history.trainLosses, 1e-3)
    expectNear(there.history.validationLosses, here.history.validationLosses, 1e-3)
    expect(there.history.trainLosses.at(-1)).toBeLessThan(there.history.trainLosses[0] as number)
    const [x, y] = samples()
    // Inputs may be anywhere; outputs are where the inputs are.
    const output = await there.trainer.predict(x)
    expect(output.device).toBe('cpu')
    expect((await there.trainer.predict(x.to(device))).device).toBe('cuda:0')
    expect(
      output
        .sub(await here.trainer.predict(x))
        .abs()
        .max()
        .item<number>(),
    ).toBeLessThan(5e-3)
    expectNear([(await there.trainer.evaluate([x, y])).loss], [(await here.trainer.evaluate([x, y])).loss], 1e-3)
  })

  test('data may be on either device, in a loader, pinned, or an iterable', async () => {
    const { history } = await learn(MODELS.GRUModel, { device })
    const [x, y] = samples()
    const sources = {
      moved: [x.to(device), y.to(device)] as const,
      loader: new DataLoader(new TensorDataset(x, y), { batchSize: 12, shuffle: true, seed: 3 }),
      pinned: new DataLoader(new TensorDataset(x, y), { batchSize: 12, shuffle: true, seed: 3, pinMemory: true }),
    }
    expect(sources.pinned.pinMemory).toBe(true)
    for (const [first] of sources.pinned) {
      expect(first.isPinned()).toBe(true)
      break
    }
    const pinned = new DataLoader(new TensorDataset(x, y), { batchSize: 12, shuffle: true, seed: 3, pinMemory: true })
    for (const data of [sources.moved, sources.loader, pinned]) {
      torch.manualSeed(0)
      const trainer = new Trainer(new GRUModel(4, 16, 2, { batchFirst: true }), { ...SETTINGS, device })
      const again = await trainer.fit(data)
      expectNear(again.trainLosses, history.trainLosses, 1e-4)
    }
    async function* batches(): AsyncGenerator<[Tensor, Tensor]> {
      for (let i = 0; i < 5; i++) yield [x.narrow(0, 12 * i, 12), y.narrow(0, 12 * i, 12)]
    }
    const trainer = new Trainer(new GRUModel(4, 16, 2, { batchFirst: true }), { ...SETTINGS, epochs: 1, device })
    expect(Number.isFinite((await trainer.fit(batches())).trainLosses[0])).toBe(true)
    expect(x.device).toBe('cpu')
  })

  test.each(['bfloat16', 'float16'] as const)('autocast to %s learns as well as float32', async (autocast) => {
    const options: TrainerOptions = { device, epochs: 12 }
    const { history: expected } = await learn(LSTMModel, options)
    const { history, trainer } = await learn(LSTMModel, { ...options, autocast })
    expectNear(history.trainLosses.slice(-1), expected.trainLosses.slice(-1), 0.15)
    expectNear(history.validationLosses.slice(-1), expected.validationLosses.slice(-1), 0.15)
    for (const parameter of trainer.model.parameters()) expect(parameter.dtype).toBe('float32')
    const output = await trainer.predict(samples()[0])
    expect(output.dtype).toBe(autocast)
  })

  test('a loss that is a module goes along, and all losses are computed there', async () => {
    const { trainer } = await learn(LSTMModel, { device, loss: new MSELoss() })
    for (const parameter of trainer.model.parameters()) expect(parameter.device).toBe('cuda:0')
    const { history } = await learn(MODELS.RNNModel, {
      device,
      loss: new PoissonNLLLoss({ logInput: true }),
      epochs: 2,
    })
    const { history: expected } = await learn(MODELS.RNNModel, {
      loss: new PoissonNLLLoss({ logInput: true }),
      epochs: 2,
    })
    expectNear(history.trainLosses, expected.trainLosses, 1e-3)
  })

  test('stops between two steps', async () => {
    const [x, y] = samples()
    const abort = new AbortController()
    const trainer = new Trainer(new GRUModel(4, 16, 2, { batchFirst: true }), {
      ...SETTINGS,
      device,
      epochs: 1000,
      callbacks: [{ onEpochEnd: () => abort.abort(new Error('enough')) }],
    })
    await expect(trainer.fit([x, y], { signal: abort.signal })).rejects.toThrow('enough')
    expect((await trainer.predict(x)).isfinite().all().item()).toBe(true)
  })

  test('queues steps while the GPU works, and waits for none', async () => {
    const [x, y] = samples().map((tensor) => tensor.to(device)) as [Tensor, Tensor]
    const asked: number[] = []
    function* batches(): Generator<[Tensor, Tensor]> {
      for (let i = 0; i < 7; i++) {
        asked.push(performance.now())
        yield [x, y]
      }
    }
    const model = new LSTMModel(4, 16, 2, { batchFirst: true })
    // A capture waits for what the GPU has to do before it.
    const trainer = new Trainer(model, { ...SETTINGS, epochs: 1, device, cudaGraph: false })
    await trainer.fit(batches())
    const a = torch.ones([4096, 4096], { device })
    const work = (times: number): void => {
      for (let i = 0; i < times; i++) torch.tidy(() => void a.matmul(a))
    }
    work(3)
    torch.cuda.synchronizeSync()
    const start = performance.now()
    work(10)
    torch.cuda.synchronizeSync()
    const times = Math.min(500, Math.ceil(4000 / (performance.now() - start)))
    asked.length = 0
    work(times)
    const begun = performance.now()
    await trainer.fit(batches())
    const whole = performance.now() - begun
    expect(whole).toBeGreaterThan(150)
    expect((asked.at(-1) as number) - begun).toBeLessThan(whole / 2)
  })
})
