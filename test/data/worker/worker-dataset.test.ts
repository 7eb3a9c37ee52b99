import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import {
  type BatchPair,
  type BatchPlan,
  DataLoader,
  type Dataset,
  type NamedBatch,
  randomSplit,
  WorkerDataset,
} from '../../../lib/data/index.ts'
import { messageOf } from '../../../lib/errors.ts'
import { GRUModel } from '../../../lib/models/index.ts'
import { isTensor } from '../../../lib/tensor/tensor.ts'
import { torch } from '../../../lib/torch.ts'
import { Trainer } from '../../../lib/train/index.ts'
import { expectError, expectRejection } from '../../support/error.ts'
import { temporaryFolder } from '../../support/folder.ts'

const PACKAGE = new URL('../../../dist/index.js', import.meta.url).href
const opened: WorkerDataset[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map((dataset) => dataset.close()))
})

/** Writes a module. */
function moduleOf(code: string, name = 'data.mjs'): URL {
  const file = join(temporaryFolder(), name)
  writeFileSync(file, code)
  return pathToFileURL(file)
}

async function open<B extends BatchPair | NamedBatch = BatchPair>(
  code: string,
  options: object = {},
): Promise<WorkerDataset<B>> {
  const dataset = await WorkerDataset.open<B>(moduleOf(code), options)
  opened.push(dataset as unknown as WorkerDataset)
  return dataset
}

// 23 samples (5, 2) and a target (1); each draws a number.
const NOISY = `
  import { torch } from '${PACKAGE}'
  export default ({ length }) => ({
    length,
    batch(indices) {
      const x = torch.stack(indices.map((i) => torch.full([5, 2], i)))
      return [x.add(torch.rand([indices.length, 1, 1])), torch.tensor(indices.map((i) => [2 * i]))]
    },
  })`

async function pass(dataset: WorkerDataset, options: object): Promise<number[][]> {
  const batches: number[][] = []
  for await (const batch of new DataLoader(dataset, options)) {
    const [input, target] = batch as BatchPair
    batches.push([...(input.flatten().toArray() as number[]), ...(target.flatten().toArray() as number[])])
    input.dispose()
    target.dispose()
  }
  return batches
}

