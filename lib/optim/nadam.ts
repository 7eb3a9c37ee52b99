import { NativeOptimizer } from './native.ts'
import type { Params } from './optimizer.ts'
import { requireBetas, requireNonNegatives } from './settings.ts'

export interface NAdamOptions {
  /** The learning rate. Default 2e-3. */
  lr: number
  /** Decay rates of the running averages of the gradient and its square. Default [0.9, 0.999]. */
  betas: readonly [number, number]
  /** Added to the denominator, for numerical stability. Default 1e-8. */
  eps: number
  /** The factor of the L2 penalty, or of the decay if that is decoupled. Default 0. */
  weightDecay: number
  /** How fast the momentum grows to `betas[0]`. Default 4e-3. */
  momentumDecay: number
  /** Decay the weights as AdamW does, instead of an L2 penalty. Default `false`. */
  decoupledWeightDecay: boolean
  /** Maximize the objective instead of minimizing it. Default `false`. */
  maximize: boolean
}

const DEFAULTS = {
  lr: 2e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  momentumDecay: 4e-3,
  decoupledWeightDecay: false,
  maximize: false,
} as const

/**
 * NAdam (Dozat, 2016): Adam with Nesterov momentum. At step t, with γ = momentumDecay and M the product of all μ:
 *
 *     g ← ∇f(θ) + weightDecay θ               (decoupledWeightDecay: θ ← θ - lr weightDecay θ)
 *     μₜ = β1 (1 - 0.96^(t γ) / 2),  M ← M μₜ
 *     m ← β1 m + (1 - β1) g,  v ← β2 v + (1 - β2) g²
 *     θ ← θ - lr (μₜ₊₁ m / (1 - M μₜ₊₁) + (1 - μₜ) g / (1 - M)) / (√(v / (1 - β2ᵗ)) + eps)
 *
 * @throws {TorchError} if an option is unknown or out of range.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.NAdam.html
 */
export class NAdam extends NativeOptimizer<NAdamOptions> {
  protected override readonly algorithm = 'nadam'
  protected override readonly stateFields = ['expAvg', 'expAvgSq', 'step', 'muProduct']
  protected override readonly singleFields = ['step', 'muProduct']
  protected override readonly readsNumbers = true

  constructor(params: Params<NAdamOptions>, options: Partial<NAdamOptions> = {}, ...none: undefined[]) {
    super(params, options, DEFAULTS, none)
  }

  protected override check({ lr, betas, eps, weightDecay, momentumDecay }: NAdamOptions): void {
    requireNonNegatives('NAdam', { lr, eps, weightDecay, momentumDecay })
    requireBetas('NAdam', betas)
  }

  protected override initial(field: string): number {
    return field === 'muProduct' ? 1 : 0
  }

  protected override list(settings: NAdamOptions): (number | boolean)[] {
    const { lr, betas, eps, weightDecay, momentumDecay, decoupledWeightDecay, maximize } = settings
    return [lr, ...betas, eps, weightDecay, momentumDecay, decoupledWeightDecay, maximize]
  }
}
