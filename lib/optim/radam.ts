import { NativeOptimizer } from './native.ts'
import type { Params } from './optimizer.ts'
import { requireBetas, requireNonNegatives } from './settings.ts'

export interface RAdamOptions {
  /** The learning rate. Default 1e-3. */
  lr: number
  /** Decay rates of the running averages of the gradient and its square. Default [0.9, 0.999]. */
  betas: readonly [number, number]
  /** Added to the denominator, for numerical stability. Default 1e-8. */
  eps: number
  /** The factor of the L2 penalty, or of the decay if that is decoupled. Default 0. */
  weightDecay: number
  /** Decay the weights as AdamW does, instead of an L2 penalty. Default `false`. */
  decoupledWeightDecay: boolean
  /** Maximize the objective instead of minimizing it. Default `false`. */
  maximize: boolean
}

const DEFAULTS = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  decoupledWeightDecay: false,
  maximize: false,
} as const

/**
 * RAdam (Liu et al., 2020): Adam whose first steps, while v is uncertain, are those of momentum alone. At step t:
 *
 *     g ← ∇f(θ) + weightDecay θ               (decoupledWeightDecay: θ ← θ - lr weightDecay θ)
 *     m ← β1 m + (1 - β1) g,  v ← β2 v + (1 - β2) g²
 *     ρ∞ = 2 / (1 - β2) - 1,  ρ = ρ∞ - 2 t β2ᵗ / (1 - β2ᵗ)
 *     r = √((ρ - 4) (ρ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρ)) √(1 - β2ᵗ) / (√v + eps)    (1 while ρ ≤ 5)
 *     θ ← θ - lr r m / (1 - β1ᵗ)
 *
 * @throws {TorchError} if an option is unknown or out of range.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.RAdam.html
 */
export class RAdam extends NativeOptimizer<RAdamOptions> {
  protected override readonly algorithm = 'radam'
  protected override readonly stateFields = ['expAvg', 'expAvgSq', 'step']
  protected override readonly readsNumbers = true

  constructor(params: Params<RAdamOptions>, options: Partial<RAdamOptions> = {}, ...none: undefined[]) {
    super(params, options, DEFAULTS, none)
  }

  protected override check({ lr, betas, eps, weightDecay }: RAdamOptions): void {
    requireNonNegatives('RAdam', { lr, eps, weightDecay })
    requireBetas('RAdam', betas)
  }

  protected override list(settings: RAdamOptions): (number | boolean)[] {
    const { lr, betas, eps, weightDecay, decoupledWeightDecay, maximize } = settings
    return [lr, ...betas, eps, weightDecay, decoupledWeightDecay, maximize]
  }
}
