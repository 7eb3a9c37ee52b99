// Packed weights in files that processes map.
import { execFile, execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, type RecurrentModel } from '../../lib/models/index.ts'
import type { Sequence } from '../../lib/serve/engine.ts'
import { type ModelSource, type ServeOptions, serve } from '../../lib/serve/index.ts'
import { type NativeEngine, type NativeEngineOptions, nativeEngine } from '../../lib/serve/native-engine.ts'
import { temporaryFolder } from '../support/folder.ts'

const DIST = new URL('../../dist/', import.meta.url).href
const { XDG_CACHE_HOME } = process.env

let cache: string
let folder: string
const opened: NativeEngine[] = []

beforeEach(() => {
  cache = temporaryFolder()
  process.env.XDG_CACHE_HOME = cache
  folder = join(cache, 'libtorch-rnn', 'weights')
})

afterEach(async () => {
  if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME
  else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME
  for (const engine of opened.splice(0)) await engine.close()
})

async function open(model: RecurrentModel, options: NativeEngineOptions = {}): Promise<NativeEngine> {
  const engine = await nativeEngine(model, options)
  opened.push(engine)
  return engine
}

/** 6 MB */
const large = (): LSTMModel => new LSTMModel(256, 512, 3, { output: 'last' }).eval()

function batchOf({ embedding, inputSize }: RecurrentModel): Sequence[] {
  return [3, 1, 5].map((steps) => ({
    data:
      embedding === null
        ? (torch.randn([steps * inputSize]).toTypedArray() as Float32Array)
        : Int32Array.from(torch.randint(0, embedding.numEmbeddings, [steps]).toArray() as number[]),
    steps,
  }))
}

const files = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.weights'))
const path = (): string => join(folder, files()[0] as string)
/** The mappings of a file in this process. */
const mappings = (file: string): string[] =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(file))

