import { TorchError } from '../../errors.ts'
import { blockBootstrap, type DieboldMariano, dieboldMariano, holm } from '../../forecast/index.ts'
import type { Difference } from '../comparison.ts'

/** Something that forecasts, with its losses at each origin: one list for each run. */
export interface Contestant {
  readonly name: string
  readonly losses: readonly Float64Array[]
}

/** The level of intervals, and what is more than noise. */
const [LEVEL, ALPHA, SAMPLES] = [0.95, 0.05, 2000]

/**
 * How far one is from each other one.
 *
 * @param overlap the number of origins within a horizon, whose losses depend on each other
 */
export async function differencesOf(
  chosen: Contestant,
  others: readonly Contestant[],
  overlap: number,
): Promise<Difference[]> {
  const tests = others.map((other) => testOf(meanLosses(chosen), meanLosses(other), overlap))
  const known = tests.flatMap((test) => (test === null ? [] : [test.pValue]))
  const adjusted = holm(known)
  const found: Difference[] = []
  for (const [i, other] of others.entries()) {
    const origins = chosen.losses[0]?.length ?? 0
    const blockLength = Math.min(origins, Math.max(overlap, Math.ceil(Math.cbrt(origins))))
    const { difference, lower, upper } = await blockBootstrap(chosen.losses, other.losses, {
      blockLength,
      samples: SAMPLES,
      level: LEVEL,
    })
    const test = tests[i] ?? null
    const p = test === null ? undefined : (adjusted.shift() as number)
    const isOutside = lower > 0 || upper < 0
    const losses = meanLosses(other).filter((loss) => !Number.isNaN(loss))
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length
    found.push({
      a: chosen.name,
      b: other.name,
      difference,
      relative: mean === 0 ? 0 : difference / mean,
      dieboldMariano: test === null || p === undefined ? null : { ...test, adjusted: p },
      bootstrap: { level: LEVEL, lower, upper, blockLength, samples: SAMPLES },
      isClear: isOutside && p !== undefined && p < ALPHA,
    })
  }
  return found
}

/** The mean over runs at each origin: the loss that a run with any seed is expected to have. */
function meanLosses({ losses }: Contestant): Float64Array {
  return Float64Array.from(
    losses[0] ?? [],
    (_, i) => losses.reduce((sum, run) => sum + (run[i] as number), 0) / losses.length,
  )
}

/** The test of Diebold and Mariano; `null` if there are too few origins, or the two are the same. */
function testOf(
  a: Float64Array,
  b: Float64Array,
  horizon: number,
): (Pick<DieboldMariano, 'statistic' | 'pValue'> & { weights: 'uniform' | 'bartlett' }) | null {
  for (const weights of ['uniform', 'bartlett'] as const) {
    try {
      const { statistic, pValue } = dieboldMariano(a, b, { horizon, weights })
      return { statistic, pValue, weights }
    } catch (error) {
      if (!(error instanceof TorchError) || error.code !== 'ERR_TORCH_VALUE') throw error
    }
  }
  return null
}
