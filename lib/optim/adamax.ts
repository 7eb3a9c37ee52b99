import { NativeOptimizer } from './native.ts'
import type { Params } from './optimizer.ts'
import { requireBetas, requireNonNegatives } from './settings.ts'

export interface AdamaxOptions {
  /** The learning rate. Default 2e-3. */
  lr: number
  /** Decay rates of the running average of the gradient and of its norm. Default [0.9, 0.999]. */
  betas: readonly [number, number]
  /** Added to the size of the gradient, for numerical stability. Default 1e-8. */
  eps: number
  /** The factor of the L2 penalty. Default 0. */
  weightDecay: number
  /** Maximize the objective instead of minimizing it. Default `false`. */
  maximize: boolean
}

const DEFAULTS = { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false } as const

/**
 * Adamax (Kingma and Ba, 2015): Adam with the infinity norm. At step t:
 *
 *     g ← ∇f(θ) + weightDecay θ
 *     m ← β1 m + (1 - β1) g,  u ← max(β2 u, |g| + eps)
 *     θ ← θ - lr m / ((1 - β1ᵗ) u)
 *
 * @throws {TorchError} if an option is unknown or out of range.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Adamax.html
 */
export class Adamax extends NativeOptimizer<AdamaxOptions> {
  protected override readonly algorithm = 'adamax'
  protected override readonly stateFields = ['expAvg', 'expInf', 'step']
  protected override readonly readsNumbers = true

  constructor(params: Params<AdamaxOptions>, options: Partial<AdamaxOptions> = {}, ...none: undefined[]) {
    super(params, options, DEFAULTS, none)
  }

  protected override check({ lr, betas, eps, weightDecay }: AdamaxOptions): void {
    requireNonNegatives('Adamax', { lr, eps, weightDecay })
    requireBetas('Adamax', betas)
  }

  protected override list({ lr, betas, eps, weightDecay, maximize }: AdamaxOptions): (number | boolean)[] {
    return [lr, ...betas, eps, weightDecay, maximize]
  }
}
