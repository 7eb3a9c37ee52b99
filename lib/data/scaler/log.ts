import { checkOptions, requireNumber } from '../../check.ts'
import type { Coroutine } from '../../io/coroutine.ts'
import { momentsOf, nonZero, Scaler } from './scaler.ts'
import type { Values } from './values.ts'

export interface LogScalerOptions {
  /** Added to the values before the logarithm. Default 1, for counts and amounts from 0 on; 0 for positive values. */
  offset?: number
}

/**
 * Natural logarithm of `x + offset`, then mean 0 and standard deviation 1, with the divisor N: for positive values that
 * differ by orders of magnitude. The same as scikit-learn's `FunctionTransformer(log1p)` followed by `StandardScaler`.
 */
export class LogScaler extends Scaler {
  readonly type = 'log'
  readonly #offset: number

  constructor(options: LogScalerOptions = {}, ...none: undefined[]) {
    super()
    checkOptions('LogScaler', options, ['offset'], none)
    const { offset = 1 } = options
    requireNumber('LogScaler', 'offset', offset)
    this.#offset = offset
  }

  override get offset(): number {
    return this.#offset
  }

  protected override get options(): { offset: number } {
    return { offset: this.#offset }
  }

  protected override *measure(values: Values): Coroutine<readonly [number, number]> {
    const [mean, std] = yield* momentsOf(values)
    return [mean, nonZero(std)]
  }
}
