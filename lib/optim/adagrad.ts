import { FusedOptimizer } from './fused.ts'
import type { Params } from './optimizer.ts'
import { requireNonNegatives } from './settings.ts'

export interface AdagradOptions {
  /** The learning rate. Default 1e-2. */
  lr: number
  /** How much the learning rate decays: it is lr / (1 + (t - 1) lrDecay) at step t. Default 0. */
  lrDecay: number
  /** The factor of the L2 penalty. Default 0. */
  weightDecay: number
  /** The value with which the sum of squared gradients starts. Default 0. */
  initialAccumulatorValue: number
  /** Added to the denominator, for numerical stability. Default 1e-10. */
  eps: number
  /** Maximize the objective instead of minimizing it. Default `false`. */
  maximize: boolean
}

const DEFAULTS = {
  lr: 1e-2,
  lrDecay: 0,
  weightDecay: 0,
  initialAccumulatorValue: 0,
  eps: 1e-10,
  maximize: false,
} as const

/**
 * Adagrad (Duchi, Hazan and Singer, 2011). It divides the gradient by the magnitude of all gradients so far:
 *
 *     g ← ∇f(θ) + weightDecay θ
 *     s ← s + g²
 *     θ ← θ - lr / (1 + (t - 1) lrDecay) g / (√s + eps)
 *
 * @throws {TorchError} if an option is unknown or out of range.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
 */
export class Adagrad extends FusedOptimizer<AdagradOptions> {
  protected override readonly algorithm = 'adagrad'
  protected override readonly stateFields = ['sum', 'step']

  constructor(params: Params<AdagradOptions>, options: Partial<AdagradOptions> = {}, ...none: undefined[]) {
    super(params, options, DEFAULTS, none)
  }

  protected override check({ lr, lrDecay, weightDecay, initialAccumulatorValue, eps }: AdagradOptions): void {
    requireNonNegatives('Adagrad', { lr, lrDecay, weightDecay, initialAccumulatorValue, eps })
  }

  protected override initial(field: string, { initialAccumulatorValue }: AdagradOptions): number {
    return field === 'sum' ? initialAccumulatorValue : 0
  }

  protected override list({ lr, lrDecay, weightDecay, eps, maximize }: AdagradOptions): (number | boolean)[] {
    return [lr, lrDecay, weightDecay, eps, maximize]
  }
}
