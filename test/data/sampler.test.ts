import { describe, expect, test } from 'vitest'
import {
  type BatchPair,
  ConcatDataset,
  DataLoader,
  LengthBucketSampler,
  type NamedBatch,
  type NamedSample,
  randomSplit,
  type Sample,
  StackDataset,
  Subset,
  TensorDataset,
  timeSplit,
  WeightedRandomSampler,
} from '../../lib/data/index.ts'
import { type Tensor, torch } from '../../lib/index.ts'
import { expectError } from '../support/error.ts'

const numbers = (n: number, start = 0) => torch.arange(start, start + n, { dtype: 'float32' }).unsqueeze(1)
const dataset = (n: number, start = 0) => new TensorDataset(numbers(n, start), numbers(n, start).mul(10))

describe('LengthBucketSampler', () => {
  const lengths = Array.from({ length: 40 }, (_, i) => (i * 7) % 13)

  test('puts each sequence into one batch, with others of like length', () => {
    const batches = [...new LengthBucketSampler(lengths, { batchSize: 4 })]
    expect(batches.flat().sort((a, b) => a - b)).toEqual([...lengths.keys()])
    const sorted = batches.flatMap((batch) => batch.map((index) => lengths[index] as number))
    expect(sorted).toEqual([...lengths].sort((a, b) => a - b))
  })

  test('shuffles batches and buckets, by its generator, and drops what is left', () => {
    const make = (seed: number) =>
      new LengthBucketSampler(lengths, {
        batchSize: 6,
        shuffle: true,
        bucketBatches: 3,
        dropLast: true,
        generator: new torch.Generator().manualSeed(seed),
      })
    const sampler = make(1)
    const [first, second] = [[...sampler], [...sampler]]
    expect([...make(1)]).toEqual(first)
    expect(second).not.toEqual(first)
    expect(first).toHaveLength(6)
    expect(sampler.length).toBe(6)
    for (const batch of first) expect(batch).toHaveLength(6)
    expect(new Set(first.flat()).size).toBe(36)
    const spread = (batch: number[]) => {
      const own = batch.map((index) => lengths[index] as number)
      return Math.max(...own) - Math.min(...own)
    }
    expect(Math.max(...first.map(spread))).toBeLessThan(7)
  })

  test('decides the batches of a loader', () => {
    const batchSampler = new LengthBucketSampler([3, 1, 2, 1], { batchSize: 2 })
    const loader = new DataLoader(dataset(4), { batchSampler })
    expect([...loader].map((batch) => (batch as BatchPair)[0].flatten().toArray())).toEqual([
      [1, 3],
      [2, 0],
    ])
    expect(loader.length).toBe(2)
    for (const option of [{ batchSize: 2 }, { shuffle: true }, { dropLast: true }, { sampler: [1] }]) {
      expectError(
        () => new DataLoader(dataset(4), { batchSampler, ...option }),
        'ERR_TORCH_OPTION',
        `batchSampler decides which samples come: omit ${Object.keys(option)[0]}`,
      )
    }
    expectError(() => new DataLoader(dataset(4), { batchSampler: 3 as never }), 'ERR_TORCH_TYPE', /an iterable/)
  })

  test.each([
    [[1, -1], {}, /lengths must be an array of non-negative integers/],
    [[1], { batchSize: 0 }, /batchSize must be a positive integer/],
    [[1], { shuffle: 'yes' }, /shuffle must be a boolean/],
    [[1], { bucketBatches: 0.5 }, /bucketBatches must be a positive integer/],
    [[1], { generator: 3 }, /generator must be a torch.Generator/],
    [[1], { size: 3 }, /unknown option 'size'/],
  ] as const)('refuses %j with %j', (given, options, message) => {
    const make = () => new LengthBucketSampler(given, { batchSize: 2, ...options } as never)
    expect(make).toThrow(message)
  })
})

