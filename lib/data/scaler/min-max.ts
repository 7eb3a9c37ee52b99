import { checkOptions } from '../../check.ts'
import type { Coroutine } from '../../io/coroutine.ts'
import { nonZero, requireRange, Scaler } from './scaler.ts'
import type { Values } from './values.ts'

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

  protected override *measure(values: Values): Coroutine<readonly [number, number]> {
    let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    yield* values.each((block) => {
      for (const value of block) {
        if (value < least) least = value
        if (value > greatest) greatest = value
      }
    })
    const [low, high] = this.featureRange
    const scale = nonZero(greatest - least) / (high - low)
    return [least - low * scale, scale]
  }
}