describe('batches', () => {
  test('come in the order of the loader, and are the same with any number of workers', async () => {
    const options = { batchSize: 4, shuffle: true, seed: 3 }
    const one = await open(NOISY, { workerData: { length: 23 } })
    expect([one.length, one.numWorkers, one.prefetchFactor]).toEqual([23, 1, 2])
    const wanted = await pass(one, options)
    const three = await open(NOISY, { workerData: { length: 23 }, numWorkers: 3, prefetchFactor: 4 })
    expect(await pass(three, options)).toEqual(wanted)
    expect(wanted).toHaveLength(6)

    // The order is that of a dataset in this thread.
    const indices: number[] = []
    const here = { length: 23, get: (index: number): [number[], number[]] => [[index], [index]] }
    for (const batch of new DataLoader(here, options)) {
      indices.push(...((batch as BatchPair)[1].flatten().toArray() as number[]))
    }
    expect(wanted.flatMap((batch) => batch.slice(-(batch.length / 11)))).toEqual(indices.map((index) => 2 * index))
    // What is drawn differs from batch to batch, and from pass to pass.
    const fractions = wanted.flatMap((batch) => batch.slice(0, 1).map((value) => value % 1))
    expect(new Set(fractions).size).toBe(6)
    torch.manualSeed(5)
    const [first, second] = [await pass(one, { batchSize: 23 }), await pass(one, { batchSize: 23 })]
    expect(second).not.toEqual(first)
    torch.manualSeed(5)
    expect(await pass(three, { batchSize: 23 })).toEqual(first)
  })

  test('have all parts, of every dtype, and leave no tensors behind', async () => {
    const dataset = await open<NamedBatch>(`
      import { torch } from '${PACKAGE}'
      export default () => ({
        length: 2,
        batch: (indices) => ({
          input: torch.arange(6, { dtype: 'float64' }).reshape([2, 3]).transpose(0, 1),
          target: torch.tensor([1n, 2n]),
          lengths: torch.tensor([3, 1], { dtype: 'int64' }),
          mask: torch.tensor([true, false]),
          half: torch.tensor([1.5, -2], { dtype: 'bfloat16' }),
          complex: torch.complex(torch.tensor([1, 2]), torch.tensor([3, 4])),
          empty: torch.zeros([2, 0]),
          state: [torch.ones([1, 2, 4]), torch.zeros([1, 2, 4])],
          first: true,
        }),
      })`)
    const before = torch.memory().tensors
    const batch = await dataset.batch([0, 1], true)
    expect(batch.input.toArray()).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ])
    const dtypes = Object.entries(batch).map(([name, part]) => [name, isTensor(part) ? part.dtype : typeof part])
    expect(Object.fromEntries(dtypes)).toEqual({
      input: 'float64',
      target: 'int64',
      lengths: 'int64',
      mask: 'bool',
      half: 'bfloat16',
      complex: 'complex64',
      empty: 'float32',
      state: 'object',
      first: 'boolean',
    })
    const { half, state, empty } = batch as NamedBatch & { half: typeof batch.input; empty: typeof batch.input }
    expect(half.toArray()).toEqual([1.5, -2])
    expect(empty.shape).toEqual([2, 0])
    expect((state as (typeof batch.input)[]).map(({ shape }) => shape)).toEqual([
      [1, 2, 4],
      [1, 2, 4],
    ])
    expect(torch.memory().tensors - before).toBe(9)
    expect((batch.complex as typeof batch.input).imag.toArray()).toEqual([3, 4])
  })

  test('are made of samples, and of a module in CommonJS', async () => {
    const file = join(temporaryFolder(), 'data.cjs')
    writeFileSync(file, 'module.exports = async (n) => Array.from({ length: n }, (_, i) => [Array(i + 1).fill(i), i])')
    const dataset = await WorkerDataset.open<NamedBatch>(file, { workerData: 3 })
    opened.push(dataset as unknown as WorkerDataset)
    const { input, target, lengths } = await dataset.batch([2, 0], true)
    expect([input.toArray(), target.toArray(), lengths?.toArray()]).toEqual([
      [
        [2, 2, 2],
        [0, 0, 0],
      ],
      [2, 0],
      [3n, 1n].map(Number),
    ])
  })

  test('train a model as a dataset in this thread does, also its parts', async () => {
    const code = `
      import { torch } from '${PACKAGE}'
      export default () => ({
        length: 30,
        batch: (indices) => [
          torch.stack(indices.map((i) => torch.arange(8, { dtype: 'float32' }).mul(i / 30).reshape([4, 2]))),
          torch.tensor(indices.map((i) => [Math.sin(i)])),
        ],
      })`
    const dataset = await open(code, { numWorkers: 2 })
    const here = {
      length: 30,
      batch: (indices: readonly number[]): BatchPair => [
        torch.stack(
          indices.map((i) =>
            torch
              .arange(8, { dtype: 'float32' })
              .mul(i / 30)
              .reshape([4, 2]),
          ),
        ),
        torch.tensor(indices.map((i) => [Math.sin(i)])),
      ],
    }
    const losses = []
    for (const data of [here, dataset]) {
      torch.manualSeed(0)
      const generator = new torch.Generator().manualSeed(1)
      const [train, validation] = randomSplit<BatchPair>(data, [24, 6], { generator })
      const model = new GRUModel(2, 4, 1, { output: 'last', batchFirst: true })
      const trainer = new Trainer(model, { epochs: 3, batchSize: 5, seed: 2 })
      const before = torch.memory().tensors
      const history = await trainer.fit(train as Dataset, { validation: validation as Dataset })
      losses.push([history.trainLosses, history.validationLosses])
      expect(torch.memory().tensors - before).toBeLessThan(40)
    }
    expect(losses[1]).toEqual(losses[0])
  })

  test('are requested ahead, but no more than the factor says, nor in a pass that was left', async () => {
    const dataset = await open(
      `
      let asked = 0
      export default () => ({
        length: 100,
        get: (index) => [[index], [++asked]],
      })`,
      { prefetchFactor: 3 },
    )
    for await (const batch of new DataLoader(dataset)) {
      expect((batch as BatchPair)[1].toArray()).toEqual([[1]])
      // Time in which a worker without bounds would make them all.
      await new Promise((resolve) => setTimeout(resolve, 200))
      break
    }
    const [, target] = await dataset.batch([0], true)
    expect(target.toArray()).toEqual([[5]])
  })

  test('that are passed over, as when a run is resumed, are not asked for, and draw nothing from the others', async () => {
    const dataset = await open(NOISY, { workerData: { length: 12 } })
    const options = { batchSize: 3, shuffle: true, seed: 4 }
    const wanted = await pass(dataset, options)
    const plans = new DataLoader(dataset, options).plans()
    plans.next()
    plans.next()
    const [input, target] = (await (plans.next().value as BatchPlan).load()) as BatchPair
    expect([input, target].flatMap((part) => part.flatten().toArray())).toEqual(wanted[2])
    plans.return(undefined)
  })
})

