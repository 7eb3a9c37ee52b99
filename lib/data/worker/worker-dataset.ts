import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkOptions, invalid, requireInteger, requireNone } from '../../check.ts'
import { asyncDispose } from '../../dispose.ts'
import { torchError } from '../../errors.ts'
import { isURL } from '../../io/file.ts'
import { opaque } from '../../opaque.ts'
import type { Batch } from '../batch.ts'
import { type Dataset, requireIndices } from '../dataset.ts'
import { type BatchRequest, PREFETCHER, type Prefetcher } from '../prefetch.ts'
import { drawSeed } from '../shuffle.ts'
import { Pool } from './pool.ts'
import { decodeBatch } from './transfer.ts'

export interface WorkerDatasetOptions {
  /** The number of workers, each with a dataset of its own. Default 1. */
  numWorkers?: number
  /** Batches that a `DataLoader` or a `Trainer` requests ahead, for each worker. Default 2. */
  prefetchFactor?: number
  /** The argument of the module's function. It is copied, as `postMessage` does. Default: none. */
  workerData?: unknown
}

const OWNER = 'WorkerDataset'
const CONSTRUCT = Symbol('construct')

/**
 * A dataset whose batches are made by worker threads, ahead of their use: PyTorch's `numWorkers`. Each worker imports
 * the same module, whose default export is a function that makes the dataset (also async): an object with `length` and
 * `batch` or `get`, or an array of samples. `DataLoader`, `Trainer`, `Subset` and `randomSplit` take it like any other
 * dataset. Samples come in the same order, and what the dataset draws with torch is the same for a seed, with any number
 * of workers.
 *
 * @example
 * // files.js
 * export default (folder) => ({ length: 1000, get: async (index) => readSample(folder, index) })
 * // train.js
 * const dataset = await WorkerDataset.open(new URL('./files.js', import.meta.url), { numWorkers: 2, workerData: 'data' })
 * await trainer.fit(dataset)
 * await dataset.close()
 * @see https://docs.pytorch.org/docs/stable/data.html#multi-process-data-loading
 */
export class WorkerDataset<B extends Batch = Batch> implements Dataset<B> {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque(OWNER, 'open its module again')
  readonly length: number
  readonly numWorkers: number
  readonly prefetchFactor: number
  readonly #pool: Pool

  // Protected, so that `new WorkerDataset()` does not compile.
  protected constructor(key: symbol, pool: Pool, options: { numWorkers: number; prefetchFactor: number }) {
    if (key !== CONSTRUCT) {
      throw torchError(
        'ERR_TORCH_TYPE',
        'new WorkerDataset() cannot wait for workers: use WorkerDataset.open(module, options)',
      )
    }
    this.length = pool.length
    this.numWorkers = options.numWorkers
    this.prefetchFactor = options.prefetchFactor
    this.#pool = pool
  }

  /**
   * Starts the workers, and waits for their datasets.
   *
   * @param module the file: URL or the absolute path of a module in JavaScript. In TypeScript, only if Node itself reads
   *   it (22.18 and later): tsx does not reach into workers of Node 20
   * @throws {TorchError} (rejects) with the error of the module as its cause.
   */
  static async open<B extends Batch = Batch>(
    module: string | URL,
    options: WorkerDatasetOptions = {},
    ...none: undefined[]
  ): Promise<WorkerDataset<B>> {
    requireNone(`${OWNER}.open`, none)
    checkOptions(`${OWNER}.open`, options, ['numWorkers', 'prefetchFactor', 'workerData'])
    const { numWorkers = 1, prefetchFactor = 2, workerData } = options
    requireInteger(`${OWNER}.open`, 'numWorkers', numWorkers, 1)
    requireInteger(`${OWNER}.open`, 'prefetchFactor', prefetchFactor, 1)
    const pool = await Pool.start({ module: moduleUrl(module), data: cloneable(workerData) }, numWorkers)
    return new WorkerDataset<B>(CONSTRUCT, pool, { numWorkers, prefetchFactor })
  }

  /** Returns the samples with these indices, from a worker: see {@link Dataset.batch}. */
  batch(indices: readonly number[], batchFirst: boolean): Promise<B> {
    requireIndices(OWNER, indices)
    return this.#request(indices, batchFirst, drawSeed()).take() as Promise<B>
  }

  /** @internal Undefined for a subclass that makes batches of its own. */
  get [PREFETCHER](): Prefetcher | undefined {
    if (this.batch !== WorkerDataset.prototype.batch) return undefined
    return {
      depth: this.numWorkers * this.prefetchFactor,
      request: (indices, batchFirst, seed) => this.#request(indices, batchFirst, seed),
    }
  }

  #request(indices: readonly number[], batchFirst: boolean, seed: bigint): BatchRequest {
    const { batch, cancel } = this.#pool.ask([...indices], batchFirst, seed)
    return { take: async () => decodeBatch(await batch), cancel }
  }

  /** Ends the workers. Batches that are being made are rejected. */
  close(): Promise<void> {
    return this.#pool.close()
  }

  /** For `await using`: the same as {@link close}. */
  async [asyncDispose](): Promise<void> {
    await this.close()
  }
}

function moduleUrl(module: unknown): string {
  if (isURL(module)) return module.href
  if (typeof module === 'string' && isAbsolute(module)) return pathToFileURL(module).href
  throw invalid(
    `${OWNER}.open`,
    'module',
    "the URL or the absolute path of a module, such as new URL('./files.js', import.meta.url)",
    module,
  )
}

/** @throws {TorchError} for what `postMessage` cannot copy. */
function cloneable(value: unknown): unknown {
  try {
    return structuredClone(value)
  } catch (cause) {
    throw torchError(
      'ERR_TORCH_TYPE',
      `${OWNER}.open: workerData cannot be copied to a worker: ${(cause as Error).message}`,
      { cause },
    )
  }
}
