import { checkOptions, invalid, requireBoolean, requireInteger, requireNone } from '../check.ts'
import { isAvailable } from '../cuda/index.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { keeps } from '../inheritance.ts'
import { opaque } from '../opaque.ts'
import { isPromise } from '../tensor/context.ts'
import { isGenerator, Generator as RandomGenerator } from '../tensor/generator.ts'
import { type Batch, mapBatch, namedBatch, requireBatch, tensorsOf } from './batch.ts'
import type { collate, Sample } from './collate.ts'
import { datasetOf, SAMPLES, type SampleSource } from './collated.ts'
import { type Dataset, SequenceDataset, TensorDataset } from './dataset.ts'
import { type BatchRequest, type Prefetcher, prefetcherOf } from './prefetch.ts'
import { WindowDataset } from './series/windows.ts'
import { drawSeed, permuted, permutedOff, skipOrder, skipOrderOff, skipSeed } from './shuffle.ts'
import { StackDataset } from './stack-dataset.ts'

/** A planned batch: `load` makes its tensors. */
export interface BatchPlan {
  /** The number of samples. */
  readonly size: number
  /** The indices of the samples, if they have any. */
  readonly indices?: readonly number[]
  /** Whether `load` calls only tensor operations, so that it can run within `offload`. */
  readonly queueable: boolean
  load(): Batch | Promise<Batch>
}

/** An iterator of batches whose `next` returns a promise only where there is something to wait for. */
export interface BatchPlans {
  next(): IteratorResult<BatchPlan> | Promise<IteratorResult<BatchPlan>>
  /** Ends the pass early. */
  return?(value: undefined): unknown
}

export interface DataLoaderOptions<B extends Batch = Batch> {
  /** Samples per batch. Default 1. */
  batchSize?: number
  /** The indices of the samples of each pass, in their order, instead of `shuffle`; iterated anew for each pass. */
  sampler?: Iterable<number>
  /** The indices of each batch, instead of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  batchSampler?: Iterable<readonly number[]>
  /** Makes a batch of samples, if the dataset has `get`, or is an array. Default: {@link collate}. */
  collate?: (samples: readonly Sample[], options: { batchFirst: boolean }) => B
  /** Shuffle the samples on each iteration over the loader. Default `false`. */
  shuffle?: boolean
  /** Drop the last batch if it is smaller than the others. Default `false`. */
  dropLast?: boolean
  /**
   * The generator for shuffling, as in PyTorch. Default: the one that `torch.manualSeed` seeds, so that the order
   * equals that of a Python program with the same seed.
   */
  generator?: RandomGenerator
  /** Shorthand for a separate generator with this seed. */
  seed?: number
  /**
   * `true`: samples are stacked in the first dimension, (N, L, …). `false`: in the second, (L, N, …), as recurrent
   * modules expect by default; batches with fewer than 3 dimensions are not affected. Default `true`.
   */
  batchFirst?: boolean
  /**
   * Put the batches into pinned memory, from which `to({ device: 'cuda', nonBlocking: true })` copies asynchronously.
   * The samples must be on the CPU. Without CUDA the loader warns and pins nothing. A `Trainer` with a CUDA device pins
   * batches by itself. Default `false`.
   */
  pinMemory?: boolean
}

const NAMES = [
  'batchSize',
  'sampler',
  'batchSampler',
  'collate',
  'shuffle',
  'dropLast',
  'generator',
  'seed',
  'batchFirst',
  'pinMemory',
] as const

/**
 * Iterates over a dataset in batches. Each iteration makes new tensors: use them within a `tidy`, or dispose them. If
 * the dataset is async, iterate with `for await`.
 *
 * @example for await (const [input, target] of new DataLoader(files, { batchSize: 32, shuffle: true })) …
 * @example
 * // Sequences of different lengths are padded; the batches have `lengths`.
 * const loader = new DataLoader(sentences.map((words, i) => [words, labels[i]]), { batchSize: 32 })
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
 */
export class DataLoader<B extends Batch = Batch> implements Iterable<B>, AsyncIterable<B> {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('DataLoader', 'use its batches')
  readonly dataset: Dataset<B> | SampleSource | readonly Sample[]
  readonly batchSize: number
  readonly shuffle: boolean
  readonly dropLast: boolean
  readonly batchFirst: boolean
  /** Whether batches are in pinned memory; `false` without CUDA, even if it was asked for. */
  readonly pinMemory: boolean
  /** The generator for shuffling, if it is not torch's own. */
  readonly generator: RandomGenerator | undefined
  readonly #batches: Dataset
  readonly #sampler: Iterable<number> | undefined
  readonly #batchSampler: Iterable<readonly number[]> | undefined

