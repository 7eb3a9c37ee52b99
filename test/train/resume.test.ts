import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DataLoader, Series, TensorDataset } from '../../lib/data/index.ts'
import { nn, optim, type Tensor, type TorchError, torch } from '../../lib/index.ts'
import { loadFile, readHeader, saveFile } from '../../lib/io/index.ts'
import { LSTMModel, type LSTMModelOptions } from '../../lib/models/index.ts'
import { PACKAGE } from '../../lib/native/package.ts'
import { loadCheckpoint, type State, saveCheckpoint } from '../../lib/train/checkpoint.ts'
import { checksumOf } from '../../lib/train/checksum.ts'
import {
  activationRegularization,
  type Callback,
  checkpoint,
  Trainer,
  type TrainerOptions,
} from '../../lib/train/index.ts'
import { expectRejection } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'
import { collectGarbage, expectNoMoreTensors } from '../support/garbage.ts'

const data = (() => {
  const x = torch.arange(240, { dtype: 'float32' }).reshape([20, 6, 2]).mul(0.05).sin()
  return [x, x.sum(2, true)] as const
})()

/** Dropout, shuffling, and momentum: everything that a checkpoint has to restore. */
function trainer(options: TrainerOptions = {}): Trainer {
  const model = torch.forkRng(() => {
    torch.manualSeed(5)
    return new LSTMModel(2, 6, 1, { numLayers: 2, dropout: 0.4, batchFirst: true })
  })
  const lr = typeof options.optimizer === 'function' ? {} : { lr: 0.02 }
  return new Trainer(model, {
    progress: false,
    epochs: 4,
    batchSize: 3,
    ...lr,
    seed: 1,
    metrics: ['mae'],
    ...options,
  })
}

const weights = ({ model }: Trainer) => [...model.parameters()].map((parameter) => parameter.toArray())

/** The weights and the history of a fit, which must not depend on interruptions. */
async function outcome(fitted: Trainer, options: object = {}): Promise<unknown> {
  const { epochs } = await fitted.fit(data, { validation: data, ...options })
  return [weights(fitted), epochs.map(({ seconds, ...result }) => result)]
}

const index = (name: string) => new URL(`../../dist/${name}index.js`, import.meta.url).href

/** About how many times the process is killed. */
const KILLS = Number(process.env.LIBTORCH_RNN_KILLS ?? 4)

/** Writes a checkpoint with any state, and the checksum of it. */
async function writeState(path: string, json: string, tensors: Record<string, Tensor>): Promise<void> {
  const checksum = await checksumOf(json, tensors)
  await saveFile(tensors, path, {
    metadata: { 'libtorch-rnn.checkpoint': json, 'libtorch-rnn.checksum': checksum },
  })
}

const stopAt = (step: number): Callback => ({
  everySteps: 1,
  onStepEnd: (run) => {
    if (run.step === step) throw new Error('power failure')
  },
})