describe('what fails', () => {
  test('in a sample is an error with its cause, and the next batches still come', async () => {
    const dataset = await open(`
      export default () => ({
        length: 10,
        get(index) {
          if (index === 3) throw new RangeError('sample 3 is damaged')
          return [[index], [index]]
        },
      })`)
    const error = await expectRejection(
      pass(dataset, { batchSize: 2 }),
      'ERR_TORCH_RUNTIME',
      /WorkerDataset: a worker of file:.*data.mjs could not make a batch: sample 3 is damaged/,
    )
    const { cause } = error as { cause: Error }
    expect([cause.name, cause.message]).toEqual(['RangeError', 'sample 3 is damaged'])
    expect(cause.stack).toContain('data.mjs:5')
    expect((await dataset.batch([4], true))[0].toArray()).toEqual([[4]])
  })

  test('in a tensor operation keeps its code', async () => {
    const dataset = await open(`
      import { torch } from '${PACKAGE}'
      export default () => ({ length: 1, batch: () => torch.ones([2]).matmul(torch.ones([3])) })`)
    await expectRejection(dataset.batch([0], true), 'ERR_TORCH_SHAPE', 'could not make a batch')
    const wrong = await open('export default () => ({ length: 1, batch: () => 3 })')
    await expectRejection(wrong.batch([0], true), 'ERR_TORCH_TYPE', 'must be [input, target]')
  })

  const readsTypeScript = Boolean((process.features as { typescript?: unknown }).typescript)
  test.skipIf(readsTypeScript)('of a module in TypeScript says what to do, where Node does not read it', async () => {
    for (const name of ['data.ts', 'data.mts']) {
      await expectRejection(
        WorkerDataset.open(moduleOf('export default () => []', name)),
        'ERR_TORCH_RUNTIME',
        /Unknown file extension "\.m?ts" .*\. A worker of this Node does not read TypeScript: write the module in JavaScript, or give the compiled one$/,
      )
    }
    // Other errors get no such advice.
    const error = await WorkerDataset.open(moduleOf('throw new Error("no data")')).catch((thrown: unknown) => thrown)
    expect(messageOf(error)).toMatch(/: no data$/)
  })

  test('at the start ends all workers', async () => {
    const start = (code: string, options: object = {}): Promise<unknown> => WorkerDataset.open(moduleOf(code), options)
    await expectRejection(start('export default 3'), 'ERR_TORCH_TYPE', 'its default export is 3')
    await expectRejection(start('export default () => 3'), 'ERR_TORCH_TYPE', 'must be an object with length and batch')
    await expectRejection(start('syntax error'), 'ERR_TORCH_RUNTIME', /data.mjs: Unexpected identifier/)
    await expectRejection(
      start('export default () => { throw new Error("no disk") }', { numWorkers: 2 }),
      'ERR_TORCH_RUNTIME',
      'no disk',
    )
    await expectRejection(start('process.exit(3)'), 'ERR_TORCH_RUNTIME', 'ended with exit code 3')
    await expectRejection(
      WorkerDataset.open('/nowhere/data.mjs'),
      'ERR_TORCH_RUNTIME',
      /Cannot find module '?.*nowhere.data.mjs/,
    )
    await expectRejection(
      start('import { threadId } from "node:worker_threads"; export default () => ({ length: threadId, get() {} })', {
        numWorkers: 2,
      }),
      'ERR_TORCH_VALUE',
      'differ in length',
    )
    for (const length of ['-1', '2.5', 'NaN', '1e18', 'Infinity']) {
      await expectRejection(
        start(`export default () => ({ length: ${length}, get() {} })`),
        'ERR_TORCH_VALUE',
        `its length must be a non-negative integer, got ${Number(length)}`,
      )
    }
  })

  test('with a worker that dies rejects all that wait for it, and what is asked later', async () => {
    const dataset = await open(
      `
      export default () => ({
        length: 20,
        get: (index) => new Promise((resolve) => {
          if (index === 5) setTimeout(() => { throw new TypeError('out of nowhere') }, 50)
          else if (index === 6) process.exit(7)
          else resolve([[index], [index]])
        }),
      })`,
      { numWorkers: 2 },
    )
    const error = await expectRejection(pass(dataset, {}), 'ERR_TORCH_RUNTIME', 'ended')
    expect(error.message).toMatch(/ended: (TypeError: )?out of nowhere|ended with exit code 7/)
    await expectRejection(dataset.batch([0], true), 'ERR_TORCH_RUNTIME', 'ended')
  })

  test('after close', async () => {
    const dataset = await open('export default () => ({ length: 2, get: () => new Promise(() => {}) })')
    const waiting = dataset.batch([0], true)
    const rejected = expectRejection(waiting, 'ERR_TORCH_DISPOSED', 'it is closed')
    await dataset[Symbol.asyncDispose]()
    await rejected
    await expectRejection(dataset.batch([0], true), 'ERR_TORCH_DISPOSED', 'it is closed')
    await dataset.close()
  })

  test('in arguments', async () => {
    await expectRejection(WorkerDataset.open('./data.js'), 'ERR_TORCH_TYPE', "such as new URL('./files.js', import")
    const module = moduleOf('export default () => []')
    await expectRejection(WorkerDataset.open(module, { numWorkers: 0 }), 'ERR_TORCH_VALUE', 'numWorkers')
    await expectRejection(WorkerDataset.open(module, { workers: 2 } as object), 'ERR_TORCH_OPTION', 'numWorkers')
    await expectRejection(
      WorkerDataset.open(module, { workerData: () => 3 }),
      'ERR_TORCH_TYPE',
      'workerData cannot be copied to a worker',
    )
    const Made = WorkerDataset as unknown as new () => WorkerDataset
    expectError(() => new Made(), 'ERR_TORCH_TYPE', 'use WorkerDataset.open')
    const dataset = await open('export default () => ({ length: 1, get: () => [[0], [0]] })')
    expectError(() => [...new DataLoader(dataset)], 'ERR_TORCH_TYPE', 'is async')
  })
})

test('a program that does not close it ends, but not before the batches that it waits for', () => {
  const data = fileURLToPath(
    moduleOf('export default () => ({ length: 2, get: (i) => new Promise((r) => setTimeout(r, 300, [[i], [i]])) })'),
  )
  const program = moduleOf(
    `import { WorkerDataset } from '${PACKAGE.replace('index.js', 'data/index.js')}'
     const dataset = await WorkerDataset.open(${JSON.stringify(data)}, { numWorkers: 2 })
     const [input] = await dataset.batch([1], true)
     console.log(input.toArray())`,
    'main.mjs',
  )
  const { stdout, stderr, status } = spawnSync(process.execPath, [fileURLToPath(program)], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  expect([stdout.trim(), stderr, status]).toEqual(['[ [ 1 ] ]', '', 0])
})
