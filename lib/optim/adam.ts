import { torchError } from '../errors.ts'
import { FusedOptimizer } from './fused.ts'
import { type Params, requireRange } from './optimizer.ts'

export interface AdamOptions {
  /** The learning rate. Default 1e-3. */
  lr: number
  /** How much of the averages of gradients and of their squares goes on. Default [0.9, 0.999]. */
  betas: readonly [number, number]
  /** Keeps the denominator from 0. Default 1e-8. */
  eps: number
  /** The factor of the L2 penalty (Adam, default 0) or of the decay (AdamW, default 1e-2). */
  weightDecay: number
  /** Use the greatest average of squares so far: Reddi et al., 2018. Default `false`. */
  amsgrad: boolean
  /** Climb instead of descending. Default `false`. */
  maximize: boolean
}

abstract class AdamBase extends FusedOptimizer<AdamOptions> {
  protected override readonly stateFields = ['expAvg', 'expAvgSq', 'maxExpAvgSq', 'step']

  protected override keeps(field: string, { amsgrad }: AdamOptions): boolean {
    return field !== 'maxExpAvgSq' || amsgrad
  }

  protected override check({ lr, betas, eps, weightDecay }: AdamOptions): void {
    requireRange('learning rate', lr)
    requireRange('epsilon value', eps)
    if (!Array.isArray(betas) || betas.length !== 2) {
      throw torchError('ERR_TORCH_TYPE', 'betas must be an array of two numbers')
    }
    betas.forEach((beta: unknown, index) => {
      requireRange(`beta parameter at index ${index}`, beta, 0, 1)
    })
    requireRange('weight_decay value', weightDecay)
  }

  protected abstract readonly algorithm: 'adam' | 'adamw'

  protected override fused({ betas: [beta1, beta2], ...settings }: AdamOptions) {
    return { algorithm: this.algorithm, hyper: { ...settings, beta1, beta2 } }
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

  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, options, DEFAULTS)
  }
}

/**
 * {@link Adam} with the decay apart from the gradient, θ ← θ - lr weightDecay θ: Loshchilov and Hutter, 2019.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
 */
export class AdamW extends AdamBase {
  protected override readonly algorithm = 'adamw'

  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, options, { ...DEFAULTS, weightDecay: 1e-2 })
  }
}