  constructor(
    dataset: Dataset<B> | SampleSource | readonly Sample[],
    options: DataLoaderOptions<B> = {},
    ...none: undefined[]
  ) {
    requireNone('DataLoader', none)
    checkOptions('DataLoader', options, NAMES)
    const { generator, seed, sampler, batchSampler, pinMemory = false } = options
    const { batchSize = 1, shuffle = false, dropLast = false, batchFirst = true } = options
    requireInteger('DataLoader', 'batchSize', batchSize, 1)
    if (seed !== undefined) requireInteger('DataLoader', 'seed', seed)
    if (generator !== undefined && !isGenerator(generator)) {
      throw invalid('DataLoader', 'generator', 'a torch.Generator', generator)
    }
    if (generator !== undefined && seed !== undefined) {
      throw torchError('ERR_TORCH_OPTION', 'DataLoader: seed makes a generator: give either seed or generator')
    }
    for (const [name, value] of Object.entries({ shuffle, dropLast, batchFirst, pinMemory })) {
      requireBoolean('DataLoader', name, value)
    }
    requireSamplers(options)
    const pins = pinMemory && isAvailable()
    if (pinMemory && !pins) {
      process.emitWarning("'pinMemory' is true but no accelerator is found, then device pinned memory won't be used.")
    }
    this.dataset = dataset
    this.#batches = datasetOf('DataLoader: dataset', dataset, options.collate)
    this.batchSize = batchSize
    this.#sampler = sampler
    this.#batchSampler = batchSampler
    this.shuffle = shuffle
    this.dropLast = dropLast
    this.batchFirst = batchFirst
    this.pinMemory = pins
    this.generator = seed === undefined ? generator : new RandomGenerator().manualSeed(seed)
  }

