import { requireNumber } from '../check.ts'
import { NativeOptimizer } from './native.ts'
import type { Params } from './optimizer.ts'
import { requireNonNegatives } from './settings.ts'

export interface ASGDOptions {
  /** The learning rate. Default 1e-2. */
  lr: number
  /** The factor of the decay, also of the learning rate's. Default 1e-4. */
  lambd: number
  /** The power of the decay of the learning rate. Default 0.75. */
  alpha: number
  /** The step after which parameters are averaged. Default 1e6. */
  t0: number
  /** The factor of the L2 penalty. Default 0. */
  weightDecay: number
  /** Maximize the objective instead of minimizing it. Default `false`. */
  maximize: boolean
}

const DEFAULTS = { lr: 1e-2, lambd: 1e-4, alpha: 0.75, t0: 1e6, weightDecay: 0, maximize: false } as const

/**
 * Averaged stochastic gradient descent (Polyak and Juditsky, 1992). At step t, starting with η = lr and μ = 1:
 *
 *     g ← ∇f(θ) + weightDecay θ
 *     θ ← (1 - lambd η) θ - η g
 *     a ← a + μ (θ - a)
 *     η ← lr / (1 + lambd lr t)^alpha,  μ ← 1 / max(1, t - t0)
 *
 * The averages a, to be used instead of the parameters in the end, are `ax` in the state: `stateDict().state[0].ax`.
 *
 * @throws {TorchError} if an option is unknown or out of range.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.ASGD.html
 */
export class ASGD extends NativeOptimizer<ASGDOptions> {
  protected override readonly algorithm = 'asgd'
  protected override readonly stateFields = ['ax', 'step', 'eta', 'mu']
  protected override readonly singleFields = ['step', 'eta', 'mu']
  protected override readonly readsNumbers = true

  constructor(params: Params<ASGDOptions>, options: Partial<ASGDOptions> = {}, ...none: undefined[]) {
    super(params, options, DEFAULTS, none)
  }

  protected override check({ lr, lambd, alpha, t0, weightDecay }: ASGDOptions): void {
    requireNonNegatives('ASGD', { lr, weightDecay })
    for (const [name, value] of Object.entries({ lambd, alpha, t0 })) requireNumber('ASGD', name, value)
  }

  protected override initial(field: string, { lr }: ASGDOptions): number {
    return field === 'eta' ? lr : field === 'mu' ? 1 : 0
  }

  protected override list({ lr, lambd, alpha, t0, weightDecay, maximize }: ASGDOptions): (number | boolean)[] {
    return [lr, lambd, alpha, t0, weightDecay, maximize]
  }
}
