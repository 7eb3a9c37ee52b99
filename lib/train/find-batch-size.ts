import { checkOptions, requireInteger, requirePositive, requireSignal } from '../check.ts'
import { emptyCache } from '../cuda/index.ts'
import { DataLoader } from '../data/loader.ts'
import { TorchError, torchError } from '../errors.ts'
import { MemoryMeter } from './memory-meter.ts'
import type { Source } from './source.ts'
import { Batches, type TrialParts, trial } from './trial.ts'

export interface FindBatchSizeOptions {
  /** The first size. Default 1. */
  min?: number
  /** The largest size to try. Default: the number of samples. */
  max?: number
  /** How many updates of the weights to time with each size, after one to warm up. Default 3. */
  steps?: number
  /**
   * On the CPU, the most bytes that training may need besides what the process has already. A size is not tried if it
   * would need more, going by the one before. Default: half of the memory that is available to the process. On CUDA,
   * sizes are tried until the memory of the device is exhausted.
   */
  maxBytes?: number
  /** Ends the search between two steps: it rejects, and everything is as before. */
  signal?: AbortSignal
}

/** A batch size that was tried. */
export interface BatchSizeTrial {
  batchSize: number
  /** That of the fastest step. */
  secondsPerSample: number
  /**
   * The most memory that steps of this size and the smaller ones have needed, besides that of the process before; on
   * CUDA, that of tensors.
   */
  bytes: number
}

/** What a search for the batch size has found. */
export interface BatchSizeSearch {
  /** The smallest size that is at most 10 % slower per sample than the fastest; it needs the least memory of them. */
  suggestion: number
  trials: BatchSizeTrial[]
  /**
   * Why no larger size was tried: there are no more samples than that (`'data'`), or it would have exceeded `max` or the
   * `memory`; or two sizes in a row were not faster per sample than the ones before (`'speed'`).
   */
  end: 'data' | 'max' | 'memory' | 'speed'
}

const OWNER = 'findBatchSize'
/** By how much a size has to be faster than the smaller ones to count as faster. */
const FASTER = 0.95
const SUGGESTED = 1.1

export interface ResolvedFindOptions {
  min: number
  max: number
  steps: number
  maxBytes: number
}

export function readFindOptions(options: FindBatchSizeOptions): ResolvedFindOptions {
  checkOptions(OWNER, options, ['min', 'max', 'steps', 'maxBytes', 'signal'])
  const { min = 1, max, steps = 3, maxBytes = process.availableMemory() / 2, signal } = options
  requireInteger(OWNER, 'min', min, 1)
  if (max !== undefined) requireInteger(OWNER, 'max', max, min)
  requireInteger(OWNER, 'steps', steps, 1)
  requirePositive(OWNER, 'maxBytes', maxBytes)
  requireSignal(OWNER, signal)
  return { min, max: max ?? Number.POSITIVE_INFINITY, steps, maxBytes }
}

/** @throws {TorchError} for data whose batches the trainer does not make. */
export function requireResizable(data: unknown, source: Source): void {
  if (source.own && !(data instanceof DataLoader)) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: the batches of a DataLoader or an iterable have their size already: give a dataset, or tensors of samples`,
  )
}

/** The search of a trainer: see `Trainer.findBatchSize`. `sourceOf` makes batches of a size. */
export async function findBatchSize(
  parts: TrialParts,
  sourceOf: (batchSize: number) => Source,
  options: ResolvedFindOptions,
): Promise<BatchSizeSearch> {
  const samples = sourceOf(1).length ?? 0
  if (samples < options.min) {
    throw torchError('ERR_TORCH_VALUE', `${OWNER}: the data has ${samples} samples, fewer than min, ${options.min}`)
  }
  return await trial(parts, [], () => search(parts, sourceOf, { ...options, samples }))
}

async function search(
  parts: TrialParts,
  sourceOf: (batchSize: number) => Source,
  { min, max, steps, maxBytes, samples }: ResolvedFindOptions & { samples: number },
): Promise<BatchSizeSearch> {
  const trials: BatchSizeTrial[] = []
  const found = (end: BatchSizeSearch['end']): BatchSizeSearch => ({ suggestion: suggestionOf(trials), trials, end })
  const meter = new MemoryMeter(parts.device)
  let [needed, slower] = [0, 0]
  for (let batchSize = min; ; batchSize *= 2) {
    if (batchSize > max) return found('max')
    if (batchSize > samples) return found('data')
    // What a step needs is proportional to its size, but for what does not depend on it.
    if (parts.device === 'cpu' && 2 * needed > maxBytes) return found('memory')
    let measured: { value: number; bytes: number }
    try {
      measured = await meter.measure(() => secondsPerSampleOf(parts, sourceOf(batchSize), steps))
    } catch (error) {
      if (!isExhausted(error) || trials.length === 0) throw error
      emptyCache()
      return found('memory')
    }
    needed = Math.max(needed, measured.bytes)
    const secondsPerSample = measured.value
    const best = Math.min(...trials.map((one) => one.secondsPerSample))
    slower = secondsPerSample > FASTER * best ? slower + 1 : 0
    trials.push({ batchSize, secondsPerSample, bytes: needed })
    if (slower === 2) return found('speed')
  }
}

async function secondsPerSampleOf(parts: TrialParts, source: Source, steps: number): Promise<number> {
  const batches = new Batches(parts, source)
  let least = Number.POSITIVE_INFINITY
  try {
    await batches.update()
    for (let i = 0; i < steps; i++) {
      const start = performance.now()
      const { samples } = await batches.update()
      least = Math.min(least, (performance.now() - start) / samples)
    }
  } finally {
    await batches.close()
  }
  return least / 1000
}

function isExhausted(error: unknown): boolean {
  return error instanceof TorchError && error.code === 'ERR_TORCH_OUT_OF_MEMORY'
}

function suggestionOf(trials: readonly BatchSizeTrial[]): number {
  const best = Math.min(...trials.map(({ secondsPerSample }) => secondsPerSample))
  const found = trials.find(({ secondsPerSample }) => secondsPerSample <= SUGGESTED * best)
  return (found as BatchSizeTrial).batchSize
}
