import { NativeOptimizer } from './native.ts'
import type { Params } from './optimizer.ts'
import { requireNonNegatives } from './settings.ts'

export interface RMSpropOptions {
  /** The learning rate. Default 1e-2. */
  lr: number
  /** The decay rate of the running average of the squared gradient. Default 0.99. */
  alpha: number
  /** Added to the denominator for numerical stability. Default 1e-8. */
  eps: number
  /** The factor of the L2 penalty. Default 0. */
  weightDecay: number
  /** The momentum factor. Default 0. */
  momentum: number
  /** Normalize the gradient by an estimate of its variance instead of its square. Default `false`. */
  centered: boolean
  /** Maximize the objective instead of minimizing it. Default `false`. */
  maximize: boolean
}

const DEFAULTS = {
  lr: 1e-2,
  alpha: 0.99,
  eps: 1e-8,
  weightDecay: 0,
  momentum: 0,
  centered: false,
  maximize: false,
} as const

/**
 * RMSprop (Hinton, 2012). It divides the gradient by a running average of its magnitude:
 *
 *     g ← ∇f(θ) + weightDecay θ
 *     v ← alpha v + (1 - alpha) g²
 *     θ ← θ - lr g / (√v + eps)               (momentum: b ← momentum b + g / (√v + eps), θ ← θ - lr b)
 *
 * With `centered`, √v becomes the square root of v minus the squared running average of g (Graves, 2013).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
 */
export class RMSprop extends NativeOptimizer<RMSpropOptions> {
  protected override readonly algorithm = 'rmsprop'
  protected override readonly stateFields = ['squareAvg', 'momentumBuffer', 'gradAvg', 'step']

  constructor(params: Params<RMSpropOptions>, options: Partial<RMSpropOptions> = {}, ...none: undefined[]) {
    super(params, options, DEFAULTS, none)
  }

  protected override check({ lr, alpha, eps, weightDecay, momentum }: RMSpropOptions): void {
    requireNonNegatives('RMSprop', { lr, alpha, eps, weightDecay, momentum })
  }

  protected override keeps(field: string, { momentum, centered }: RMSpropOptions): boolean {
    return (field !== 'momentumBuffer' || momentum > 0) && (field !== 'gradAvg' || centered)
  }

  protected override list(settings: RMSpropOptions): (number | boolean)[] {
    const { lr, alpha, eps, weightDecay, momentum, centered, maximize } = settings
    return [lr, alpha, eps, weightDecay, momentum, centered, maximize]
  }
}
