import { isArrayOf } from '../array.ts'
import { checkOptions, invalid, requireBoolean, requireInteger } from '../check.ts'
import { torchError } from '../errors.ts'
import { tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'
import { type Generator, isGenerator } from '../tensor/generator.ts'
import { shuffled } from './shuffle.ts'

export interface LengthBucketOptions {
  /** Sequences per batch. */
  batchSize: number
  /** Shuffle the sequences of a bucket and the batches, on each pass. Default `false`. */
  shuffle?: boolean
  /** How many batches to sort by length at a time: more make less padding, fewer a better shuffle. Default 50. */
  bucketBatches?: number
  /** Drop a last batch that is smaller than the others. Default `false`. */
  dropLast?: boolean
  /** The generator for shuffling. Default: the one that `torch.manualSeed` seeds. */
  generator?: Generator
}

const BUCKET_OPTIONS = ['batchSize', 'shuffle', 'bucketBatches', 'dropLast', 'generator'] as const

function requireGenerator(owner: string, generator: unknown): void {
  if (generator === undefined || isGenerator(generator)) return
  throw invalid(owner, 'generator', 'a torch.Generator', generator)
}

/**
 * Batches of sequences of similar lengths, which need little padding.
 *
 * @example new DataLoader(sentences, { batchSampler: new LengthBucketSampler(lengths, { batchSize: 32, shuffle: true }) })
 */
export class LengthBucketSampler implements Iterable<number[]> {
  readonly #lengths: readonly number[]
  readonly #options: Required<Omit<LengthBucketOptions, 'generator'>>
  readonly #generator: Generator | undefined

  constructor(lengths: readonly number[], options: LengthBucketOptions, ...none: undefined[]) {
    const name = 'LengthBucketSampler'
    checkOptions(name, options, BUCKET_OPTIONS, none)
    const { batchSize, shuffle = false, bucketBatches = 50, dropLast = false, generator } = options
    if (!isArrayOf(lengths, (length) => Number.isSafeInteger(length) && (length as number) >= 0)) {
      throw invalid(name, 'lengths', 'an array of non-negative integers', lengths)
    }
    requireInteger(name, 'batchSize', batchSize, 1)
    requireInteger(name, 'bucketBatches', bucketBatches, 1)
    requireBoolean(name, 'shuffle', shuffle)
    requireBoolean(name, 'dropLast', dropLast)
    requireGenerator(name, generator)
    this.#lengths = [...lengths]
    this.#options = { batchSize, shuffle, bucketBatches, dropLast }
    this.#generator = generator
  }

  /** The number of batches. */
  get length(): number {
    const { batchSize, dropLast } = this.#options
    const batches = this.#lengths.length / batchSize
    return dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  *[Symbol.iterator](): IterableIterator<number[]> {
    const { batchSize, shuffle, bucketBatches, dropLast } = this.#options
    const lengthOf = (index: number): number => this.#lengths[index] as number
    const order = this.#order(this.#lengths.length)
    const batches: number[][] = []
    const size = shuffle ? batchSize * bucketBatches : order.length
    for (let start = 0; start < order.length; start += size) {
      const bucket = order.slice(start, start + size).sort((a, b) => lengthOf(a) - lengthOf(b))
      for (let i = 0; i < bucket.length; i += batchSize) batches.push(bucket.slice(i, i + batchSize))
    }
    const kept = dropLast ? batches.filter((batch) => batch.length === batchSize) : batches
    for (const index of this.#order(kept.length)) yield kept[index] as number[]
  }

  #order(n: number): number[] {
    return this.#options.shuffle ? [...shuffled(n, this.#generator)] : Array.from({ length: n }, (_, i) => i)
  }
}

export interface WeightedRandomOptions {
  /** Whether a sample can be drawn several times in a pass. Default `true`. */
  replacement?: boolean
  /** The generator to draw from. Default: the one that `torch.manualSeed` seeds. */
  generator?: Generator
}

/**
 * Draws samples with probabilities in proportion to their weights, such as rare classes more often.
 *
 * @example new DataLoader(dataset, { sampler: new WeightedRandomSampler(weights, dataset.length) })
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.WeightedRandomSampler
 */
export class WeightedRandomSampler implements Iterable<number> {
  /** The number of samples in a pass. */
  readonly length: number
  readonly #weights: readonly number[]
  readonly #replacement: boolean
  readonly #generator: Generator | undefined

  constructor(
    weights: readonly number[],
    numSamples: number,
    options: WeightedRandomOptions = {},
    ...none: undefined[]
  ) {
    const name = 'WeightedRandomSampler'
    checkOptions(name, options, ['replacement', 'generator'], none)
    const { replacement = true, generator } = options
    if (!isArrayOf(weights, (weight) => typeof weight === 'number' && weight >= 0 && weight < Infinity)) {
      throw invalid(name, 'weights', 'an array of non-negative numbers', weights)
    }
    requireInteger(name, 'numSamples', numSamples, 1)
    requireBoolean(name, 'replacement', replacement)
    requireGenerator(name, generator)
    const drawable = weights.filter((weight) => weight > 0).length
    if (drawable === 0 || (!replacement && numSamples > drawable)) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${name}: ${drawable} samples have a weight above 0, so ${numSamples} cannot be drawn${replacement ? '' : ' without replacement'}`,
      )
    }
    this.length = numSamples
    this.#weights = [...weights]
    this.#replacement = replacement
    this.#generator = generator
  }

  *[Symbol.iterator](): IterableIterator<number> {
    const indices = tidy(() => {
      const weights = tensor(this.#weights, { dtype: 'float64' })
      const generator = this.#generator ?? null
      return weights.multinomial(this.length, this.#replacement, { generator }).toArray() as (number | bigint)[]
    })
    for (const index of indices) yield Number(index)
  }
}
