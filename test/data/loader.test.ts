import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  type BatchPair,
  DataLoader,
  type DataLoaderOptions,
  type Dataset,
  SequenceDataset,
  TensorDataset,
} from '../../lib/data/index.ts'
import * as nn from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

const numbers = (n: number) => torch.arange(n, { dtype: 'float32' }).unsqueeze(1)
const dataset = (n: number) => new TensorDataset(numbers(n), numbers(n).mul(10))

describe('TensorDataset and DataLoader', () => {
  test('cut batches in order, the last one smaller', () => {
    const batches = [...new DataLoader(dataset(5), { batchSize: 2 })].map(([x, y]) => [x.toArray(), y.toArray()])
    expect(batches).toEqual([
      [
        [[0], [1]],
        [[0], [10]],
      ],
      [
        [[2], [3]],
        [[20], [30]],
      ],
      [[[4]], [[40]]],
    ])
    expect([...new DataLoader(dataset(5), { batchSize: 2, dropLast: true })]).toHaveLength(2)
  })

  test('every sample comes once per pass, whatever the order (property)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        fc.integer(),
        (n, batchSize, shuffle, seed) =>
          torch.tidy(() => {
            const loader = new DataLoader(dataset(n), { batchSize, shuffle, seed })
            const batches = [...loader]
            expect(batches).toHaveLength(loader.length as number)
            const seen = batches.flatMap(([x]) => (x.toArray() as number[][]).flat())
            expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i))
          }),
      ),
      { numRuns: 50 },
    )
  })

  test('orders repeat with the seed and differ between passes', () => {
    const order = (loader: DataLoader<BatchPair>) => [...loader].map(([x]) => x.item())
    const make = () => new DataLoader(dataset(20), { shuffle: true, seed: 5 })
    const [one, other] = [make(), make()]
    const first = order(one)
    expect(order(other)).toEqual(first)
    expect(order(one)).not.toEqual(first)
    torch.manualSeed(1)
    const drawn = order(new DataLoader(dataset(20), { shuffle: true }))
    torch.manualSeed(1)
    expect(order(new DataLoader(dataset(20), { shuffle: true }))).toEqual(drawn)
  })

  test('orders, and what is drawn after them, equal those of PyTorch', () => {
    const { orders } = readFixture<{ orders: Record<string, unknown> }>('generators')
    const passes = (options: DataLoaderOptions<BatchPair>) => {
      const loader = new DataLoader(dataset(10), { batchSize: 4, ...options })
      return [0, 1].map(() => [...loader].flatMap(([x]) => (x.toArray() as number[][]).flat()))
    }
    torch.manualSeed(3)
    expect(passes({ shuffle: true })).toEqual(orders.shuffled)
    expectClose(torch.rand([1]).item<number>(), orders.afterShuffled as number)
    torch.manualSeed(3)
    passes({})
    expectClose(torch.rand([1]).item<number>(), orders.afterPlain as number)
    const generator = new torch.Generator().manualSeed(3)
    const before = torch.getRngState()
    expect(passes({ shuffle: true, generator })).toEqual(orders.ofGenerator)
    expectClose(torch.rand([1], { generator }).item<number>(), orders.afterGenerator as number)
    expect(passes({ shuffle: true, seed: 3 })).toEqual(orders.ofGenerator)
    expect(torch.getRngState().equal(before)).toBe(true)
  })

  test('the order is the same when it is drawn off the main thread', async () => {
    const passes = async (options: DataLoaderOptions<BatchPair>): Promise<number[][]> => {
      const loader = new DataLoader(dataset(10), { batchSize: 4, ...options })
      const orders: number[][] = []
      for (let pass = 0; pass < 2; pass++) {
        const order: number[] = []
        for await (const [x] of loader) order.push(...(x.toArray() as number[][]).flat())
        orders.push(order)
      }
      return orders
    }
    const { orders } = readFixture<{ orders: Record<string, unknown> }>('generators')
    torch.manualSeed(3)
    expect(await passes({ shuffle: true })).toEqual(orders.shuffled)
    expectClose(torch.rand([1]).item<number>(), orders.afterShuffled as number)
    const generator = new torch.Generator().manualSeed(3)
    expect(await passes({ shuffle: true, generator })).toEqual(orders.ofGenerator)
    expectClose(torch.rand([1], { generator }).item<number>(), orders.afterGenerator as number)
  })

  test('the event loop turns while the order of many samples is drawn', async () => {
    const many: Dataset<BatchPair> = { length: 2e6, batch: (indices) => [torch.tensor([...indices]), torch.zeros([1])] }
    const firstOf = (batch: BatchPair): number[] => batch[0].toArray() as number[]
    const loader = new DataLoader(many, { batchSize: 4, shuffle: true, seed: 1 })
    let [ticks, first] = [0, [] as number[]]
    const timer = setInterval(() => ticks++, 1)
    try {
      for await (const batch of loader) {
        first = firstOf(batch)
        break
      }
    } finally {
      clearInterval(timer)
    }
    expect(ticks).toBeGreaterThan(1)
    const [expected] = new DataLoader(many, { batchSize: 4, shuffle: true, seed: 1 })
    expect(first).toEqual(firstOf(expected as BatchPair))
  })

  test('a loader is iterated over in order within offload', async () => {
    const batches = (loader: DataLoader<BatchPair>) => [...loader].map(([x]) => x)
    const loader = () => new DataLoader(dataset(6), { batchSize: 2, shuffle: true })
    torch.manualSeed(2)
    const expected = [torch.rand([2]), ...batches(loader()), torch.rand([2])].map((x) => x.toArray())
    torch.manualSeed(2)
    const queued = await torch.offload(() => [torch.rand([2]), ...batches(loader()), torch.rand([2])])
    expect(queued.map((x) => x.toArray())).toEqual(expected)
  })

  test.skipIf(torch.cuda.isAvailable())('without CUDA, pinning is left out with a warning', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const loader = new DataLoader(dataset(2), { batchSize: 2, pinMemory: true })
    expect(warn.mock.calls).toEqual([
      ["'pinMemory' is true but no accelerator is found, then device pinned memory won't be used."],
    ])
    expect(loader.pinMemory).toBe(false)
    expect([...loader].map(([x]) => x.toArray())).toEqual([[[0], [1]]])
    new DataLoader(dataset(2), { pinMemory: false })
    expect(warn).toHaveBeenCalledTimes(1)
    warn.mockRestore()
  })

  test('stacks at the second dimension on request', () => {
    const data = new TensorDataset(torch.randn([6, 4, 2]), torch.randn([6, 1]))
    const [[x, y] = []] = [...new DataLoader(data, { batchSize: 3, batchFirst: false })]
    expect([x?.shape, y?.shape]).toEqual([
      [4, 3, 2],
      [3, 1],
    ])
    expect(x?.index(torch.slice(), 1).equal(data.inputs.index(1))).toBe(true)
  })
})

