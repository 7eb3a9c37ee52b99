import { isArrayOf } from '../array.ts'
import { checkOptions, invalid, requireBoolean, requireInteger, requireNone } from '../check.ts'
import { isAvailable } from '../cuda/index.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { keeps } from '../inheritance.ts'
import { opaque } from '../opaque.ts'
import { isPromise } from '../tensor/context.ts'
import { isGenerator, Generator as RandomGenerator } from '../tensor/generator.ts'
import { isTensor } from '../tensor/tensor.ts'
import { type Batch, type Dataset, SequenceDataset, TensorDataset } from './dataset.ts'
import { shuffled, skipOrder, skipSeed } from './shuffle.ts'

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

/** @throws {TorchError} unless `value` is [input, target]. */
export function requireBatch(what: string, value: unknown): asserts value is Batch {
  if (isArrayOf(value, isTensor) && value.length === 2) return
  const found = Array.isArray(value) ? `[${value.map(describe).join(', ')}]` : describe(value)
  throw torchError('ERR_TORCH_TYPE', `${what} must be [input, target], two Tensors, got ${found}`)
}

export interface DataLoaderOptions {
  /** Samples per batch. Default 1. */
  batchSize?: number
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

const NAMES = ['batchSize', 'shuffle', 'dropLast', 'generator', 'seed', 'batchFirst', 'pinMemory'] as const

/**
 * Iterates over a dataset in batches. Each iteration makes new tensors: use them within a `tidy`, or dispose them. If
 * the dataset's `batch` is async, iterate with `for await`.
 *
 * @example for await (const [input, target] of new DataLoader(files, { batchSize: 32, shuffle: true })) …
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
 */
export class DataLoader implements Iterable<Batch>, AsyncIterable<Batch> {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('DataLoader', 'use its batches')
  readonly dataset: Dataset
  readonly batchSize: number
  readonly shuffle: boolean
  readonly dropLast: boolean
  readonly batchFirst: boolean
  /** Whether batches are in pinned memory; `false` without CUDA, even if it was asked for. */
  readonly pinMemory: boolean
  /** The generator for shuffling, if it is not torch's own. */
  readonly generator: RandomGenerator | undefined

  constructor(dataset: Dataset, options: DataLoaderOptions = {}, ...none: undefined[]) {
    requireNone('DataLoader', none)
    checkOptions('DataLoader', options, NAMES)
    const {
      batchSize = 1,
      shuffle = false,
      dropLast = false,
      generator,
      seed,
      batchFirst = true,
      pinMemory = false,
    } = options
    if (typeof dataset?.length !== 'number' || typeof dataset.batch !== 'function') {
      throw invalid('DataLoader', 'dataset', 'an object with length and batch()', dataset)
    }
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
    const pins = pinMemory && isAvailable()
    if (pinMemory && !pins) {
      process.emitWarning("'pinMemory' is true but no accelerator is found, then device pinned memory won't be used.")
    }
    this.dataset = dataset
    this.batchSize = batchSize
    this.shuffle = shuffle
    this.dropLast = dropLast
    this.batchFirst = batchFirst
    this.pinMemory = pins
    this.generator = seed === undefined ? generator : new RandomGenerator().manualSeed(seed)
  }

  /** The number of batches. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  /** The batches of one pass, not made yet. */
  *plans(): Generator<BatchPlan> {
    const order = this.#order()
    const queueable = [TensorDataset, SequenceDataset].some((Class) => keeps(this.dataset, Class))
    for (let i = 0; i < this.length; i++) {
      const indices = Array.from(order.subarray(i * this.batchSize, (i + 1) * this.batchSize))
      yield { size: indices.length, indices, queueable, load: () => this.#load(indices) }
    }
    if (this.shuffle && this.generator !== undefined) skipOrder(this.dataset.length, this.generator)
  }

  /** @throws {TorchError} if the dataset's `batch` is async. */
  *[Symbol.iterator](): Generator<Batch> {
    for (const plan of this.plans()) {
      const batch = plan.load()
      if (isPromise(batch)) {
        batch.then(undefined, () => {})
        throw torchError(
          'ERR_TORCH_TYPE',
          `DataLoader: ${describe(this.dataset)}.batch is async: iterate with 'for await (const [input, target] of loader)'`,
        )
      }
      yield batch
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    for (const plan of this.plans()) yield await plan.load()
  }

  #order(): Float64Array {
    if (this.shuffle) return shuffled(this.dataset.length, this.generator)
    skipSeed(this.generator)
    return Float64Array.from({ length: this.dataset.length }, (_, i) => i)
  }

  #load(indices: readonly number[]): Batch | Promise<Batch> {
    const batch: unknown = this.dataset.batch(indices, this.batchFirst)
    return isPromise(batch) ? Promise.resolve(batch).then((made) => this.#finish(made)) : this.#finish(batch)
  }

  #finish(batch: unknown): Batch {
    requireBatch(`DataLoader: the result of ${describe(this.dataset)}.batch`, batch)
    if (!this.pinMemory) return batch
    const pinned = batch.map((tensor) => tensor.pinMemory()) as Batch
    for (const tensor of batch) tensor.dispose()
    return pinned
  }
}
