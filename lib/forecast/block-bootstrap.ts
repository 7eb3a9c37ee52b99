import { setImmediate } from 'node:timers/promises'
import { checkOptions, invalid, requireInteger } from '../check.ts'
import { torchError } from '../errors.ts'
import { tidy } from '../tensor/context.ts'
import { randint } from '../tensor/creation.ts'
import { Generator } from '../tensor/generator.ts'
import { type Losses, readRuns, sharedOrigins } from './losses.ts'

export interface BlockBootstrapOptions {
  /**
   * How many origins in a row are drawn together: at least the steps over which losses depend on each other, such as the
   * horizon. Default: the cube root of the number of origins, rounded up.
   */
  blockLength?: number
  /** How many times to draw. Default 2000. */
  samples?: number
  /** The probability of the interval. Default 0.95. */
  level?: number
  /** The seed of the draws. Default 0. */
  seed?: number
}

/** The result of {@link blockBootstrap}. */
export interface BlockBootstrap {
  /** The mean of the losses of a less those of b: below 0, a is better. */
  readonly difference: number
  /** The interval of the difference: the quantiles of what was drawn. */
  readonly lower: number
  readonly upper: number
  /** Twice the part of the differences drawn that are on the other side of 0, or on 0. */
  readonly pValue: number
  readonly blockLength: number
  /** The number of origins at which all have a loss. */
  readonly origins: number
}

const OWNER = 'blockBootstrap'
/** The most numbers to draw at a time. */
const MANY = 1 << 20

/**
 * How sure the difference of two forecasts of the same origins is: a bootstrap of blocks of origins, around the circle
 * (Politis and Romano, 1992), the same for both. If the losses are those of several runs, which differ by their seeds,
 * runs are drawn, too, for a and b apart: the interval then has both the noise of the data and that of the training.
 *
 * Origins where one has no loss (NaN) are left out.
 *
 * @param a the losses of one forecast in the order of time, or an array of them, one for each run
 * @param b the losses of the other, at the same origins
 * @example
 * const { difference, lower, upper } = await blockBootstrap([seed0.absolute, seed1.absolute], naive.absolute)
 * if (upper < 0) console.log('a is better')
 * @throws {TorchError} (rejects) `ERR_TORCH_VALUE` for fewer than 2 origins, a block that is longer than all of them, or
 *   lengths that differ; `ERR_TORCH_NON_FINITE` for an infinite loss.
 * @see Politis and Romano, A circular block-resampling procedure for stationary data, 1992
 */
export async function blockBootstrap(
  a: Losses | readonly Losses[],
  b: Losses | readonly Losses[],
  options: BlockBootstrapOptions = {},
  ...none: undefined[]
): Promise<BlockBootstrap> {
  const [runsA, runsB] = [readRuns(OWNER, 'a', a), readRuns(OWNER, 'b', b)]
  checkOptions(OWNER, options, ['blockLength', 'samples', 'level', 'seed'], none)
  const origins = sharedOrigins(OWNER, [...runsA, ...runsB], 2)
  const n = origins.length
  const { blockLength = Math.ceil(Math.cbrt(n)), samples = 2000, level = 0.95, seed = 0 } = options
  requireInteger(OWNER, 'blockLength', blockLength, 1)
  requireInteger(OWNER, 'samples', samples, 1)
  requireInteger(OWNER, 'seed', seed)
  if (!(typeof level === 'number' && level > 0 && level < 1)) {
    throw invalid(OWNER, 'level', 'a number between 0 and 1', level, 'ERR_TORCH_VALUE')
  }
  if (blockLength > n) {
    throw torchError('ERR_TORCH_VALUE', `${OWNER}: blockLength is ${blockLength}, but there are ${n} origins`, {
      op: OWNER,
    })
  }
  const [sumsA, sumsB] = [runsA, runsB].map((runs) => runs.map((run) => sumsOf(run, origins, blockLength)))
  const found = await drawn(sumsA as Float64Array[], sumsB as Float64Array[], { n, blockLength, samples, seed })
  const count = (fits: (value: number) => boolean): number => found.reduce((sum, one) => sum + (fits(one) ? 1 : 0), 0)
  const sides = Math.min(
    count((one) => one <= 0),
    count((one) => one >= 0),
  )
  found.sort()
  const meanOf = (runs: readonly Losses[]): number =>
    runs.reduce((sum, run) => sum + origins.reduce((all, i) => all + (run[i] as number), 0), 0) / (runs.length * n)
  return {
    difference: meanOf(runsA) - meanOf(runsB),
    lower: quantile(found, (1 - level) / 2),
    upper: quantile(found, (1 + level) / 2),
    pValue: Math.min(1, (2 * (sides + 1)) / (samples + 1)),
    blockLength,
    origins: n,
  }
}

/** Sums from the start to each index, of the values and, around the circle, of one block more. */
function sumsOf(losses: Losses, origins: readonly number[], blockLength: number): Float64Array {
  const n = origins.length
  const sums = new Float64Array(n + blockLength + 1)
  for (let i = 0; i < n + blockLength; i++) {
    sums[i + 1] = (sums[i] as number) + (losses[origins[i % n] as number] as number)
  }
  return sums
}

interface Draw {
  readonly n: number
  readonly blockLength: number
  readonly samples: number
  readonly seed: number
}

/** The differences of means, one for each sample. */
async function drawn(
  a: readonly Float64Array[],
  b: readonly Float64Array[],
  { n, blockLength, samples, seed }: Draw,
): Promise<Float64Array> {
  const generator = new Generator().manualSeed(seed)
  const integers = (high: number, rows: number, columns: number): BigInt64Array =>
    tidy(() => randint(high, [rows, columns], { generator }).toTypedArray() as BigInt64Array)
  const blocks = Math.ceil(n / blockLength)
  // The last block ends where there are as many origins as in the data.
  const last = n - (blocks - 1) * blockLength
  const differences = new Float64Array(samples)
  const rows = Math.max(1, Math.floor(MANY / (blocks * Math.max(a.length, b.length))))
  for (let first = 0; first < samples; first += rows) {
    const size = Math.min(rows, samples - first)
    const starts = integers(n, size, blocks)
    const [runsA, runsB] = [a, b].map((runs) => integers(runs.length, size, runs.length)) as [
      BigInt64Array,
      BigInt64Array,
    ]
    for (let s = 0; s < size; s++) {
      const own = starts.subarray(s * blocks, (s + 1) * blocks)
      const mean = (runs: readonly Float64Array[], chosen: BigInt64Array): number => {
        let sum = 0
        for (let r = 0; r < runs.length; r++) {
          const sums = runs[Number(chosen[s * runs.length + r])] as Float64Array
          for (let k = 0; k < blocks; k++) {
            const start = Number(own[k])
            const end = start + (k === blocks - 1 ? last : blockLength)
            sum += (sums[end] as number) - (sums[start] as number)
          }
        }
        return sum / (runs.length * n)
      }
      differences[first + s] = mean(a, runsA) - mean(b, runsB)
    }
    await setImmediate()
  }
  return differences
}

/** A quantile of sorted values, between neighbours by a line. */
function quantile(sorted: Float64Array, q: number): number {
  const at = q * (sorted.length - 1)
  const low = Math.floor(at)
  const below = sorted[low] as number
  return below + (at - low) * ((sorted[Math.min(low + 1, sorted.length - 1)] as number) - below)
}