describe('WeightedRandomSampler', () => {
  test('draws in proportion, as PyTorch does', () => {
    // torch.manual_seed(0); list(WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 5, replacement=True))
    torch.manualSeed(0)
    expect([...new WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 5)]).toEqual([5, 4, 4, 5, 4])
    torch.manualSeed(0)
    expect([...new WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 5, { replacement: false })]).toEqual([
      4, 1, 2, 5, 3,
    ])
  })

  test('decides the samples of a loader', () => {
    const loader = new DataLoader(dataset(3), { batchSize: 2, sampler: new WeightedRandomSampler([0, 1, 0], 3) })
    expect([...loader].flatMap((batch) => (batch as BatchPair)[0].flatten().toArray())).toEqual([1, 1, 1])
    expect(loader.length).toBe(2)
    expect(new DataLoader(dataset(3), { sampler: new Set([0, 2]) }).length).toBeUndefined()
  })

  test.each([
    [[-1], 1, {}, /weights must be an array of non-negative numbers/],
    [[0, 0], 1, {}, /0 samples have a weight above 0/],
    [[1, 0], 2, { replacement: false }, /1 samples have a weight above 0, so 2 cannot be drawn without replacement/],
    [[1], 0, {}, /numSamples must be a positive integer/],
    [[1], 1, { replacement: 1 }, /replacement must be a boolean/],
  ] as const)('refuses %j, %j, %j', (weights, count, options, message) => {
    expect(() => new WeightedRandomSampler(weights, count, options as never)).toThrow(message)
  })
})

