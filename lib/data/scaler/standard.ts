import { checkOptions } from '../../check.ts'
import type { Coroutine } from '../../io/coroutine.ts'
import { momentsOf, nonZero, Scaler } from './scaler.ts'
import type { Values } from './values.ts'

/**
 * Mean 0 and standard deviation 1: `(x - mean) / std`, with the divisor N in `std`.
 * @see https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.StandardScaler.html
 */
export class StandardScaler extends Scaler {
  readonly type = 'standard'

  constructor(options: Record<string, never> = {}, ...none: undefined[]) {
    super()
    checkOptions('StandardScaler', options, [], none)
  }

  protected override get options(): Record<string, never> {
    return {}
  }

  protected override *measure(values: Values): Coroutine<readonly [number, number]> {
    const [mean, std] = yield* momentsOf(values)
    return [mean, nonZero(std)]
  }
}