  /** The number of batches; `undefined` if a sampler has no `length`. */
  get length(): number | undefined {
    if (this.#batchSampler !== undefined) return lengthOf(this.#batchSampler)
    const samples = this.#sampler === undefined ? this.dataset.length : lengthOf(this.#sampler)
    if (samples === undefined) return undefined
    const batches = samples / this.batchSize
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  /** The batches of one pass, not made yet. */
  *plans(): Generator<BatchPlan> {
    const seed = this.#begin()
    yield* this.#planned(this.#order(), seed)
    if (this.shuffle && this.generator !== undefined) skipOrder(this.dataset.length, this.generator)
  }

  /**
   * {@link DataLoader.plans} with a random order that is drawn off the main thread: for that, the first call of `next`
   * returns a promise, and so may the last.
   */
  plansOff(): BatchPlans {
    return this.shuffle ? this.#shuffledOff() : this.plans()
  }

  #shuffledOff(): BatchPlans {
    const { length } = this.dataset
    let plans: Generator<BatchPlan> | undefined
    let isOver = false
    const start = async (): Promise<IteratorResult<BatchPlan>> => {
      const seed = this.#begin()
      plans = this.#planned(await permutedOff(length, this.generator), seed)
      return next()
    }
    const end = (): IteratorResult<BatchPlan> | Promise<IteratorResult<BatchPlan>> => {
      const done = { done: true, value: undefined } as const
      if (isOver || this.generator === undefined) return done
      isOver = true
      return skipOrderOff(length, this.generator).then(() => done)
    }
    const next = (): IteratorResult<BatchPlan> | Promise<IteratorResult<BatchPlan>> => {
      if (plans === undefined) return isOver ? end() : start()
      const result = plans.next()
      return result.done ? end() : result
    }
    const close = (): IteratorResult<BatchPlan> => {
      isOver = true
      return plans?.return(undefined) ?? { done: true, value: undefined }
    }
    return { next, return: close }
  }

  /** The draws at the start of a pass: the seed for workers, which is not read if there are none. */
  #begin(): bigint | undefined {
    if (prefetcherOf(this.#batches) !== undefined) return drawSeed(this.generator)
    skipSeed(this.generator)
    return undefined
  }

  *#planned(order: Iterable<number>, seed: bigint | undefined): Generator<BatchPlan> {
    const prefetcher = prefetcherOf(this.#batches)
    if (prefetcher !== undefined && seed !== undefined) return yield* this.#ahead(prefetcher, order, seed)
    const queueable = [TensorDataset, StackDataset, SequenceDataset, WindowDataset].some((Class) =>
      keeps(this.#batches, Class),
    )
    for (const indices of this.#indices(order)) {
      yield { size: indices.length, indices, queueable, load: () => this.#load(indices) }
    }
  }

  /** Requests the batches that follow one that is loaded; none that are passed over, as when a run is resumed. */
  *#ahead({ depth, request }: Prefetcher, order: Iterable<number>, seed: bigint): Generator<BatchPlan> {
    const indices = this.#indices(order)
    const coming: { indices: readonly number[]; seed: bigint; request?: BatchRequest }[] = []
    let pulled = 0n
    const pull = (): boolean => {
      const { done, value } = indices.next()
      if (done) return false
      coming.push({ indices: value, seed: BigInt.asIntN(64, seed + pulled++) })
      return true
    }
    const start = (plan: (typeof coming)[number]): BatchRequest => {
      plan.request ??= request(plan.indices, this.batchFirst, plan.seed)
      return plan.request
    }
    try {
      while (coming.length > 0 || pull()) {
        const plan = coming.shift() as (typeof coming)[number]
        yield {
          size: plan.indices.length,
          indices: plan.indices,
          queueable: false,
          load: () => {
            const requested = start(plan)
            while (coming.length < depth && pull()) {}
            for (const next of coming) start(next)
            return requested.take().then((batch) => this.#finish(batch, plan.indices.length))
          },
        }
      }
    } finally {
      for (const plan of coming) plan.request?.cancel()
      indices.return(undefined)
    }
  }

  /** @throws {TorchError} if the dataset is async. */
  *[Symbol.iterator](): Generator<B> {
    for (const plan of this.plans()) {
      const batch = plan.load()
      if (isPromise(batch)) {
        batch.then(undefined, () => {})
        throw torchError(
          'ERR_TORCH_TYPE',
          `DataLoader: ${describe(this.#batches)}.batch is async: iterate with 'for await (const [input, target] of loader)'`,
        )
      }
      yield batch as B
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<B> {
    const plans = { [Symbol.asyncIterator]: () => asyncOf(this.plansOff()) }
    for await (const plan of plans) yield (await plan.load()) as B
  }

  *#indices(order: Iterable<number>): Generator<readonly number[]> {
    if (this.#batchSampler !== undefined) {
      for (const indices of this.#batchSampler) yield [...indices]
      return
    }
    let batch: number[] = []
    for (const index of order) {
      batch.push(index)
      if (batch.length < this.batchSize) continue
      yield batch
      batch = []
    }
    if (batch.length > 0 && !this.dropLast) yield batch
  }

  #order(): Iterable<number> {
    if (this.shuffle) return permuted(this.dataset.length, this.generator)
    return this.#sampler ?? counted(this.dataset.length)
  }

  #load(indices: readonly number[]): Batch | Promise<Batch> {
    const batch: unknown = this.#batches.batch(indices, this.batchFirst)
    const finish = (made: unknown): Batch => this.#finish(made, indices.length)
    return isPromise(batch) ? Promise.resolve(batch).then(finish) : finish(batch)
  }

  #finish(batch: unknown, samples: number): Batch {
    requireBatch(`DataLoader: the result of ${describe(this.#batches)}.batch`, batch)
    // A collate of the user's may leave samples out, as in PyTorch.
    if (!(SAMPLES in this.#batches)) requireCounted(describe(this.#batches), batch, samples, this.batchFirst)
    if (!this.pinMemory) return batch
    const pinned = mapBatch(batch, (tensor, name) => (name === 'lengths' ? tensor.clone() : tensor.pinMemory()))
    for (const tensor of tensorsOf(batch)) tensor.dispose()
    return pinned
  }
}

function asyncOf(plans: BatchPlans): AsyncIterator<BatchPlan> {
  return {
    next: async () => await plans.next(),
    return: async () => {
      await plans.return?.(undefined)
      return { done: true, value: undefined }
    },
  }
}

/** @throws {TorchError} for a batch with another number of samples than there are indices. */
function requireCounted(name: string, batch: Batch, samples: number, batchFirst: boolean): void {
  const { input } = namedBatch(batch)
  const dim = batchFirst || input.ndim < 3 ? 0 : 1
  if (input.ndim === 0 || input.size(dim) === samples) return
  const found = input.size(dim)
  const where = dim === 0 ? 'first' : 'second, since batchFirst is false,'
  throw torchError(
    'ERR_TORCH_SHAPE',
    `DataLoader: batch([…${samples} ${samples === 1 ? 'index' : 'indices'}]) of ${name} returned ${found} sample${found === 1 ? '' : 's'}, an input of shape (${input.shape.join(', ')}): samples are its ${where} dimension, one for each index`,
  )
}

function lengthOf(sampler: object): number | undefined {
  const length: unknown = Reflect.get(sampler, 'length')
  return typeof length === 'number' ? length : undefined
}

/** @throws {TorchError} for samplers that cannot be iterated, or options that a sampler would make useless. */
function requireSamplers(options: DataLoaderOptions): void {
  const excluded = {
    sampler: ['shuffle'],
    batchSampler: ['batchSize', 'shuffle', 'sampler', 'dropLast'],
  } as const
  for (const name of ['sampler', 'batchSampler'] as const) {
    const sampler = options[name]
    if (sampler === undefined) continue
    if (typeof sampler !== 'object' || sampler === null || !(Symbol.iterator in sampler)) {
      throw invalid(
        'DataLoader',
        name,
        name === 'sampler' ? 'an iterable of indices' : 'an iterable of arrays',
        sampler,
      )
    }
    const other = excluded[name].find((option) => options[option] !== undefined && options[option] !== false)
    if (other === undefined) continue
    throw torchError('ERR_TORCH_OPTION', `DataLoader: ${name} decides which samples come: omit ${other}`)
  }
}

/** The numbers 0 … n - 1: not those of an array, whose length is limited. */
function* counted(n: number): Generator<number> {
  for (let i = 0; i < n; i++) yield i
}
