// Batches of datasets that have samples only.
import { requireFunction } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { isPromise, tidy } from '../tensor/context.ts'
import type { Batch } from './batch.ts'
import { collate, isSample, type Sample } from './collate.ts'
import { type Dataset, requireCount } from './dataset.ts'

/** Samples by number; `collate` makes batches of them. An array of samples is one, too. */
export interface SampleSource {
  /** The number of samples. */
  readonly length: number
  /** The sample with this index. It may be async. */
  get(index: number): Sample | Promise<Sample>
}

type Collate = (samples: readonly Sample[], options: { batchFirst: boolean }) => Batch

/** @internal The key of the samples of a dataset whose batches are collated. */
export const SAMPLES = Symbol('SAMPLES')

/** @internal A dataset that makes batches. @throws {TorchError} if `dataset` has none and no samples. */
export function datasetOf(what: string, dataset: unknown, collateSamples?: Collate): Dataset {
  if (collateSamples !== undefined) requireFunction('DataLoader', 'collate', collateSamples)
  const given = dataset as Partial<Dataset & SampleSource> | null | undefined
  if (typeof given?.length === 'number') {
    requireCount(what, given.length)
    if (typeof given.batch === 'function') {
      if (collateSamples === undefined) return given as Dataset
      const samples = (given as { [SAMPLES]?: SampleSource | undefined })[SAMPLES]
      if (samples !== undefined) return new Collated(samples, collateSamples)
      throw torchError('ERR_TORCH_OPTION', 'DataLoader: collate has no effect: the dataset makes its batches itself')
    }
    if (Array.isArray(dataset) && (dataset.length === 0 || isSample(dataset[0])))
      return new Collated({ length: dataset.length, get: (i) => dataset[i] }, collateSamples)
    if (!Array.isArray(dataset) && typeof given.get === 'function')
      return new Collated(given as SampleSource, collateSamples)
  }
  const [first] = Array.isArray(dataset) ? (dataset as unknown[]) : []
  const parts =
    Array.isArray(first) && first.length > 2
      ? `, whose first has ${first.length} parts: name them, { input, target, … }`
      : ''
  throw torchError(
    'ERR_TORCH_TYPE',
    `${what} must be an object with length and batch() or get(), or an array of samples [input, target], got ${describe(dataset)}${parts}`,
  )
}

/** Batches of samples that are asked for one by one. */
class Collated implements Dataset {
  readonly #samples: SampleSource
  readonly #collate: Collate

  constructor(samples: SampleSource, collateSamples: Collate = collate) {
    this.#samples = samples
    this.#collate = collateSamples
  }

  get length(): number {
    return this.#samples.length
  }

  /** What `collate` makes batches of. */
  get [SAMPLES](): SampleSource {
    return this.#samples
  }

  batch(indices: readonly number[], batchFirst: boolean): Batch | Promise<Batch> {
    const samples = indices.map((index) => this.#samples.get(index))
    const make = (given: readonly Sample[]): Batch => tidy(() => this.#collate(given, { batchFirst }))
    return samples.some(isPromise) ? Promise.all(samples).then(make) : make(samples as Sample[])
  }
}
