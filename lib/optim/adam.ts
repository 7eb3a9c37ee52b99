import { FusedOptimizer } from './fused.ts'
import type { Params } from './optimizer.ts'
import { requireBetas, requireNonNegatives } from './settings.ts'

export interface AdamOptions {
  /** The learning rate. Default 1e-3. */
  lr: number
  /** Decay rates of the running averages of the gradient and its square. Default [0.9, 0.999]. */
  betas: readonly [number, number]
  /** Added to the denominator, for numerical stability. Default 1e-8. */
  eps: number
  /** The factor of the L2 penalty (Adam, default 0) or of the decay (AdamW, default 1e-2). */
  weightDecay: number
  /** Use the AMSGrad variant, the maximum of past squared averages: Reddi et al., 2018. Default `false`. */
  amsgrad: boolean
  /** Maximize the objective instead of minimizing it. Default `false`. */
  maximize: boolean
}

abstract class AdamBase extends FusedOptimizer<AdamOptions> {
  protected override readonly stateFields = ['expAvg', 'expAvgSq', 'maxExpAvgSq', 'step']

  protected override keeps(field: string, { amsgrad }: AdamOptions): boolean {
    return field !== 'maxExpAvgSq' || amsgrad
  }

  protected override check({ lr, betas, eps, weightDecay }: AdamOptions): void {
    const { name } = this.constructor
    requireNonNegatives(name, { lr, eps, weightDecay })
    requireBetas(name, betas)
  }

  protected override list({ lr, betas, eps, weightDecay, amsgrad, maximize }: AdamOptions): (number | boolean)[] {
    return [lr, ...betas, eps, weightDecay, amsgrad, maximize]
  }
}

const DEFAULTS = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false } as const

/**
 * Adam (Kingma and Ba, 2015), with bias correction at step t:
 *
 *     g ← ∇f(θ) + weightDecay θ
 *     m ← β1 m + (1 - β1) g,  v ← β2 v + (1 - β2) g²
 *     θ ← θ - lr m / (1 - β1ᵗ) / (√(v / (1 - β2ᵗ)) + eps)
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html
 */
export class Adam extends AdamBase {
  protected override readonly algorithm = 'adam'

  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}, ...none: undefined[]) {
    super(params, options, DEFAULTS, none)
  }
}

/**
 * {@link Adam} with weight decay decoupled from the gradient, θ ← θ - lr weightDecay θ: Loshchilov and Hutter, 2019.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
 */
export class AdamW extends AdamBase {
  protected override readonly algorithm = 'adamw'

  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}, ...none: undefined[]) {
    super(params, options, { ...DEFAULTS, weightDecay: 1e-2 }, none)
  }
}