describe.skipIf(process.platform === 'win32')('weights of 4 MB or more', () => {
  const MODELS: Record<string, () => RecurrentModel> = {
    'an LSTM': large,
    'two bidirectional layers with projections': () =>
      new LSTMModel(130, 700, 7, { numLayers: 2, bidirectional: true, projSize: 33 }).eval(),
    'a GRU with an embedding': () =>
      new GRUModel(33, 65, 5, { embedding: 40_000, numLayers: 2, output: 'mean', bias: false }).eval(),
    'tied weights': () => new GRUModel(65, 65, 20_000, { embedding: 20_000, tieWeights: true }).eval(),
  }

  test.each(
    Object.entries(MODELS).flatMap(([name, make]) =>
      (['float32', 'bfloat16'] as const).map((dtype) => [name, dtype, make] as const),
    ),
  )('of %s in %s are mapped, and give the same bits', async (_, dtype, make) => {
    const model = make()
    const batch = batchOf(model)
    const alone = await open(model, { dtype, shareWeights: false })
    expect(alone.weights).toEqual({ bytes: alone.weights.bytes, file: null, reason: 'shareWeights is false' })
    const wanted = await alone.run(batch)
    for (let i = 0; i < 2; i++) {
      const engine = await open(model, { dtype })
      expect(engine.weights).toEqual({ bytes: alone.weights.bytes, file: path(), reason: null })
      expect(await engine.run(batch)).toEqual(wanted)
    }
    expect(files().length).toBe(1)
    expect(statSync(path()).size).toBeGreaterThan(alone.weights.bytes)
  })

  test('are written once, and other weights or another type into another file', async () => {
    const model = large()
    await open(model)
    const { ino, mtimeMs } = statSync(path())
    const same = large()
    same.loadStateDict(model.stateDict())
    const engine = await open(same)
    expect(engine.weights.file).toBe(path())
    expect(statSync(path())).toMatchObject({ ino })
    expect(statSync(path()).mtimeMs).toBeGreaterThanOrEqual(mtimeMs)
    expect(statSync(folder).mode & 0o077).toBe(0)
    // A program that opens it for writing by mistake is refused.
    expect(statSync(path()).mode & 0o777).toBe(0o444)
    await open(model, { dtype: 'bfloat16' })
    expect(files().length).toBe(2)
    await open(large())
    expect(files().length).toBe(3)
    torch.noGrad(() => model.linear.bias?.add_(1))
    await open(model)
    expect(files().length).toBe(4)
  })

  test.runIf(process.platform === 'linux')('are in memory that ends with the engine', async () => {
    const engine = await nativeEngine(large())
    const file = engine.weights.file as string
    expect(mappings(file).length).toBe(1)
    expect(mappings(file)[0]).toMatch(/ r--s /)
    await engine.close()
    expect(mappings(file)).toEqual([])
  })

  const DAMAGES: Record<string, (file: string) => void> = {
    'is empty': (file) => truncateSync(file, 0),
    'is truncated': (file) => truncateSync(file, statSync(file).size - 1),
    'is longer': (file) => truncateSync(file, statSync(file).size + 64),
    'has another number': (file) => {
      const bytes = readFileSync(file)
      const place = bytes.length - 1000
      bytes[place] = (bytes[place] as number) ^ 1
      writeFileSync(file, bytes)
    },
    'is of another version': (file) => {
      const bytes = readFileSync(file)
      bytes.write('9', 7)
      writeFileSync(file, bytes)
    },
    'has another size in its header': (file) => {
      const bytes = readFileSync(file)
      bytes.writeBigInt64LE(bytes.readBigInt64LE(8) - 64n, 8)
      writeFileSync(file, bytes)
    },
  }

  test.each(Object.entries(DAMAGES))('in a file that %s are written again', async (_, damage) => {
    const model = large()
    const batch = batchOf(model)
    const first = await nativeEngine(model)
    const wanted = await first.run(batch)
    await first.close()
    const whole = readFileSync(path())
    chmodSync(path(), 0o600)
    damage(path())
    const engine = await open(model)
    expect(engine.weights).toMatchObject({ file: path(), reason: null })
    expect(await engine.run(batch)).toEqual(wanted)
    expect(readFileSync(path()).equals(whole)).toBe(true)
    expect(statSync(path()).mode & 0o777).toBe(0o444)
  })

  test('are in private memory if the folder cannot be made', async () => {
    const file = join(cache, 'file')
    writeFileSync(file, '')
    process.env.XDG_CACHE_HOME = file
    const model = large()
    const engine = await open(model)
    expect(engine.weights.file).toBeNull()
    expect(engine.weights.reason).toMatch(/ENOTDIR/)
    const batch = batchOf(model)
    expect(await engine.run(batch)).toEqual(await (await open(model, { shareWeights: false })).run(batch))
  })

  test('are in private memory if a pipe has the place of their file, or of the lock', async () => {
    const model = large()
    const first = await nativeEngine(model)
    await first.close()
    const file = path()
    rmSync(file)
    execFileSync('mkfifo', [file])
    const { weights } = await open(model)
    expect(weights).toMatchObject({ file: null, reason: expect.stringMatching(/is not a regular file/) })
    rmSync(folder, { recursive: true })
    mkdirSync(folder)
    execFileSync('mkfifo', [join(folder, 'lock')])
    expect((await open(model)).weights).toMatchObject({ file: null, reason: expect.stringMatching(/ENXIO/) })
  })

  test('that nobody has used for a month are removed when others are written', async () => {
    await open(large())
    const old = path()
    const recent = join(folder, `${'0'.repeat(64)}-avx2-float32.weights`)
    writeFileSync(recent, '')
    const days = (count: number): Date => new Date(Date.now() - count * 86_400_000)
    utimesSync(old, days(31), days(31))
    utimesSync(recent, days(29), days(29))
    await open(large())
    expect(existsSync(old)).toBe(false)
    expect(existsSync(recent)).toBe(true)
  })

  test('that were used the longest ago are removed when all have more than 4 GB', async () => {
    await open(large())
    const mapped = files()[0] as string
    const sparse = ['1', '2', '3'].map((letter, i) => {
      const name = `${letter.repeat(64)}-avx2-float32.weights`
      writeFileSync(join(folder, name), '')
      truncateSync(join(folder, name), 1.5e9)
      const used = new Date(Date.now() - (i + 1) * 3_600_000)
      utimesSync(join(folder, name), used, used)
      return name
    })
    const engine = await open(large())
    const written = basename(engine.weights.file as string)
    expect(files().sort()).toEqual([mapped, written, sparse[0], sparse[1]].sort())
    truncateSync(join(folder, sparse[0] as string), 5e9)
    const last = await open(large())
    expect(files()).toContain(basename(last.weights.file as string))
    expect(files()).not.toContain(sparse[1])
  })

  test('are shared if the model is served from a path, and else if the options say so', async () => {
    const model = large()
    const source = join(cache, 'model.safetensors')
    await model.save(source)
    const weightsOf = async (from: ModelSource, options: ServeOptions = {}) => {
      await using server = await serve(from, { warmup: false, ...options })
      const [version] = server.versions()
      await server.reload(from)
      return version?.weights
    }
    for (const own of [model, large]) {
      expect(await weightsOf(own)).toMatchObject({ file: null, reason: 'the model is not loaded from a path' })
    }
    expect(await weightsOf(source, { shareWeights: false })).toMatchObject({ reason: 'shareWeights is false' })
    expect(existsSync(folder)).toBe(false)
    expect(await weightsOf(source)).toMatchObject({ file: path(), reason: null })
    expect(await weightsOf(model, { shareWeights: true })).toMatchObject({ file: path(), reason: null })
    expect(files().length).toBe(1)
  })

  test.runIf(process.platform === 'linux')('are written once by processes that start together', async () => {
    const model = large()
    const file = join(cache, 'model.safetensors')
    await model.save(file)
    const code = `
      import { readFileSync } from 'node:fs'
      import { loadModel } from '${DIST}models/index.js'
      import { nativeEngine } from '${DIST}serve/native-engine.js'
      const engine = await nativeEngine(await loadModel(process.argv[1]))
      const [y] = await engine.run([{ data: new Float32Array(256).fill(0.5), steps: 1 }])
      const inode = readFileSync('/proc/self/maps', 'utf8').split('\\n').find((line) => line.endsWith('.weights')).split(/ +/)[4]
      console.log(JSON.stringify([engine.weights.file, inode, [...y]]))`
    const processes = Array.from({ length: 4 }, () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', code, file]),
    )
    const outputs = (await Promise.all(processes)).map(({ stdout }) => JSON.parse(stdout))
    expect(new Set(outputs.map((output) => JSON.stringify(output))).size).toBe(1)
    expect(outputs[0][0]).toBe(path())
    expect(outputs[0][1]).toBe(String(statSync(path()).ino))
    expect(readdirSync(folder).sort()).toEqual([files()[0], 'lock'].sort())
  })
})

test('small weights are in private memory', async () => {
  const engine = await open(new LSTMModel(3, 8, 2))
  expect(engine.weights).toMatchObject({ file: null, reason: 'they are small' })
  expect(existsSync(folder)).toBe(false)
})
