// npm run bench:fit -- --overhead: what `fit` adds to a step by hand, how long it holds up the event loop, what callbacks
// and checkpoints of each epoch cost, and whether memory stays flat. Everything is measured in turns, on one thread.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { optim, type Tensor, torch } from 'libtorch-rnn'
import { DataLoader, TensorDataset } from 'libtorch-rnn/data'
import { type GRUModel, LSTMModel } from 'libtorch-rnn/models'
import { csvLogger, learningRateMonitor, Trainer, type TrainerOptions, TrainingStep } from 'libtorch-rnn/train'

interface Size {
  readonly input: number
  readonly hidden: number
  readonly steps: number
  readonly batch: number
}

const TINY: Size = { input: 1, hidden: 4, steps: 3, batch: 1 }
const SMALL: Size = { input: 4, hidden: 32, steps: 20, batch: 32 }
const MEDIUM: Size = { input: 4, hidden: 128, steps: 20, batch: 64 }
const ROUNDS = 7

type Data = readonly [input: Tensor, target: Tensor]

function dataOf({ input, steps, batch }: Size, batches: number): Data {
  torch.manualSeed(0)
  const x = torch.randn([batches * batch, steps, input])
  return [x, x.mean([1, 2]).unsqueeze(1)]
}

function modelOf({ input, hidden }: Size, Model: typeof LSTMModel | typeof GRUModel = LSTMModel): LSTMModel | GRUModel {
  torch.manualSeed(1)
  return new Model(input, hidden, 1, { output: 'last', batchFirst: true })
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number
}

/** The medians of what the sides return, which run in turns; the first turn warms up. */
async function inTurns(sides: readonly (() => number | Promise<number>)[]): Promise<number[]> {
  const results: number[][] = sides.map(() => [])
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, side] of sides.entries()) {
      const result = await side()
      if (round > 0) results[i]?.push(result)
    }
  }
  return results.map(median)
}

/** Microseconds per step of a loop by hand, on this thread, and of `fit`. */
async function perStep(size: Size, steps: number, options: TrainerOptions = {}): Promise<[hand: number, fit: number]> {
  const data = dataOf(size, steps)
  const model = modelOf(size)
  const step = new TrainingStep(model, { optimizer: new optim.Adam(model.parameters(), { lr: 1e-3 }) })
  const loader = new DataLoader(new TensorDataset(...data), { batchSize: size.batch })
  const trainer = new Trainer(modelOf(size), {
    ...{ epochs: 1, batchSize: size.batch, shuffle: false, progress: false },
    ...options,
  })
  const byHand = (): number => {
    const start = performance.now()
    for (const [input, target] of loader) {
      const loss = step.run(input, target)
      for (const tensor of [input, target, loss]) tensor.dispose()
    }
    return (1000 * (performance.now() - start)) / steps
  }
  const fit = async (): Promise<number> => {
    const start = performance.now()
    await trainer.fit(data)
    return (1000 * (performance.now() - start)) / steps
  }
  const [hand, fitted] = await inTurns([byHand, fit])
  return [hand as number, fitted as number]
}

/** The longest delay of the event loop during a `fit`, in milliseconds: the median and the worst of some. */
async function delays(size: Size, batches: number): Promise<[middle: number, worst: number]> {
  const data = dataOf(size, batches)
  const trainer = new Trainer(modelOf(size), {
    ...{ epochs: 2, batchSize: size.batch, progress: false, metrics: ['mae'] },
  })
  await trainer.fit(data)
  const worst: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    await trainer.fit(data, { validation: data })
    delay.disable()
    // The histogram's values are times between two ticks.
    worst.push(delay.max / 1e6 - 1)
  }
  return [median(worst), Math.max(...worst)]
}

/** The seconds of an epoch: plain, with callbacks and checkpoints, and with metrics of each step, too. */
async function epochs(size: Size, batches: number): Promise<number[]> {
  const data = dataOf(size, batches)
  const folder = mkdtempSync(join(tmpdir(), 'libtorch-rnn-fit-'))
  const trainers = [
    {},
    {
      patience: 1000,
      restoreBest: true,
      checkpoint: join(folder, 'a'),
      callbacks: [csvLogger(join(folder, 'a.csv')), learningRateMonitor()],
    },
    { metrics: ['mae', 'rmse'] },
  ].map((options: object) => {
    const common = { epochs: 1, batchSize: size.batch, shuffle: false, progress: false }
    return new Trainer(modelOf(size), { ...common, ...options })
  })
  try {
    return await inTurns(
      trainers.map((trainer) => async () => {
        // Each fit is a run of its own.
        rmSync(join(folder, 'a'), { recursive: true, force: true })
        const start = performance.now()
        await trainer.fit(data)
        return (performance.now() - start) / 1000
      }),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The growth of the process over 10,000 steps, in MiB. */
async function growth(): Promise<number> {
  const data = dataOf(TINY, 1000)
  const trainer = new Trainer(modelOf(TINY), { epochs: 2, batchSize: 1, progress: false })
  const megabytes = (): number => process.memoryUsage.rss() / 2 ** 20
  await trainer.fit(data)
  const before = megabytes()
  for (let i = 0; i < 5; i++) await trainer.fit(data)
  return megabytes() - before
}

export async function overhead(): Promise<void> {
  torch.setNumThreads(1)
  for (const [name, size, steps] of [
    ['LSTM I=1 H=4 T=3 N=1', TINY, 1000],
    ['LSTM I=4 H=32 T=20 N=32', SMALL, 300],
  ] as const) {
    const [hand, fit] = await perStep(size, steps)
    console.log(
      `${name}: ${hand.toFixed(0)} µs a step by hand, ${fit.toFixed(0)} in fit: ${(fit - hand).toFixed(0)} more (goal: under 20)`,
    )
  }
  const [middle, worst] = await delays(MEDIUM, 100)
  console.log(
    `the event loop during fit: at most ${middle.toFixed(1)} ms of delay, in the worst of ${ROUNDS} fits ${worst.toFixed(1)} (goal: under 20)`,
  )
  const [plain, called, measured] = (await epochs(MEDIUM, 350)) as [number, number, number]
  const percent = (seconds: number): string => `${((100 * (seconds - plain)) / plain).toFixed(1)} %`
  console.log(
    `an epoch of ${plain.toFixed(2)} s: ${percent(called)} for callbacks and a checkpoint (goal: under 3), ${percent(measured)} for two metrics at each step`,
  )
  console.log(`memory over 10,000 steps: ${(await growth()).toFixed(1)} MiB more`)
}