test('SequenceDataset gives all windows', () => {
  const data = new SequenceDataset(numbers(7), numbers(7).add(1), { sequenceLength: 3, stride: 2 })
  expect(data.length).toBe(3)
  const [x, y] = data.batch([0, 2], true)
  expect(x.toArray()).toEqual([
    [[0], [1], [2]],
    [[4], [5], [6]],
  ])
  expect(y.toArray()).toEqual([
    [[1], [2], [3]],
    [[5], [6], [7]],
  ])
  expect(data.batch([1], false)[0].toArray()).toEqual([[[2]], [[3]], [[4]]])
})

describe('a dataset whose batch is async', () => {
  const rows = (indices: readonly number[]): [Tensor, Tensor] => {
    const x = torch.tensor(indices.map((index) => [index]))
    return [x, x.mul(10)]
  }
  const loader = new DataLoader({ length: 3, batch: async (indices) => rows(indices) }, { batchSize: 2 })

  test('is iterated over by for await, as any other can be', async () => {
    const seen: unknown[] = []
    for await (const [x, y] of loader) seen.push([x.toArray(), y.toArray()])
    const expected = [
      [
        [[0], [1]],
        [[0], [10]],
      ],
      [[[2]], [[20]]],
    ]
    expect(seen).toEqual(expected)
    const plain: unknown[] = []
    for await (const [x, y] of new DataLoader({ length: 3, batch: rows }, { batchSize: 2 })) {
      plain.push([x.toArray(), y.toArray()])
    }
    expect(plain).toEqual(expected)
  })

  test('and not by for', () => {
    expectError(() => [...loader], 'ERR_TORCH_TYPE', /batch is async: iterate with 'for await/)
    const failing = new DataLoader({ length: 3, batch: () => Promise.reject(new Error('no file')) })
    expectError(() => [...failing], 'ERR_TORCH_TYPE', /is async/)
  })
})

test.each([
  [() => new DataLoader(dataset(2), { batchSize: 0 }), 'ERR_TORCH_VALUE', /batchSize must be a positive integer/],
  [() => new DataLoader(dataset(2), { seed: 1.5 }), 'ERR_TORCH_VALUE', /seed must be an integer/],
  [
    () => new DataLoader(dataset(2), { generator: {} as never }),
    'ERR_TORCH_TYPE',
    'DataLoader: generator must be a torch.Generator, got an object',
  ],
  [
    () => new DataLoader(dataset(2), { generator: new torch.Generator(), seed: 1 }),
    'ERR_TORCH_OPTION',
    /either seed or generator/,
  ],
  [() => new DataLoader(dataset(2), { pinMemory: 1 as never }), 'ERR_TORCH_TYPE', /pinMemory must be a boolean, got 1/],
  [() => new DataLoader(dataset(2), { batch: 2 } as never), 'ERR_TORCH_OPTION', /unknown option 'batch'/],
  [() => new DataLoader([1, 2] as never), 'ERR_TORCH_TYPE', /dataset must be an object with length and batch\(\)/],
  [() => new TensorDataset(numbers(2), numbers(3)), 'ERR_TORCH_SHAPE', /2 inputs and 3 targets/],
  [() => new TensorDataset([1] as never, numbers(3)), 'ERR_TORCH_TYPE', /inputs must be a Tensor/],
  [
    () => new SequenceDataset(numbers(2), numbers(2), { sequenceLength: 3 }),
    'ERR_TORCH_VALUE',
    /no window of sequenceLength 3/,
  ],
  [
    () => new SequenceDataset(numbers(2), numbers(2), { sequenceLength: 0 }),
    'ERR_TORCH_VALUE',
    /must be a positive integer, got 0/,
  ],
  [
    () => new SequenceDataset(torch.zeros([2, 1, 1]), numbers(2), { sequenceLength: 1 }),
    'ERR_TORCH_SHAPE',
    /\(steps, features\) or \(steps\), got 3-D/,
  ],
  [
    () => new TensorDataset(...([numbers(2), numbers(2), numbers(2)] as unknown as [Tensor, Tensor])),
    'ERR_TORCH_TYPE',
    /a sample is an input and a target, but 3 tensors were given/,
  ],
  [() => dataset(2).batch(torch.tensor([0n]) as never, true), 'ERR_TORCH_TYPE', /indices must be an array of integers/],
  [() => dataset(2).batch([0.5], true), 'ERR_TORCH_TYPE', /indices must be an array of integers, got \[0.5\]/],
  [() => dataset(2).batch([2], true), 'ERR_TORCH_INDEX', /out of range/],
  [
    () => [...new DataLoader({ length: 1, batch: () => [numbers(1)] as never })],
    'ERR_TORCH_TYPE',
    /the result of .*\.batch must be \[input, target\], two Tensors, or \{ input, target, … \}, got \[Tensor\]/,
  ],
] as const)('refuses %s', (call, code, message) => {
  expectError(call, code, message)
})

test.each([-1, 2.5, Number.NaN, 1e18, Number.POSITIVE_INFINITY])('a length of %d is refused', async (length) => {
  const samples = { length, get: () => [numbers(1), numbers(1)] as const }
  const message = `its length must be a non-negative integer, got ${length}`
  expectError(() => new DataLoader(samples, { batchSize: 8 }), 'ERR_TORCH_VALUE', `DataLoader: dataset: ${message}`)
  const trainer = new Trainer(new nn.Linear(1, 1), { progress: false })
  await expectRejection(trainer.fit(samples), 'ERR_TORCH_VALUE', message)
})

test('a length beyond that of arrays is none of memory', () => {
  const loader = new DataLoader(
    { length: 2 ** 40, get: (i) => [torch.tensor([i]), torch.tensor([0])] },
    { batchSize: 2 },
  )
  expect(loader.length).toBe(2 ** 39)
  const batches = loader[Symbol.iterator]()
  expect([batches.next(), batches.next()].map(({ value }) => (value as [Tensor, Tensor])[0].toArray())).toEqual([
    [[0], [1]],
    [[2], [3]],
  ])
})

describe('a batch with another number of samples than indices is refused', () => {
  const returning = (x: Tensor): Dataset => ({ length: 32, batch: () => [x, x] })

  test.each([
    [
      [3, 2],
      true,
      /batch\(\[…32 indices\]\) of an object returned 3 samples, an input of shape \(3, 2\): samples are its first/,
    ],
    [[33], true, /returned 33 samples/],
    [[1, 5, 2], false, /returned 5 samples, .*: samples are its second, since batchFirst is false, dimension/],
  ] as const)('an input of shape %j, batchFirst: %j', async (shape, batchFirst, message) => {
    const loader = new DataLoader(returning(torch.zeros(shape)), { batchSize: 32, batchFirst })
    expectError(() => [...loader], 'ERR_TORCH_SHAPE', message)
    const ahead = { length: 32, batch: async () => returning(torch.zeros(shape)).batch([], true) }
    const iterate = async () => {
      for await (const _ of new DataLoader(ahead, { batchSize: 32, batchFirst }));
    }
    await expectRejection(iterate(), 'ERR_TORCH_SHAPE', message)
  })

  test('by a Trainer, too, but a collate may leave samples out', async () => {
    const trainer = new Trainer(new nn.Linear(2, 2), { progress: false, epochs: 1 })
    await expectRejection(trainer.fit(returning(torch.zeros([3, 2]))), 'ERR_TORCH_SHAPE', 'returned 3 samples')
    const samples = Array.from({ length: 4 }, (_, i) => [[i], [i]] as [number[], number[]])
    const collate = () => [torch.zeros([3, 1]), torch.zeros([3, 1])] as BatchPair
    expect([...new DataLoader(samples, { batchSize: 4, collate })][0]?.[0].shape).toEqual([3, 1])
  })
})