describe('parts of datasets', () => {
  const inputs = (part: Subset) =>
    (part.batch([...Array(part.length).keys()], true) as BatchPair)[0].flatten().toArray() as number[]

  test('Subset picks by index', () => {
    const part = new Subset(dataset(5), [4, 0, 4])
    expect(inputs(part)).toEqual([4, 0, 4])
    expectError(() => new Subset(dataset(5), [5]), 'ERR_TORCH_VALUE', /indices must be an array of indices below 5/)
    expectError(() => part.batch([3], true), 'ERR_TORCH_VALUE', /indices below 3/)
    expectError(
      () => part.batch(2 as never, true),
      'ERR_TORCH_TYPE',
      'Subset.batch: indices must be an array of integers',
    )
    expectError(() => new Subset({} as never, []), 'ERR_TORCH_TYPE', /an object with length and batch/)
  })

  test('samples by number, and arrays of them, are taken like datasets', async () => {
    const samples = [1, 2, 3, 4, 5].map((i) => ({ input: torch.tensor([i]), target: BigInt(i) }))
    const later = { length: 5, get: async (i: number) => samples[i] as (typeof samples)[number] }
    const inputsOf = async (part: Subset): Promise<unknown> => {
      const { input, target } = (await part.batch([...Array(part.length).keys()], true)) as NamedBatch
      expect(target.dtype).toBe('int64')
      expect(target.toArray()).toEqual(input.flatten().toArray())
      return input.flatten().toArray()
    }
    for (const data of [samples, later]) {
      expect(await inputsOf(new Subset(data, [4, 0, 4]))).toEqual([5, 1, 5])
      const parts = timeSplit(data, [0.6, 0.4], { gap: 1 })
      expect(await Promise.all(parts.map(inputsOf))).toEqual([[1, 2, 3], [5]])
      // The order is that of a dataset.
      const seeded = () => ({ generator: new torch.Generator().manualSeed(0) })
      const wanted = randomSplit(dataset(5, 1), [2, 3], seeded()).map(inputs)
      expect(await Promise.all(randomSplit(data, [2, 3], seeded()).map(inputsOf))).toEqual(wanted)
      // A loader may collate a part in its own way.
      const [part] = timeSplit(new Subset(data, [1, 2, 3, 4]), [2, 2])
      const collate = (given: readonly Sample[]): BatchPair => {
        const found = given as readonly NamedSample[]
        const rows = torch.stack(found.map(({ input }) => (input as Tensor).neg()))
        return [rows, torch.zeros([found.length])]
      }
      const loader = new DataLoader(part as Subset<BatchPair>, { batchSize: 2, collate })
      for await (const [input] of loader) expect(input.flatten().toArray()).toEqual([-2, -3])
      expect(loader.length).toBe(1)
    }
    expectError(
      () => timeSplit([1, 2] as never, [1, 1]),
      'ERR_TORCH_TYPE',
      /timeSplit: dataset must be .* array of samples/,
    )
    expectError(() => randomSplit({} as never, [1, 1]), 'ERR_TORCH_TYPE', /randomSplit: dataset must be an object with/)
    expectError(
      () => new DataLoader(new Subset(dataset(2), [0]), { collate: () => [numbers(1), numbers(1)] }),
      'ERR_TORCH_OPTION',
      'collate has no effect',
    )
  })

  test('randomSplit gives the parts that PyTorch gives', () => {
    const generator = new torch.Generator().manualSeed(42)
    // random_split(range(10), [0.3, 0.7], generator=torch.Generator().manual_seed(42))
    expect(randomSplit(dataset(10), [0.3, 0.7], { generator }).map(inputs)).toEqual([
      [2, 6, 1],
      [8, 4, 5, 0, 9, 3, 7],
    ])
    const rounded = randomSplit(dataset(10), [0.25, 0.25, 0.5]).map(({ length }) => length)
    expect(rounded).toEqual([3, 2, 5])
  })

  test('timeSplit keeps the order, and leaves gaps', () => {
    expect(timeSplit(dataset(10), [0.5, 0.5]).map(inputs)).toEqual([
      [0, 1, 2, 3, 4],
      [5, 6, 7, 8, 9],
    ])
    expect(timeSplit(dataset(10), [4, 6], { gap: 2 }).map(inputs)).toEqual([
      [0, 1, 2, 3],
      [6, 7, 8, 9],
    ])
    expectError(() => timeSplit(dataset(10), [4, 5]), 'ERR_TORCH_VALUE', /they sum to 9/)
    expectError(() => timeSplit(dataset(10), []), 'ERR_TORCH_TYPE', /lengths must be/)
    expectError(() => timeSplit(dataset(10), [1], { gap: -1 }), 'ERR_TORCH_TYPE', /gap must be/)
  })

  test('timeSplit needs no memory for its indices', () => {
    const long = { length: 2 ** 45, get: (index: number): Sample => [[index % 1000], [0]] }
    const [, late] = timeSplit(long, [0.5, 0.5], { gap: 3 }) as [Subset, Subset]
    expect(late.length).toBe(2 ** 44 - 3)
    expect((late.batch([0, 1], true) as BatchPair)[0].toArray()).toEqual([
      [(2 ** 44 + 3) % 1000],
      [(2 ** 44 + 4) % 1000],
    ])
    expectError(() => late.batch([2 ** 44 - 3], true), 'ERR_TORCH_VALUE', /indices below/)
    expectError(() => late.batch([-1], true), 'ERR_TORCH_VALUE', /indices below/)
    const [first, second] = timeSplit(dataset(5), [2, 3])
    expect([first?.indices, second?.indices]).toEqual([
      [0, 1],
      [2, 3, 4],
    ])
  })

  test('ConcatDataset takes samples by number and arrays of them, and collates them as one', async () => {
    const source = { length: 2, get: (index: number): Sample => [[1, 2, 3].slice(index), [index]] }
    const slow = { length: 1, get: async (): Promise<Sample> => [[7, 8], [9]] }
    const samples: Sample[] = [[[4], [5]]]
    const all = new ConcatDataset([source, samples])
    const batch = all.batch([2, 0, 1], true) as NamedBatch
    expect(batch.input.toArray()).toEqual([
      [4, 0, 0],
      [1, 2, 3],
      [2, 3, 0],
    ])
    expect(batch.lengths?.toArray()).toEqual([1, 3, 2])
    const late = (await new ConcatDataset([samples, slow]).batch([1], true)) as BatchPair
    expect(late[0].toArray()).toEqual([[7, 8]])
    const own = new DataLoader(all, {
      batchSize: 3,
      collate: (some) => [torch.tensor([some.length]), torch.zeros([1])],
    })
    expect([...own].map((made) => (made as BatchPair)[0].item())).toEqual([3])
    const mixed = new ConcatDataset([dataset(1), [[[6], [60]]]])
    expect((mixed.batch([1, 0], true) as BatchPair)[1].toArray()).toEqual([[60], [0]])
    expectError(() => all.batch([3], true), 'ERR_TORCH_VALUE', /indices below 3/)
    expectError(
      () => new ConcatDataset([dataset(1), 3 as never]),
      'ERR_TORCH_TYPE',
      /datasets\[1\] must be an object with/,
    )
  })

  test('ConcatDataset joins, in the order that is asked for', async () => {
    const all = new ConcatDataset([dataset(3), dataset(2, 100)])
    expect(all.length).toBe(5)
    const [x, y] = (await all.batch([4, 0, 3, 2], true)) as BatchPair
    expect(x.flatten().toArray()).toEqual([101, 0, 100, 2])
    expect(y.flatten().toArray()).toEqual([1010, 0, 1000, 20])
    expectError(() => all.batch([5], true), 'ERR_TORCH_VALUE', /indices below 5/)
    expect((all.batch([], true) as BatchPair)[0].shape[0]).toBe(0)
    expectError(() => all.batch({} as never, true), 'ERR_TORCH_TYPE', 'ConcatDataset.batch: indices must be an array')
    expectError(() => new ConcatDataset([]), 'ERR_TORCH_TYPE', /a non-empty array/)
    const sequences = (first: number): TensorDataset =>
      new TensorDataset(torch.arange(first, first + 6).view([2, 3, 1]), torch.zeros([2, 1]))
    const [steps] = (await new ConcatDataset([sequences(0), sequences(6)]).batch([3, 0, 2], false)) as BatchPair
    expect(steps.squeeze(2).toArray()).toEqual([
      [9, 0, 6],
      [10, 1, 7],
      [11, 2, 8],
    ])
    const slow = { length: 1, batch: async () => [numbers(1, 7), numbers(1, 7)] as BatchPair }
    const [late] = (await new ConcatDataset([dataset(1), slow]).batch([1, 0], true)) as BatchPair
    expect(late.flatten().toArray()).toEqual([7, 0])
  })

  test('StackDataset has named parts', () => {
    const input = torch.arange(12, { dtype: 'float32' }).reshape([2, 3, 2])
    const target = input.sum(2, true)
    const mask = torch.tensor([
      [true, false, true],
      [true, true, true],
    ])
    const data = new StackDataset({ input, target, mask, lengths: torch.tensor([3, 2], { dtype: 'int64' }) })
    const [batch] = [...new DataLoader(data, { batchSize: 2, batchFirst: false })] as NamedBatch[]
    expect([batch?.input.shape, batch?.target.shape, batch?.mask?.shape]).toEqual([
      [3, 2, 2],
      [3, 2, 1],
      [3, 2],
    ])
    expect(batch?.lengths?.toArray()).toEqual([3, 2])
    expectError(() => new StackDataset({ input } as never), 'ERR_TORCH_TYPE', /target must be a Tensor/)
    expectError(
      () => new StackDataset({ input, target, lengths: torch.zeros([3]) }),
      'ERR_TORCH_SHAPE',
      /input has 2 samples, lengths has 3/,
    )
    expectError(() => new StackDataset({ input, target, state: input }), 'ERR_TORCH_OPTION', /second dimension/)
    expectError(() => new StackDataset([input, target] as never), 'ERR_TORCH_TYPE', /an object of tensors/)
  })
})
