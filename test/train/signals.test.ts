import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { type Tensor, torch } from '../../lib/index.ts'
import { LSTMModel } from '../../lib/models/index.ts'
import { PACKAGE } from '../../lib/native/package.ts'
import { type Callback, type Run, Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'

const IMPORTS = ['', 'models/', 'io/', 'train/', 'data/'].map((name) => {
  const path = JSON.stringify(new URL(`../../dist/${name}index.js`, import.meta.url).href)
  return `import * as ${name.slice(0, -1) || 'lib'} from ${path}`
})

/** A program that trains with dropout, shuffling, metrics that keep their targets, and a validation that draws. */
const PROGRAM = `
${IMPORTS.join('\n')}
const { torch } = lib
const [folder, weights] = process.argv.slice(2)
const x = torch.arange(240, { dtype: 'float32' }).reshape([20, 6, 2]).mul(0.05).sin()
const samples = new data.TensorDataset(x, x.sum(2, true))
class Noisy extends models.LSTMModel {
  forward(input) {
    return super.forward(input.add(torch.randn(input.shape), { alpha: 0.01 }))
  }
}
torch.manualSeed(5)
const model = new Noisy(2, 6, 1, { numLayers: 2, dropout: 0.4, batchFirst: true })
const slow = { everySteps: 1, onStepEnd: () => new Promise((resolve) => setTimeout(resolve, 2)) }
async function* held() {
  for (const batch of new data.DataLoader(samples, { batchSize: 4 })) {
    await new Promise((resolve) => setTimeout(resolve, 3))
    yield batch
  }
}
const trainer = new train.Trainer(model, {
  progress: false, epochs: 12, lr: 0.02, seed: 1, checkpoint: folder, onSignal: 'checkpoint', metrics: ['mae'],
  accumulateGradBatches: 2, callbacks: [slow],
})
process.send?.('ready')
const loader = new data.DataLoader(samples, { batchSize: 3, shuffle: true, seed: 3 })
const validation = { [Symbol.asyncIterator]: held }
const { epochs } = await trainer.fit(loader, { validation, resume: folder })
io.saveFileSync(model.stateDict(), weights)
console.log(JSON.stringify(epochs.map(({ seconds, ...result }) => result)))
`

/** Starts a program, and resolves when it is ready for signals. */
async function start(source: string, ...args: string[]): Promise<{ child: ChildProcess; exit: Promise<unknown[]> }> {
  const script = join(temporaryFolder(), 'program.mjs')
  writeFileSync(script, source)
  const child = spawn(process.execPath, [script, ...args], {
    cwd: PACKAGE,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  child.stdout?.on('data', (text) => {
    output += text
  })
  const exit = once(child, 'close').then(([code, signal]) => [code, signal, output])
  await Promise.race([once(child, 'message'), exit])
  return { child, exit }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test('a process that is asked to end at any moment continues where it was, bit for bit', {
  timeout: 180_000,
}, async () => {
  const folder = temporaryFolder()
  const [expected, weights] = [join(folder, 'expected.safetensors'), join(folder, 'weights.safetensors')]
  const { exit } = await start(PROGRAM, join(folder, 'whole'), expected)
  const [code, , history] = await exit
  expect(code).toBe(0)
  const runs = join(folder, 'runs')
  const steps: number[] = []
  for (let tries = 0; ; tries++) {
    expect(tries).toBeLessThan(60)
    const { child, exit } = await start(PROGRAM, runs, weights)
    const name = tries % 2 === 0 ? 'SIGTERM' : 'SIGINT'
    // Later and later: on a busy machine, a process needs long for its first step.
    const timer = setTimeout(() => child.kill(name), (40 + 100 * Math.random()) * 1.3 ** tries)
    const [code, signal, output] = await exit
    clearTimeout(timer)
    if (code === 0) {
      expect(output).toBe(history)
      break
    }
    expect([code, signal]).toEqual([null, name])
    const [checkpoint] = readdirSync(runs).filter((file) => file.startsWith('step-'))
    steps.push(Number(/\d+/.exec(checkpoint as string)?.[0]))
  }
  expect(readFileSync(weights)).toEqual(readFileSync(expected))
  expect(steps.length).toBeGreaterThan(1)
  // Each run got further than the one before.
  expect([...steps].sort((a, b) => a - b)).toEqual(steps)
})

/** A fit whose steps last until the process is told to go on. */
const WAITING = `
${IMPORTS.join('\n')}
const { torch } = lib
const x = torch.ones([4, 3, 2])
const model = new models.GRUModel(2, 2, 2, { batchFirst: true })
const wait = { everySteps: 1, onStepEnd: ({ step }) => new Promise((resolve) => {
  process.send(step)
  process.once('message', resolve)
}) }
const options = { progress: false, epochs: 2, batchSize: 1, seed: 0, onSignal: 'checkpoint', callbacks: [wait] }
`

test('a second SIGINT ends the process at once', async () => {
  const folder = temporaryFolder()
  const { child, exit } = await start(
    `${WAITING}
    await new train.Trainer(model, { ...options, checkpoint: process.argv[2] }).fit([x, x])
    console.log('the program went on')`,
    folder,
  )
  child.kill('SIGINT')
  await pause(200)
  expect([child.exitCode, child.signalCode]).toEqual([null, null])
  // On a busy machine, two that come soon after each other are one.
  const again = setInterval(() => child.kill('SIGINT'), 100)
  expect(await exit).toEqual([null, 'SIGINT', ''])
  clearInterval(again)
  expect(readdirSync(folder)).toEqual([])
})

test('a second SIGTERM does not: the checkpoint is written', async () => {
  const folder = temporaryFolder()
  const { child, exit } = await start(
    `${WAITING}
    await new train.Trainer(model, { ...options, checkpoint: process.argv[2] }).fit([x, x])
    console.log('the program went on')`,
    folder,
  )
  child.kill('SIGTERM')
  child.kill('SIGTERM')
  await pause(100)
  child.send('go on')
  expect(await exit).toEqual([null, 'SIGTERM', ''])
  expect(readdirSync(folder)).toEqual(['step-000000001.safetensors'])
})

test('a hook that never settles does not keep the process', { timeout: 60_000 }, async () => {
  const folder = temporaryFolder()
  const { child, exit } = await start(
    `${WAITING}
    const open = setInterval(() => {}, 1000)
    const hang = { everySteps: 3, onStepEnd: () => new Promise(() => process.send('hangs')) }
    await new train.Trainer(model, { ...options, checkpoint: process.argv[2], callbacks: [hang] }).fit([x, x])`,
    folder,
  )
  child.kill('SIGTERM')
  const time = performance.now()
  expect(await exit).toEqual([null, 'SIGTERM', ''])
  expect(performance.now() - time).toBeGreaterThan(9000)
  expect(readdirSync(folder)).toEqual(['step-000000003.safetensors'])
})

test('two fits at once both write a checkpoint', async () => {
  const folder = temporaryFolder()
  const { child, exit } = await start(
    `${WAITING}
    const fits = ['a', 'b'].map((name) => {
      const model = new models.GRUModel(2, 2, 2, { batchFirst: true })
      const checkpoint = process.argv[2] + '/' + name
      const slow = { onEpochStart: () => new Promise((resolve) => setTimeout(resolve, name === 'b' ? 300 : 0)) }
      return new train.Trainer(model, { ...options, checkpoint, callbacks: [wait, slow] }).fit([x, x])
    })
    await Promise.all(fits)
    console.log('the program went on')`,
    folder,
  )
  child.kill('SIGTERM')
  await pause(100)
  child.send('go on')
  await once(child, 'message')
  child.send('go on')
  expect(await exit).toEqual([null, 'SIGTERM', ''])
  for (const name of ['a', 'b']) expect(readdirSync(join(folder, name))).toEqual(['step-000000001.safetensors'])
})

const data = ((x: Tensor) => [x, x] as const)(torch.ones([4, 3, 2]))

function trainer(options: TrainerOptions): Trainer {
  const model = new LSTMModel(2, 2, 2, { batchFirst: true })
  return new Trainer(model, { progress: false, epochs: 3, batchSize: 1, onSignal: 'checkpoint', ...options })
}

const listeners = (): number => process.listenerCount('SIGTERM') + process.listenerCount('SIGINT')

test('a program with a listener of its own goes on', async () => {
  const folder = temporaryFolder()
  const before = listeners()
  const seen: string[] = []
  let last: Run | undefined
  const raise: Callback = {
    everySteps: 1,
    onStepEnd(run) {
      last = run
      if (run.step === 6) process.kill(process.pid, 'SIGTERM')
      // Signals come between two turns of the event loop.
      return pause(5)
    },
  }
  process.once('SIGTERM', (name) => seen.push(name))
  const { epochs } = await trainer({ checkpoint: folder, callbacks: [raise] }).fit(data)
  expect(seen).toEqual(['SIGTERM'])
  expect([last?.stopReason, last?.step, epochs.length]).toEqual(['SIGTERM', 6, 1])
  expect(readdirSync(folder).sort()).toEqual(['best.safetensors', 'step-000000006.safetensors'])
  expect(listeners()).toBe(before)
  const resumed = await trainer({ checkpoint: folder }).fit(data, { resume: folder })
  expect(resumed.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3])
})

test('a run that stops by itself completes its epoch first', async () => {
  const folder = temporaryFolder()
  process.once('SIGINT', () => {})
  const stop: Callback = {
    everySteps: 1,
    async onStepEnd(run) {
      process.kill(process.pid, 'SIGINT')
      await pause(5)
      run.stop('enough')
    },
  }
  const { epochs } = await trainer({ checkpoint: folder, callbacks: [stop] }).fit(data, { validation: data })
  expect(epochs).toMatchObject([{ epoch: 1, validationLoss: expect.any(Number) }])
})

test('a checkpoint that cannot be written is an error, and the program goes on', async () => {
  const before = listeners()
  const folder = join(temporaryFolder(), 'runs')
  const raise: Callback = {
    everySteps: 1,
    onStepEnd() {
      rmSync(folder, { recursive: true })
      writeFileSync(folder, 'a file in its place')
      process.kill(process.pid, 'SIGTERM')
      return pause(5)
    },
  }
  await expectRejection(trainer({ checkpoint: folder, callbacks: [raise] }).fit(data), 'ERR_TORCH_FILE', folder)
  expect(listeners()).toBe(before)
})

test('nothing listens after a fit that ended or failed, or without the option', async () => {
  const before = listeners()
  const during: number[] = []
  const look: Callback = { onFitStart: () => during.push(listeners()) }
  await trainer({ checkpoint: temporaryFolder(), callbacks: [look] }).fit(data)
  expect(listeners()).toBe(before)
  const fail: Callback = {
    onEpochStart() {
      throw new Error('disk full')
    },
  }
  await expect(trainer({ checkpoint: temporaryFolder(), callbacks: [look, fail] }).fit(data)).rejects.toThrow(
    'disk full',
  )
  expect(listeners()).toBe(before)
  const model = new LSTMModel(2, 2, 2, { batchFirst: true })
  await new Trainer(model, { progress: false, epochs: 1, callbacks: [look] }).fit(data)
  expect(during).toEqual([before + 2, before + 2, before])
})

test('options that cannot work are refused', async () => {
  expectError(() => trainer({}), 'ERR_TORCH_OPTION', "onSignal: 'checkpoint' needs the option checkpoint, a folder")
  const wrong = { onSignal: 'ignore' as never, checkpoint: 'runs' }
  expectError(() => trainer(wrong), 'ERR_TORCH_VALUE', "onSignal must be 'checkpoint', got 'ignore'")
  const worker = new Worker(
    new URL(
      `data:text/javascript,${encodeURIComponent(`
        import { parentPort } from 'node:worker_threads'
        ${IMPORTS.join('\n')}
        const model = new models.GRUModel(2, 2, 2)
        try { new train.Trainer(model, { onSignal: 'checkpoint', checkpoint: 'runs' }) } catch (error) { parentPort.postMessage(error.message) }
      `)}`,
    ),
  )
  expect(await once(worker, 'message')).toEqual([
    'Trainer: onSignal cannot be used in a worker thread, which gets no signals',
  ])
})
