import { checkOptions } from '../../check.ts'
import type { Coroutine } from '../../io/coroutine.ts'
import { nonZero, requireRange, Scaler } from './scaler.ts'
import type { Values } from './values.ts'

export interface RobustScalerOptions {
  /** The percentiles between which the scale is measured. Default [25, 75]. */
  quantileRange?: readonly [low: number, high: number]
}

/** The percentile, interpolated linearly, of sorted values: that of NumPy. */
function percentile(sorted: Float64Array, percent: number): number {
  const position = ((sorted.length - 1) * percent) / 100
  const below = Math.floor(position)
  const low = sorted[below] as number
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number
  return low + (position - below) * (high - low)
}

/**
 * Median 0 and distance between two percentiles 1, which outliers hardly change: `(x - median) / (q75 - q25)`.
 * @see https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.RobustScaler.html
 */
export class RobustScaler extends Scaler {
  readonly type = 'robust'
  readonly quantileRange: readonly [number, number]

  constructor(options: RobustScalerOptions = {}, ...none: undefined[]) {
    super()
    checkOptions('RobustScaler', options, ['quantileRange'], none)
    const { quantileRange = [25, 75] } = options
    requireRange('RobustScaler', 'quantileRange', quantileRange, 0, 100)
    this.quantileRange = [quantileRange[0], quantileRange[1]]
  }

  protected override get options(): { quantileRange: readonly [number, number] } {
    return { quantileRange: this.quantileRange }
  }

  protected override *measure(values: Values): Coroutine<readonly [number, number]> {
    const sorted = yield* values.sorted()
    const [low, high] = this.quantileRange.map((percent) => percentile(sorted, percent)) as [number, number]
    return [percentile(sorted, 50), nonZero(high - low)]
  }
}