describe('a fit that is resumed is the fit that was never interrupted, bit for bit', () => {
  test.each([
    ['Adam', {}],
    ['SGD with momentum', { optimizer: (p) => new optim.SGD(p, { lr: 0.02, momentum: 0.9 }) }],
    ['accumulation', { accumulateGradBatches: 2 }],
    ['averages and a schedule', { movingAverage: 0.9, schedule: 'cosine' }],
    ['early stopping and the best weights', { patience: 2, restoreBest: true, lr: 0.3 }],
  ] as [string, TrainerOptions][])('%s', async (_, options) => {
    const expected = await outcome(trainer(options))
    const accumulated = (options.accumulateGradBatches ?? 1) > 1
    for (const step of accumulated ? [1, 3, 4, 7, 10] : [1, 6, 7, 10, 14, 20, 25]) {
      const folder = temporaryFolder()
      const saving = { callbacks: [checkpoint(folder, { everySteps: 1 }), stopAt(step)] }
      await expect(trainer({ ...options, ...saving }).fit(data, { validation: data })).rejects.toThrow('power failure')
      const seed = { seed: 77 }
      expect(await outcome(trainer({ ...options, ...seed }), { resume: folder }), `step ${step}`).toEqual(expected)
    }
  })

  test('from each epoch, also more than once', async () => {
    const expected = await outcome(trainer())
    const folder = temporaryFolder()
    for (let epochs = 1; epochs <= 4; epochs++) {
      const resumed = trainer({ epochs, checkpoint: folder })
      const result = await outcome(resumed, { resume: folder })
      if (epochs === 4) expect(result).toEqual(expected)
    }
    // All epochs are done: nothing is left to do.
    expect(await outcome(trainer({ checkpoint: folder }), { resume: folder })).toEqual(expected)
  })

  test('without a seed, and with a loader that has its own', async () => {
    const run = (options: TrainerOptions, resume?: string) =>
      torch.forkRng(async () => {
        torch.manualSeed(9)
        const { seed, ...others } = { ...options, seed: 0 }
        const loader = new DataLoader(new TensorDataset(...data), { batchSize: 3, shuffle: true, seed: 4 })
        const model = new LSTMModel(2, 6, 1, { numLayers: 2, dropout: 0.4, batchFirst: true })
        const fitted = new Trainer(model, { progress: false, epochs: 3, lr: 0.02, ...others })
        if (resume !== undefined) torch.manualSeed(123)
        await fitted.fit(loader, resume === undefined ? {} : { resume })
        return weights(fitted)
      })
    const expected = await run({})
    for (const step of [3, 7, 12]) {
      const folder = temporaryFolder()
      const callbacks = [checkpoint(folder, { everySteps: 1 }), stopAt(step)]
      await expect(run({ callbacks })).rejects.toThrow('power failure')
      expect(await run({}, folder)).toEqual(expected)
    }
    const folder = temporaryFolder()
    const between: Callback = {
      onEpochStart: ({ epoch }) => {
        if (epoch === 3) throw new Error('power failure')
      },
    }
    await expect(run({ checkpoint: folder, callbacks: [between] })).rejects.toThrow('power failure')
    expect(await run({}, folder)).toEqual(expected)
  })

  test('of a fit that a limit or early stopping had ended: nothing is left to do', async () => {
    for (const options of [{ maxSteps: 10 }, { patience: 1, lr: 0.5, epochs: 30 }]) {
      const folder = temporaryFolder()
      const expected = await outcome(trainer({ ...options, checkpoint: folder }))
      expect(await outcome(trainer({ ...options, checkpoint: folder }), { resume: folder })).toEqual(expected)
    }
  })

  test('of a process that is killed again and again', { timeout: 600_000 }, async () => {
    const folder = temporaryFolder()
    const script = join(folder, 'train.mjs')
    // About 5 steps, and a kill.
    const epochs = Math.ceil((KILLS * 5) / 7)
    writeFileSync(
      script,
      `import { torch } from '${index('')}'
       import { LSTMModel } from '${index('models/')}'
       import { saveFileSync } from '${index('io/')}'
       import { Trainer, checkpoint } from '${index('train/')}'
       const x = torch.arange(240, { dtype: 'float32' }).reshape([20, 6, 2]).mul(0.05).sin()
       const data = [x, x.sum(2, true)]
       torch.manualSeed(5)
       const model = new LSTMModel(2, 6, 1, { numLayers: 2, dropout: 0.4, batchFirst: true })
       const told = { everySteps: 1, onStepEnd: () => void process.send('step') }
       const callbacks = [checkpoint(process.argv[2], { everySteps: 1 }), told]
       const trainer = new Trainer(model, { progress: false, epochs: ${epochs}, batchSize: 3, lr: 0.02, seed: 1, callbacks })
       await trainer.fit(data, { validation: data, resume: process.argv[2] })
       saveFileSync(model.stateDict(), process.argv[3])
       process.disconnect()`,
    )
    const start = (runs: string, result: string): ChildProcess => {
      const child = spawn(process.execPath, [script, join(folder, runs), join(folder, result)], {
        cwd: PACKAGE,
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      onTestFinished(() => void child.kill('SIGKILL'))
      return child
    }
    const whole = start('whole', 'whole.safetensors')
    expect((await once(whole, 'exit'))[0]).toBe(0)
    let kills = 0
    for (let code: unknown = null; code !== 0; ) {
      const child = start('killed', 'killed.safetensors')
      let steps = 1 + Math.floor(9 * Math.random())
      child.on('message', () => {
        if (--steps === 0) setTimeout(() => child.kill('SIGKILL'), 8 * Math.random())
      })
      code = (await once(child, 'exit'))[0]
      if (code !== 0) kills++
      expect(kills).toBeLessThan(KILLS * 10)
    }
    expect(kills).toBeGreaterThan(KILLS / 3)
    const [killed, expected] = ['killed', 'whole'].map((name) => readFileSync(join(folder, `${name}.safetensors`)))
    expect(killed).toEqual(expected)
    const names = readdirSync(join(folder, 'killed'))
    expect(names.filter((name) => !/^(step-\d+|best)\.safetensors$/.test(name)).length).toBeLessThan(2)
  })
})

describe('checkpoints', () => {
  test('are kept, the last ones and the best', async () => {
    const folder = join(temporaryFolder(), 'runs', 'a')
    const fitted = trainer({ callbacks: [checkpoint(folder, { keep: 2 })] })
    const { best } = await fitted.fit(data, { validation: data })
    expect(readdirSync(folder).sort()).toEqual([
      'best.safetensors',
      'step-000000021.safetensors',
      'step-000000028.safetensors',
    ])
    const other = trainer({ epochs: best?.epoch ?? 0 })
    const { epochs } = await other.fit(data, { resume: join(folder, 'best.safetensors') })
    expect(epochs.at(-1)?.validationLoss).toBe(best?.validationLoss)
    expect((await other.evaluate(data)).loss).toBe(best?.validationLoss)
  })

  test('have the weights under the names of the model', async () => {
    const folder = temporaryFolder()
    const fitted = trainer({ checkpoint: folder, epochs: 1 })
    await fitted.fit(data)
    const tensors = await loadFile(join(folder, 'step-000000007.safetensors'))
    expect(tensors['modules.0.linear.weight']?.toArray()).toEqual(
      (fitted.model.stateDict()['linear.weight'] as Tensor).toArray(),
    )
  })

  test('have tied weights once', async () => {
    const folder = temporaryFolder()
    const make = () => new LSTMModel(6, 6, 5, { embedding: 5, tieWeights: true, batchFirst: true })
    const tokens = torch.arange(40, { dtype: 'int64' }).remainder(5).reshape([8, 5])
    const options: TrainerOptions = { progress: false, loss: 'crossEntropy', seed: 0 }
    const fitted = new Trainer(make(), { ...options, epochs: 1, checkpoint: folder })
    await fitted.fit([tokens, tokens])
    const other = new Trainer(make(), { ...options, epochs: 1 })
    await other.fit([tokens, tokens], { resume: folder })
    expect(weights(other)).toEqual(weights(fitted))
    const model = other.model as LSTMModel
    expect(model.linear.weight).toBe(model.embedding?.weight)
  })

  test('leave no tensors behind', async () => {
    const run = async () => {
      const folder = temporaryFolder()
      const options = { restoreBest: true, callbacks: [checkpoint(folder, { everySteps: 2 })] }
      await expect(trainer({ ...options, epochs: 2 }).fit(data)).resolves.toBeDefined()
      await trainer({ epochs: 3 }).fit(data, { resume: folder })
    }
    await run()
    await collectGarbage()
    const before = torch.memory().tensors
    await run()
    await expectNoMoreTensors(before)
  })

  test('that are missing, foreign, damaged or for another model say so', async () => {
    const folder = temporaryFolder()
    const resume = (path: string, fitted = trainer()) => fitted.fit(data, { resume: path })
    await expectRejection(resume(join(folder, 'none.safetensors')), 'ERR_TORCH_FILE', 'none.safetensors')
    const weightsOnly = join(folder, 'weights.safetensors')
    await saveFile({ a: torch.ones([2]) }, weightsOnly)
    await expectRejection(
      resume(weightsOnly),
      'ERR_TORCH_FORMAT',
      'is not a checkpoint of a Trainer: it has weights only',
    )
    const later = join(folder, 'later.safetensors')
    const write = (path: string, value: unknown) => writeState(path, JSON.stringify(value), {})
    await write(later, { version: 99, state: {} })
    await expectRejection(
      resume(later),
      'ERR_TORCH_FORMAT',
      'is a checkpoint of version 99, but this library reads version 3',
    )
    const damaged = join(folder, 'damaged.safetensors')
    await writeState(damaged, '{"version":', {})
    await expectRejection(resume(damaged), 'ERR_TORCH_FORMAT', 'is damaged')
    await saveFile({}, damaged, { metadata: { 'libtorch-rnn.checkpoint': '{"version":3,"state":{}}' } })
    await expectRejection(resume(damaged), 'ERR_TORCH_FORMAT', 'is damaged: it has no checksum')
    await write(damaged, { version: 3, state: { model: { $: 'tensor a' } } })
    await expectRejection(resume(damaged), 'ERR_TORCH_FORMAT', "the tensor of 'tensor a' is missing")
    for (const name of ['constructor', 'tensor constructor', 'tensor toString', 'toString']) {
      await write(damaged, { version: 3, state: { model: { $: name } } })
      await expectRejection(resume(damaged), 'ERR_TORCH_FORMAT', `the tensor of '${name}' is missing`)
    }
    await write(damaged, { version: 3, state: {} })
    await expectRejection(
      resume(damaged),
      'ERR_TORCH_FORMAT',
      'is damaged: settings must be an object, but is undefined',
    )
    for (const value of [[], null, 3]) {
      await write(damaged, value)
      await expectRejection(resume(damaged), 'ERR_TORCH_FORMAT', 'is damaged')
    }
    await expectRejection(resume(join(folder, 'runs')), 'ERR_TORCH_FILE', `there is no folder ${join(folder, 'runs')}`)

    await trainer({ checkpoint: folder, epochs: 1 }).fit(data)
    const other = new Trainer(new LSTMModel(2, 7, 1, { batchFirst: true }), { progress: false, batchSize: 3, lr: 0.02 })
    await expectRejection(resume(folder, other), 'ERR_TORCH_VALUE', /does not fit this trainer: .*lstm.weight_ih_l0/s)
    const sgd = trainer({ optimizer: 'sgd' })
    const start = weights(sgd)
    await expectRejection(resume(folder, sgd), 'ERR_TORCH_VALUE', 'does not fit this trainer')
    expect(weights(sgd)).toEqual(start)
    expect(sgd.history?.epochs).toEqual([])
    const short: [Tensor, Tensor] = [data[0].narrow(0, 0, 3), data[1].narrow(0, 0, 3)]
    const middle = temporaryFolder()
    const callbacks = [checkpoint(middle, { everySteps: 1 }), stopAt(3)]
    await expect(trainer({ callbacks }).fit(data)).rejects.toThrow('power failure')
    await expectRejection(
      trainer().fit(short, { resume: middle }),
      'ERR_TORCH_VALUE',
      'resume: the checkpoint was written after 3 batches of an epoch, but the data has only 1',
    )
    const empty = "fit: resume must be the path of a file or folder, got ''"
    await expectRejection(trainer().fit(data, { resume: '' }), 'ERR_TORCH_VALUE', empty)
    await expectRejection(trainer().fit(data, { resume: 3 as never }), 'ERR_TORCH_TYPE', 'resume must be a string')
  })

  test('of which any one bit has changed are refused', async () => {
    const folder = temporaryFolder()
    await trainer({ checkpoint: folder, epochs: 1 }).fit(data)
    const file = join(folder, 'step-000000007.safetensors')
    const [bytes, damaged] = [readFileSync(file), join(folder, 'damaged.safetensors')]
    const flip = async (byte: number, bit: number): Promise<TorchError | undefined> => {
      const copy = Buffer.from(bytes)
      copy[byte] = (copy[byte] as number) ^ (1 << bit)
      writeFileSync(damaged, copy)
      return await loadCheckpoint(damaged).then(
        () => undefined,
        (error: TorchError) => error,
      )
    }
    const start = 8 + Number(bytes.readBigUInt64LE())
    const { modules } = (await loadCheckpoint(file)) as { modules: Record<string, Tensor>[] }
    expect(modules[0]?.['linear.weight']?.shape).toEqual([1, 6])
    const { tensors } = await readHeader(file)
    const first = tensors['modules.0.linear.weight']?.dataOffsets[0] as number
    // The exponent of a weight, and the name of a setting.
    const message = `resume: ${damaged} is damaged: its checksum is not that of its content`
    for (const byte of [start + first + 3, bytes.indexOf('batchSize')]) {
      expect(await flip(byte, 0)).toMatchObject({
        code: 'ERR_TORCH_FORMAT',
        message: expect.stringContaining(message),
      })
    }
    for (let byte = 0; byte < bytes.length; byte += 1 + Math.floor(bytes.length / 300)) {
      expect((await flip(byte, byte % 8))?.code, `byte ${byte}`).toBe('ERR_TORCH_FORMAT')
    }
    expect(await flip(bytes.length - 1, 7)).toMatchObject({ code: 'ERR_TORCH_FORMAT' })
  })

  test('of which the newest is damaged name another', async () => {
    const folder = temporaryFolder()
    await trainer({ callbacks: [checkpoint(folder, { keep: 3 })], epochs: 3 }).fit(data)
    const step = (steps: string): string => join(folder, `step-0000000${steps}.safetensors`)
    const refusal = async (): Promise<TorchError> =>
      await trainer()
        .fit(data, { resume: folder })
        .then(() => Promise.reject(new Error('resumed')))
        .catch((error: TorchError) => error)
    writeFileSync(step('21'), 'junk')
    expect(await refusal()).toMatchObject({
      code: 'ERR_TORCH_FORMAT',
      message: expect.stringMatching(`step-000000021.safetensors.*. ${step('14')} can be read: resume from it`),
    })
    writeFileSync(step('14'), 'junk')
    expect((await refusal()).message).toContain(`${step('07')} can be read`)
    writeFileSync(step('07'), 'junk')
    expect((await refusal()).message).toContain(`${join(folder, 'best.safetensors')} can be read`)
    writeFileSync(join(folder, 'best.safetensors'), 'junk')
    expect((await refusal()).message).not.toContain('can be read')
    expect((await refusal()).message).toContain('step-000000021.safetensors')
  })

  test('have a checksum of every element, whatever its place', async () => {
    const tensors = { a: torch.zeros([3_000_000]), b: torch.zeros([2, 2], { dtype: 'int64' }) }
    const before = await checksumOf('x', tensors)
    // The text is fewer than 4 MiB, and so is the rest of a.
    const pieces = Buffer.concat([
      Buffer.from('x\n["a","float32",[3000000]]\n'),
      Buffer.alloc(12_000_000),
      Buffer.from('["b","int64",[2,2]]\n'),
      Buffer.alloc(32),
    ])
    const all = createHash('sha256')
    for (let at = 0; at < pieces.length; at += 1 << 22) {
      all.update(
        createHash('sha256')
          .update(pieces.subarray(at, at + (1 << 22)))
          .digest(),
      )
    }
    expect(before).toBe(all.digest('hex'))
    for (const at of [0, 1_500_000, 2_999_999]) {
      tensors.a.select(0, at).fill_(1)
      expect(await checksumOf('x', tensors)).not.toBe(before)
      tensors.a.select(0, at).fill_(0)
    }
    expect(await checksumOf('x', tensors)).toBe(before)
    const changing = checksumOf('x', tensors)
    tensors.b.add_(1)
    await expectRejection(changing, 'ERR_TORCH_VALUE', "'b' was changed while it was written")
  })

  test('whose entries are damaged say which one', async () => {
    const folder = temporaryFolder()
    const callbacks = [checkpoint(folder, { everySteps: 1 }), stopAt(10)]
    await expect(trainer({ callbacks }).fit(data)).rejects.toThrow('power failure')
    const [name] = readdirSync(folder).filter((file) => file.startsWith('step-'))
    const [whole, damaged] = [join(folder, name as string), join(folder, 'damaged.safetensors')]
    const { metadata } = await readHeader(whole)
    const tensors = await loadFile(whole)
    const key = 'libtorch-rnn.checkpoint'
    const saved = JSON.parse(metadata?.[key] as string) as { version: number; state: object }
    const resumeWith = async (path: string, value: unknown) => {
      const parsed = structuredClone(saved)
      const names = path.split('.')
      const parent = names.slice(0, -1).reduce((object, part) => Reflect.get(object, part) as object, parsed.state)
      Reflect.set(parent, names.at(-1) as string, value)
      await writeState(damaged, JSON.stringify(parsed), tensors)
      const fitted = trainer()
      const before = weights(fitted)
      const error = await fitted.fit(data, { resume: damaged }).then(
        () => undefined,
        (error: TorchError) => error,
      )
      if (error === undefined) return undefined
      expect(weights(fitted), path).toEqual(before)
      expect(fitted.history?.epochs, path).toEqual([])
      return error
    }
    const tensor = { $: 'tensor modules.0.linear.weight' }
    for (const [path, value, message] of [
      ['settings', 3, 'settings must be an object, but is 3'],
      ['modules', {}, 'modules must be a list, but is an object'],
      ['modules.0', [], 'modules.0 must be an object, but is []'],
      ['modules.0', { 'linear.bias': 'x' }, "modules.0.linear.bias must be a tensor, but is 'x'"],
      ['optimizer', null, 'optimizer must be an object, but is null'],
      ['random.now', {}, 'random.now.numbers must be a tensor, but is undefined'],
      ['random.epoch', undefined, 'random.epoch must be an object, but is undefined'],
      ['progress.batch', -1, 'progress.batch must be a number of batches, but is -1'],
      ['progress.step', '10', "progress.step must be a number of steps, but is '10'"],
      ['pass', null, 'pass must be an object, but is null'],
      ['pass.total', tensor, 'pass.total must be a tensor of one element, but is Tensor'],
      ['pass.metrics.mae', 1, 'pass.metrics.mae must be an object, but is 1'],
      ['history', 'x', "history must be a list, but is 'x'"],
      ['history.0.epoch', 2, 'history.0.epoch must be 1, but is 2'],
      ['history.0.trainLoss', null, 'history.0.trainLoss must be a number, but is null'],
      ['callbacks', [], 'callbacks must be an object, but is []'],
    ] as const) {
      const error = await resumeWith(path, value)
      expect([path, error?.code, error?.message]).toEqual([
        path,
        'ERR_TORCH_FORMAT',
        `resume: ${damaged} is damaged: ${message}`,
      ])
    }
    // What only its owner can check.
    for (const [path, value] of [
      ['optimizer.paramGroups', []],
      ['optimizer.state.0', { expAvg: 1 }],
      ['random.now.numbers', tensor],
      ['random.epoch.numbers', tensor],
      ['modules.0', {}],
    ] as const) {
      const error = await resumeWith(path, value)
      expect([path, error?.code]).toEqual([path, 'ERR_TORCH_VALUE'])
      expect(error?.message).toMatch(`resume: ${damaged} does not fit this trainer: `)
    }
    expect(await resumeWith('callbacks.constructor', 3)).toBe(undefined)
  })

  test.each([
    [{ batchSize: 4 }, 'its batchSize was 3, and is 4 now'],
    [{ lr: 0.01 }, 'its lr was 0.02, and is 0.01 now'],
    [{ optimizer: 'sgd' }, "its optimizer was 'adam', and is 'sgd' now"],
    [{ loss: 'l1' }, "its loss was 'mse', and is 'l1' now"],
    [{ loss: new nn.HuberLoss() }, "its loss was 'mse', and is 'HuberLoss()' now"],
    [{ shuffle: false }, 'its shuffle was true, and is false now'],
    [{ accumulateGradBatches: 2 }, 'its accumulateGradBatches was 1, and is 2 now'],
    [{ clipGradNorm: 1 }, 'its clipGradNorm was not set, and is 1 now'],
    [{ schedule: { name: 'linear', warmup: 2 } }, "its schedule was not set, and is { name: 'linear', warmup: 2 } now"],
    [{ weightDecay: 0.1 }, 'its weightDecay was not set, and is 0.1 now'],
    [{ movingAverage: 0.9 }, 'its movingAverage was not set, and is 0.9 now'],
    [{ auxiliaryLosses: [activationRegularization(2)] }, 'its auxiliaryLosses was [], and is [ 2 ] now'],
    [{ autocast: 'bfloat16' }, "its autocast was not set, and is 'bfloat16' now"],
    [{ dtype: 'float64' }, "its dtype was not set, and is 'float64' now"],
    [{ metrics: ['rmse'] }, "its metrics was [ 'mae' ], and is [ 'rmse' ] now"],
  ] as [TrainerOptions, string][])('of a training with other settings than %j say so', async (options, change) => {
    const folder = temporaryFolder()
    const callbacks = [checkpoint(folder, { everySteps: 4 }), stopAt(9)]
    await expect(trainer({ callbacks }).fit(data)).rejects.toThrow('power failure')
    const other = trainer(options)
    const before = weights(other)
    const message = `step-000000008.safetensors does not fit this trainer: ${change}. It continues the training`
    await expectRejection(other.fit(data, { resume: folder }), 'ERR_TORCH_VALUE', message)
    expect(weights(other)).toEqual(before)
  })

  test('of a training of other parameters say so', async () => {
    const folder = temporaryFolder()
    await trainer({ checkpoint: folder, epochs: 1 }).fit(data)
    const frozen = trainer({ epochs: 2 })
    const biasOf = ({ model }: Trainer) => (model as LSTMModel).linear.bias as nn.Parameter
    biasOf(frozen).requiresGrad_(false)
    const before = weights(frozen)
    const message =
      /does not fit this trainer: the requiresGrad of linear.bias was true, and is false now: set it as it was/
    await expectRejection(frozen.fit(data, { resume: folder }), 'ERR_TORCH_VALUE', message)
    expect(weights(frozen)).toEqual(before)
    biasOf(frozen).requiresGrad_(true)
    expect((await frozen.fit(data, { resume: folder })).epochs).toHaveLength(2)

    // A callback that thaws during the fit has to do so again.
    const other = temporaryFolder()
    const make = (epochs: number): Trainer => {
      const thaw: Callback = {
        name: 'thaw',
        onEpochStart: ({ epoch }) => epoch === 2 && biasOf(made).requiresGrad_(true),
        stateDict: () => biasOf(made).requiresGrad,
        loadStateDict: (state) => void biasOf(made).requiresGrad_(state as boolean),
      }
      const made = trainer({ epochs, checkpoint: other, callbacks: [thaw] })
      biasOf(made).requiresGrad_(false)
      return made
    }
    await make(2).fit(data)
    expect((await make(3).fit(data, { resume: other })).epochs).toHaveLength(3)
  })

  test('can be continued with more epochs and other metrics, but not by a schedule that is over', async () => {
    const folder = temporaryFolder()
    await trainer({ epochs: 1, checkpoint: folder }).fit(data)
    const more = await trainer({ epochs: 2, metrics: ['rmse'] }).fit(data, { resume: folder })
    expect(more.epochs.map(({ trainRmse }) => trainRmse === undefined)).toEqual([true, false])
    const scheduled = temporaryFolder()
    await trainer({ epochs: 1, schedule: 'cosine', checkpoint: scheduled }).fit(data)
    await expectRejection(
      trainer({ epochs: 2, schedule: 'cosine' }).fit(data, { resume: scheduled }),
      'ERR_TORCH_VALUE',
      'its schedule goes over 7, and would go over 14 now: epochs, maxSteps or the number of batches have changed',
    )
    const plateau = temporaryFolder()
    await trainer({ epochs: 1, schedule: 'plateau', checkpoint: plateau }).fit(data)
    const { epochs } = await trainer({ epochs: 2, schedule: 'plateau' }).fit(data, { resume: plateau })
    expect(epochs).toHaveLength(2)
  })

  test.each([
    [{ output: 'last' }, {}, "of its model, its output was 'last', and is 'sequence' now"],
    [{}, { outputDropout: 0.1 }, 'of its model, its outputDropout was 0, and is 0.1 now'],
  ] as [LSTMModelOptions, LSTMModelOptions, string][])(
    'of a model with %j instead of %j say so',
    async (old, own, change) => {
      const folder = temporaryFolder()
      const make = (options: LSTMModelOptions, more: TrainerOptions = {}) =>
        new Trainer(new LSTMModel(2, 4, 1, { batchFirst: true, ...options }), { progress: false, epochs: 2, ...more })
      const [x, y] = data
      const targets = old.output === 'last' ? y.select(1, -1) : y
      await make(old, { checkpoint: folder, epochs: 1 }).fit([x, targets])
      const other = make(own)
      const before = weights(other)
      await expectRejection(other.fit(data, { resume: folder }), 'ERR_TORCH_VALUE', change)
      expect(weights(other)).toEqual(before)
      expect((await make(old).fit([x, targets], { resume: folder })).epochs).toHaveLength(2)
    },
  )

  test('know the scales of the data', async () => {
    const folder = temporaryFolder()
    const of = (values: number[]) => {
      const time = values.map((_, i) => new Date(Date.UTC(2020, 0, 1 + i)))
      return Series.from({ time, value: values }, { time: 'time', targets: 'value' })
    }
    const values = Array.from({ length: 40 }, (_, i) => Math.sin(i))
    const split = async (all: number[]) => {
      const series = await of(all)
      return (await series.split({ validation: '2020-02-01', past: 4, horizon: 1 })).train
    }
    const make = (epochs: number, more: TrainerOptions = {}) => {
      const model = new LSTMModel(1, 2, 1, { output: 'last', horizon: 1, batchFirst: true })
      return new Trainer(model, { progress: false, epochs, ...more })
    }
    await make(1, { checkpoint: folder }).fit(await split(values))
    expect((await make(2).fit(await split(values), { resume: folder })).epochs).toHaveLength(2)
    await expectRejection(
      make(2).fit(await split(values.map((value) => 2 * value)), { resume: folder }),
      'ERR_TORCH_VALUE',
      'its data were scaled otherwise',
    )
  })

  test('of two fits in one folder are refused', async () => {
    const folder = temporaryFolder()
    const options = { checkpoint: folder, epochs: 2 }
    const running = trainer(options).fit(data)
    const message = `checkpoint: another fit is writing into ${folder}: give each fit a folder of its own`
    await expectRejection(trainer(options).fit(data), 'ERR_TORCH_FILE', message)
    const link = `${folder}-link`
    symlinkSync(folder, link)
    await expectRejection(trainer({ checkpoint: link }).fit(data), 'ERR_TORCH_FILE', 'another fit is writing')
    await running
    // One after another, they may, also after a failure.
    const more = { ...options, epochs: 3 }
    await expect(trainer({ ...more, callbacks: [stopAt(17)] }).fit(data, { resume: folder })).rejects.toThrow('power')
    const { epochs } = await trainer(more).fit(data, { resume: folder })
    expect(epochs).toHaveLength(3)

    const other = temporaryFolder()
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { torch } from '${index('')}'
         import { GRUModel } from '${index('models/')}'
         import { Trainer } from '${index('train/')}'
         const x = torch.ones([1, 1, 1])
         const callbacks = [{ onEpochEnd: () => { process.send('trains'); return new Promise((resolve) => setTimeout(resolve, 60_000)) } }]
         await new Trainer(new GRUModel(1, 1, 1), { checkpoint: process.argv[1], callbacks }).fit([x, x])`,
        other,
      ],
      { cwd: PACKAGE, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    )
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child, 'message')
    const third = trainer({ checkpoint: other, epochs: 2 })
    await expectRejection(third.fit(data), 'ERR_TORCH_FILE', `checkpoint: another fit is writing into ${other}`)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect((await third.fit(data)).epochs).toHaveLength(2)
  })

  test('belong to one run: a fit that does not continue it is refused, and they stay', async () => {
    const folder = temporaryFolder()
    await trainer({ checkpoint: folder }).fit(data)
    const files = () =>
      Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'base64')]))
    const before = files()
    expect(Object.keys(before)).toEqual(['best.safetensors', 'step-000000028.safetensors'])
    const refusal = `checkpoint: ${folder} has checkpoints of another fit, the last of step 28, and this one does not continue it: go on with fit(data, { resume: '${folder}' }), or name another folder`
    for (const options of [{ checkpoint: folder }, { callbacks: [checkpoint(folder, { keep: 2 })] }]) {
      const second = trainer({ ...options, seed: 2 })
      const untrained = weights(second)
      await expectRejection(second.fit(data), 'ERR_TORCH_FILE', refusal)
      expect(weights(second)).toEqual(untrained)
      expect(files()).toEqual(before)
    }
    const elsewhere = temporaryFolder()
    await trainer({ checkpoint: elsewhere, epochs: 1 }).fit(data)
    const moved = trainer({ checkpoint: folder })
    await expectRejection(moved.fit(data, { resume: elsewhere }), 'ERR_TORCH_FILE', refusal)
    expect(files()).toEqual(before)
  })

  test('of which the best or an earlier one is resumed need another folder', async () => {
    const folder = temporaryFolder()
    const keeping = () => checkpoint(folder, { keep: 3 })
    await trainer({ epochs: 2, callbacks: [keeping()] }).fit(data)
    const first = { resume: join(folder, 'step-000000007.safetensors') }
    await expectRejection(
      trainer({ callbacks: [keeping()] }).fit(data, first),
      'ERR_TORCH_FILE',
      `checkpoint: ${folder} has a checkpoint of step 14, but this fit goes on from step 7: remove the later ones, or name another folder`,
    )
    const other = temporaryFolder()
    await trainer({ checkpoint: other }).fit(data, first)
    expect(readdirSync(other)).toContain('step-000000028.safetensors')
    const last = { resume: join(folder, 'step-000000014.safetensors') }
    await trainer({ epochs: 3, callbacks: [keeping()] }).fit(data, last)
    expect(readdirSync(folder)).toContain('step-000000021.safetensors')
  })

  test('of a run with only its best epoch are refused, too, unless it is resumed: it starts again', async () => {
    const folder = temporaryFolder()
    const options = () => ({ callbacks: [checkpoint(folder, { everyEpochs: 3 }), stopAt(9)] })
    await expect(trainer(options()).fit(data)).rejects.toThrow('power failure')
    expect(readdirSync(folder)).toEqual(['best.safetensors'])
    await expectRejection(
      trainer(options()).fit(data),
      'ERR_TORCH_FILE',
      `checkpoint: ${folder} has checkpoints of another fit, and this one does not continue it`,
    )
    await expect(trainer(options()).fit(data, { resume: folder })).rejects.toThrow('power failure')
  })

  test.each([
    [{ keep: 0 }, /keep must be a positive integer/],
    [{ everyEpochs: 1.5 }, /everyEpochs must be a positive integer/],
    [{ everySteps: '2' }, /everySteps must be a positive integer/],
    [{ mode: 'least' }, /mode must be 'min' or 'max'/],
    [{ every: 3 }, /unknown option 'every'/],
  ])('refuse %j', (options, message) => {
    expect(() => checkpoint('runs', options as never)).toThrow(message)
  })

  test('hold numbers that JSON lacks, and refuse what they cannot hold', async () => {
    const folder = temporaryFolder()
    const seen: unknown[] = []
    const keeping: Callback = {
      name: 'keeping',
      stateDict: () => ({ list: [Number.NaN, Number.NEGATIVE_INFINITY, null, 'x'], nested: { t: torch.ones([1]) } }),
      loadStateDict: (state) => seen.push(state),
    }
    await trainer({ epochs: 1, checkpoint: folder, callbacks: [keeping] }).fit(data)
    await trainer({ epochs: 1, callbacks: [keeping] }).fit(data, { resume: folder })
    expect(seen).toMatchObject([{ list: [Number.NaN, Number.NEGATIVE_INFINITY, null, 'x'] }])
    const odd: Callback = { name: 'odd', stateDict: () => ({ fn: () => {} }) as never }
    await expectRejection(
      trainer({ epochs: 1, checkpoint: temporaryFolder(), callbacks: [odd] }).fit(data),
      'ERR_TORCH_TYPE',
      'checkpoint: callbacks.odd.fn cannot be saved: it is a function',
    )
    const circle: { list: unknown[] } = { list: [1] }
    circle.list.push(circle)
    const nested = (levels: number): State => (levels === 0 ? 7 : [nested(levels - 1)])
    const saving = (state: unknown): Promise<unknown> =>
      saveCheckpoint(join(folder, 'own.safetensors'), state as State).catch((error: Error) => error)
    expect(await saving({ circle })).toMatchObject({
      code: 'ERR_TORCH_VALUE',
      message: 'checkpoint: circle.list.1 cannot be saved: it is an object that contains it',
    })
    expect(await saving(nested(3000))).toMatchObject({
      code: 'ERR_TORCH_VALUE',
      message: expect.stringContaining('cannot be saved: it is nested more than 200 levels deep'),
    })
    // One object in two places is no circle.
    const shared = { a: 1 }
    expect(await saving([shared, shared, nested(150)])).toBeUndefined()
  })
})
