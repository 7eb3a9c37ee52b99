import { checkOptions, invalid, requireBoolean, requireInteger, requirePositive, requireSignal } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Source } from './source.ts'
import { Batches, type TrialParts, trial } from './trial.ts'

export interface TuneLearningRateOptions {
  /** The first learning rate. Default 1e-8. */
  min?: number
  /** The last learning rate. Default 1. */
  max?: number
  /** The number of updates of the weights, one for each rate. Default 100. */
  steps?: number
  /** The test ends early when the smoothed loss is more than so many times the least one. Default 4. */
  divergence?: number
  /** Give the suggested rate to all parameter groups of the optimizer. Default `false`. */
  apply?: boolean
  /** Ends the test between two steps: it rejects, and everything is as before. */
  signal?: AbortSignal
}

/** What a learning rate range test has found. */
export interface LearningRateTest {
  /**
   * The rate around which the smoothed loss fell fastest, over the logarithm of the rate; `undefined` if it did not fall.
   * The first 10 steps, in which the average is not settled, and the last one do not count.
   */
  suggestion: number | undefined
  /** The rates that were used, in exponential steps. */
  rates: number[]
  /** The smoothed training loss after each. */
  losses: number[]
}

const OWNER = 'tuneLearningRate'
/** The weight of the past in the moving average of the losses. */
const SMOOTHING = 0.98
const SKIPPED_FIRST = 10
const SKIPPED_LAST = 1
/**
 * The part of all steps on each side over which a slope is taken. Between neighbours, the noise of single batches is
 * larger than the slope, above all in the first losses, of which the averages consist of only a few.
 */
const WINDOW = 0.05

export function readTuneOptions(options: TuneLearningRateOptions): Required<Omit<TuneLearningRateOptions, 'signal'>> {
  checkOptions(OWNER, options, ['min', 'max', 'steps', 'divergence', 'apply', 'signal'])
  const { min = 1e-8, max = 1, steps = 100, divergence = 4, apply = false, signal } = options
  requirePositive(OWNER, 'min', min)
  requirePositive(OWNER, 'max', max)
  if (!(max < Number.POSITIVE_INFINITY && max > min)) {
    throw invalid(OWNER, 'max', `a finite number above min, ${min}`, max, 'ERR_TORCH_VALUE')
  }
  requireInteger(OWNER, 'steps', steps, 2)
  requirePositive(OWNER, 'divergence', divergence)
  requireBoolean(OWNER, 'apply', apply)
  requireSignal(OWNER, signal)
  return { min, max, steps, divergence, apply }
}

/** The range test of a trainer: see `Trainer.tuneLearningRate`. */
export async function tuneLearningRate(
  parts: TrialParts,
  source: Source,
  options: ReturnType<typeof readTuneOptions>,
): Promise<LearningRateTest> {
  const { paramGroups } = parts.optimizer
  if (!paramGroups.every(({ lr }) => typeof lr === 'number')) {
    throw torchError('ERR_TORCH_VALUE', `${OWNER}: the optimizer has no learning rate, a number lr in all its groups`)
  }
  const test = await trial(parts, [source], () => rangeTest(parts, source, options))
  if (!options.apply) return test
  if (test.suggestion === undefined) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${OWNER}: the loss did not fall at any of ${test.rates.length} rates from ${options.min} on, so there is none to apply: try more steps, or a smaller min`,
    )
  }
  for (const group of paramGroups) group.lr = test.suggestion
  return test
}

async function rangeTest(
  parts: TrialParts,
  source: Source,
  { min, max, steps, divergence }: ReturnType<typeof readTuneOptions>,
): Promise<LearningRateTest> {
  const batches = new Batches(parts, source)
  const [rates, losses]: [number[], number[]] = [[], []]
  let [average, least] = [0, Number.POSITIVE_INFINITY]
  try {
    for (let i = 0; i < steps; i++) {
      const rate = min * (max / min) ** (i / (steps - 1))
      for (const group of parts.optimizer.paramGroups) group.lr = rate
      const { loss } = await batches.update()
      average = SMOOTHING * average + (1 - SMOOTHING) * loss
      // As if the average had begun with the first loss.
      const smoothed = average / (1 - SMOOTHING ** (i + 1))
      if (!Number.isFinite(smoothed)) break
      rates.push(rate)
      losses.push(smoothed)
      if (i > 1 && smoothed > divergence * least) break
      least = Math.min(least, smoothed)
    }
  } finally {
    await batches.close()
  }
  return { suggestion: rates[steepest(losses, Math.ceil(WINDOW * steps))], rates, losses }
}

/** Where the losses fall fastest, as the difference of two of them so far before and after; -1 if they do not fall. */
function steepest(losses: readonly number[], distance: number): number {
  const at = (i: number): number => losses[i] as number
  let [index, least] = [-1, 0]
  for (let i = SKIPPED_FIRST + distance; i + distance < losses.length - SKIPPED_LAST; i++) {
    const slope = at(i + distance) - at(i - distance)
    if (slope < least) [index, least] = [i, slope]
  }
  return index
}
