import { isArrayOf } from '../array.ts'
import { checkOptions, invalid, requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import { isPromise, tidy } from '../tensor/context.ts'
import { randperm } from '../tensor/creation.ts'
import { type Generator, isGenerator } from '../tensor/generator.ts'
import { slice } from '../tensor/indexing.ts'
import { functions } from '../tensor/methods.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { type Batch, namedBatch } from './batch.ts'
import type { Sample } from './collate.ts'
import { datasetOf, SAMPLES, type SampleSource } from './collated.ts'
import { type Dataset, requireIndices } from './dataset.ts'
import { PREFETCHER, type Prefetcher, prefetcherOf } from './prefetch.ts'

/** Indices in their order. */
interface Order {
  readonly length: number
  /** `undefined` for a place that there is not. */
  at(place: number): number | undefined
}

/** `length` indices that follow each other. */
class Range implements Order {
  readonly length: number
  readonly #start: number

  constructor(start: number, length: number) {
    this.#start = start
    this.length = length
  }

  at(place: number): number | undefined {
    return place < this.length ? this.#start + place : undefined
  }
}

/**
 * The samples of a dataset with the given indices, in their order. Like a `DataLoader`, it also takes samples by number,
 * or an array of them.
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.Subset
 */
export class Subset<B extends Batch = Batch> implements Dataset<B> {
  /** What was given; of samples, the dataset that collates them. */
  readonly dataset: Dataset<B>
  readonly #order: Order
  #indices: readonly number[] | undefined

  constructor(
    dataset: Dataset<B> | SampleSource | readonly Sample[],
    indices: readonly number[],
    ...none: undefined[]
  ) {
    requireNone(new.target.name, none)
    this.dataset = datasetOf('Subset: dataset', dataset) as Dataset<B>
    if (indices instanceof Range) {
      this.#order = indices
      return
    }
    const isIndex = (index: unknown): boolean =>
      Number.isSafeInteger(index) && (index as number) >= 0 && (index as number) < dataset.length
    if (!isArrayOf(indices, isIndex)) {
      throw invalid('Subset', 'indices', `an array of indices below ${dataset.length}`, indices, 'ERR_TORCH_VALUE')
    }
    const own = [...indices]
    this.#indices = own
    this.#order = { length: own.length, at: (place) => own[place] }
  }

  /** The indices in the dataset. Consecutive ones, as of {@link timeSplit}, need memory only when they are asked for. */
  get indices(): readonly number[] {
    this.#indices ??= Array.from({ length: this.length }, (_, place) => this.#order.at(place) as number)
    return this.#indices
  }

  get length(): number {
    return this.#order.length
  }

  /** Returns the samples with these indices: see {@link Dataset.batch}. */
  batch(indices: readonly number[], batchFirst: boolean): B | Promise<B> {
    return this.dataset.batch(this.#own(indices), batchFirst)
  }

  /** @internal The samples, for a `collate` of a loader, unless the dataset or a subclass makes the batches. */
  get [SAMPLES](): SampleSource | undefined {
    const samples = (this.dataset as { [SAMPLES]?: SampleSource | undefined })[SAMPLES]
    if (samples === undefined || this.batch !== Subset.prototype.batch) return undefined
    return { length: this.length, get: (index) => samples.get(this.#order.at(index) as number) }
  }

  /** @internal That of the dataset, unless a subclass makes batches of its own. */
  get [PREFETCHER](): Prefetcher | undefined {
    const inner = prefetcherOf(this.dataset)
    if (inner === undefined || this.batch !== Subset.prototype.batch) return undefined
    return { depth: inner.depth, request: (indices, ...others) => inner.request(this.#own(indices), ...others) }
  }

  /** The indices in the dataset. */
  #own(indices: readonly number[]): number[] {
    requireIndices('Subset', indices)
    const own = indices.map((index) => (index < 0 ? undefined : this.#order.at(index)))
    if (own.includes(undefined)) {
      throw invalid('Subset.batch', 'indices', `indices below ${this.length}`, indices, 'ERR_TORCH_VALUE')
    }
    return own as number[]
  }
}

/**
 * Cuts a dataset, or an array of samples, into parts at random.
 *
 * @param lengths how many samples each part has, or fractions that sum to 1
 * @example const [training, validation] = randomSplit(dataset, [0.8, 0.2])
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.random_split
 */
export function randomSplit<B extends Batch>(
  dataset: Dataset<B> | SampleSource | readonly Sample[],
  lengths: readonly number[],
  options: { generator?: Generator } = {},
  ...none: undefined[]
): Subset<B>[] {
  checkOptions('randomSplit', options, ['generator'], none)
  const { generator } = options
  if (generator !== undefined && !isGenerator(generator)) {
    throw invalid('randomSplit', 'generator', 'a torch.Generator', generator)
  }
  datasetOf('randomSplit: dataset', dataset)
  const counts = countsOf('randomSplit', dataset.length, lengths)
  const order = tidy(() => randperm(dataset.length, { generator: generator ?? null }).toArray() as (number | bigint)[])
  const indices = order.map(Number)
  return cutAt(counts).map(({ start, count }) => new Subset(dataset, indices.slice(start, start + count)))
}

/**
 * Cuts a dataset, or an array of samples, into consecutive parts, for samples in the order of time: the last parts are the latest.
 *
 * @param lengths how many samples each part has, or fractions that sum to 1
 * @param options `gap`: how many samples to leave out between two parts. Windows of one series overlap: with a stride
 *   of 1, a gap of their length minus 1 keeps the targets of one part out of the other. Default 0.
 * @example const [training, validation] = timeSplit(windows, [0.8, 0.2], { gap: 29 })
 */
export function timeSplit<B extends Batch>(
  dataset: Dataset<B> | SampleSource | readonly Sample[],
  lengths: readonly number[],
  options: { gap?: number } = {},
  ...none: undefined[]
): Subset<B>[] {
  checkOptions('timeSplit', options, ['gap'], none)
  const { gap = 0 } = options
  if (!Number.isSafeInteger(gap) || gap < 0) throw invalid('timeSplit', 'gap', 'a non-negative integer', gap)
  datasetOf('timeSplit: dataset', dataset)
  const counts = countsOf('timeSplit', dataset.length, lengths)
  return cutAt(counts).map(({ start, count }, i) => {
    const left = i === 0 ? 0 : Math.min(gap, count)
    return new Subset(dataset, new Range(start + left, count - left) as Order as readonly number[])
  })
}

/** Where parts of these sizes start, one after another. */
function cutAt(counts: readonly number[]): { start: number; count: number }[] {
  let end = 0
  return counts.map((count) => {
    end += count
    return { start: end - count, count }
  })
}

/** As `random_split`: fractions are rounded down, and what is left goes to the first parts, one each. */
function countsOf(owner: string, length: number, lengths: readonly number[]): number[] {
  if (!isArrayOf(lengths, (part) => typeof part === 'number' && part >= 0) || lengths.length === 0) {
    throw invalid(owner, 'lengths', 'an array of non-negative numbers', lengths)
  }
  const sum = lengths.reduce((total, part) => total + part, 0)
  if (Math.abs(sum - 1) < 1e-9 && lengths.some((part) => part < 1)) {
    const counts = lengths.map((part) => Math.floor(length * part))
    const rest = length - counts.reduce((total, count) => total + count, 0)
    for (let i = 0; i < rest; i++) counts[i % counts.length] = (counts[i % counts.length] as number) + 1
    return counts
  }
  if (lengths.every(Number.isSafeInteger) && sum === length) return [...lengths]
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: lengths must sum to the length of the dataset, ${length}, or to 1 if they are fractions; they sum to ${sum}`,
  )
}

/**
 * Several datasets, one after another. Like a `DataLoader`, it also takes samples by number, or arrays of them: if it has
 * only such, they are collated across datasets.
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.ConcatDataset
 */
export class ConcatDataset implements Dataset {
  /** What was given; of samples, the dataset that collates them. */
  readonly datasets: readonly Dataset[]
  readonly length: number
  readonly #collated: Dataset | undefined

  constructor(datasets: readonly (Dataset | SampleSource | readonly Sample[])[], ...none: undefined[]) {
    requireNone(new.target.name, none)
    if (!Array.isArray(datasets) || datasets.length === 0) {
      throw invalid('ConcatDataset', 'datasets', 'a non-empty array of datasets', datasets)
    }
    this.datasets = datasets.map((dataset, i) => datasetOf(`ConcatDataset: datasets[${i}]`, dataset))
    this.length = this.datasets.reduce((sum, { length }) => sum + length, 0)
    const samples = this[SAMPLES]
    this.#collated = samples && datasetOf('ConcatDataset', samples)
  }

  /** @internal The samples, if all datasets have some, unless a subclass makes the batches. */
  get [SAMPLES](): SampleSource | undefined {
    const sources = this.datasets.flatMap((dataset) => (dataset as { [SAMPLES]?: SampleSource })[SAMPLES] ?? [])
    if (sources.length < this.datasets.length || this.batch !== ConcatDataset.prototype.batch) return undefined
    const get = (index: number): Sample | Promise<Sample> => {
      const [which, own] = this.#find(index)
      return (sources[which] as SampleSource).get(own)
    }
    return { length: this.length, get }
  }

  /** Returns the samples with these indices: see {@link Dataset.batch}. Each dataset is asked once. */
  batch(indices: readonly number[], batchFirst: boolean): Batch | Promise<Batch> {
    requireIndices('ConcatDataset', indices)
    if (this.#collated !== undefined) return this.#collated.batch(indices, batchFirst)
    if (indices.length === 0) return (this.datasets[0] as Dataset).batch(indices, batchFirst)
    const groups = this.datasets.map(() => ({ own: [] as number[], places: [] as number[] }))
    for (const [place, index] of indices.entries()) {
      const [which, own] = this.#find(index)
      groups[which]?.own.push(own)
      groups[which]?.places.push(place)
    }
    const asked = groups.flatMap(({ own, places }, which) =>
      own.length === 0 ? [] : [{ places, batch: (this.datasets[which] as Dataset).batch(own, batchFirst) }],
    )
    const [only] = asked
    if (asked.length === 1 && only !== undefined) return only.batch
    const join = (batches: readonly Batch[]): Batch =>
      joined(
        batches,
        asked.flatMap(({ places }) => places),
        batchFirst,
      )
    const batches = asked.map(({ batch }) => batch)
    return batches.some(isPromise) ? Promise.all(batches).then(join) : join(batches as Batch[])
  }

  #find(index: number): [which: number, own: number] {
    let own = index
    for (const [which, { length }] of this.datasets.entries()) {
      if (own >= 0 && own < length) return [which, own]
      own -= length
    }
    throw invalid('ConcatDataset.batch', 'indices', `indices below ${this.length}`, index, 'ERR_TORCH_VALUE')
  }
}

/** Joins batches; `places[i]` is where their i-th sample belongs. */
function joined(batches: readonly Batch[], places: readonly number[], batchFirst: boolean): Batch {
  const named = batches.map(namedBatch)
  const [first] = named as [(typeof named)[number]]
  const order = places.map((_, i) => places.indexOf(i))
  const isInOrder = order.every((place, i) => place === i)
  const parts = Object.entries(first).map(([name, part]) => {
    const tensors = named.map((batch) => batch[name])
    if (!isArrayOf(tensors, isTensor) || !isTensor(part)) {
      throw torchError('ERR_TORCH_VALUE', `ConcatDataset: not every dataset has the part '${name}' as a Tensor`)
    }
    const dim = batchFirst || part.ndim < 3 ? 0 : 1
    const all = functions.cat(tensors as Tensor[], dim)
    return [name, isInOrder ? all : all.index(...Array(dim).fill(slice()), order)]
  })
  const { input, target, ...others } = Object.fromEntries(parts)
  return batches.every((batch) => Array.isArray(batch)) ? [input, target] : { input, target, ...others }
}
