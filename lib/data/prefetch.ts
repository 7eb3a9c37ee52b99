import type { Batch } from './batch.ts'

/** A batch that is being made elsewhere. */
export interface BatchRequest {
  /** Waits for the batch, and makes its tensors. */
  take(): Promise<Batch>
  /** Gives the batch up. */
  cancel(): void
}

/** Makes batches ahead of their use. */
export interface Prefetcher {
  /** The number of batches to request ahead. */
  readonly depth: number
  /** @param seed of what is drawn while the batch is made */
  request(indices: readonly number[], batchFirst: boolean, seed: bigint): BatchRequest
}

/** @internal The key of a dataset's {@link Prefetcher}. */
export const PREFETCHER = Symbol('PREFETCHER')

/** The prefetcher of a dataset, if it has one. */
export function prefetcherOf(dataset: object): Prefetcher | undefined {
  return (dataset as { [PREFETCHER]?: Prefetcher })[PREFETCHER]
}
