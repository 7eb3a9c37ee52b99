import { checkOptions } from '../../check.ts'
import { nonZero, requireRange, Scaler } from './scaler.ts'

export interface MinMaxScalerOptions {
  /** What the least and the greatest value of the training data become. Default [0, 1]. */
  featureRange?: readonly [least: number, greatest: number]
}

/**
 * The range of the training data becomes `featureRange`, [0, 1] by default. Later values outside of that range are not
 * clipped.
 * @see https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.MinMaxScaler.html
 */
export class MinMaxScaler extends Scaler {
  readonly type = 'minMax'
  readonly featureRange: readonly [number, number]

  constructor(options: MinMaxScalerOptions = {}, ...none: undefined[]) {
    super()
    checkOptions('MinMaxScaler', options, ['featureRange'], none)
    const { featureRange = [0, 1] } = options
    requireRange('MinMaxScaler', 'featureRange', featureRange, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
    this.featureRange = [featureRange[0], featureRange[1]]
  }

  protected override get options(): { featureRange: readonly [number, number] } {
    return { featureRange: this.featureRange }
  }

  protected override measure(values: Float64Array): [number, number] {
    const least = values.reduce((a, b) => Math.min(a, b))
    const greatest = values.reduce((a, b) => Math.max(a, b))
    const [low, high] = this.featureRange
    const scale = nonZero(greatest - least) / (high - low)
    return [least - low * scale, scale]
  }
}
