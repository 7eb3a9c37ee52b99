import { requireProbability } from '../check.ts'
import { NativeOptimizer } from './native.ts'
import type { Params } from './optimizer.ts'
import { requireNonNegatives } from './settings.ts'

export interface AdadeltaOptions {
  /** The factor of each change. Default 1. */
  lr: number
  /** The decay rate of the running averages of squares, from 0 to 1. Default 0.9. */
  rho: number
  /** Added to the averages, for numerical stability. Default 1e-6. */
  eps: number
  /** The factor of the L2 penalty. Default 0. */
  weightDecay: number
  /** Maximize the objective instead of minimizing it. Default `false`. */
  maximize: boolean
}

const DEFAULTS = { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false } as const

/**
 * Adadelta (Zeiler, 2012). It scales the gradient by the size of earlier changes, so it needs no learning rate:
 *
 *     g ← ∇f(θ) + weightDecay θ
 *     v ← rho v + (1 - rho) g²
 *     Δ = g √(u + eps) / √(v + eps)
 *     u ← rho u + (1 - rho) Δ²
 *     θ ← θ - lr Δ
 *
 * @throws {TorchError} if an option is unknown or out of range.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Adadelta.html
 */
export class Adadelta extends NativeOptimizer<AdadeltaOptions> {
  protected override readonly algorithm = 'adadelta'
  protected override readonly stateFields = ['squareAvg', 'accDelta', 'step']

  constructor(params: Params<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}, ...none: undefined[]) {
    super(params, options, DEFAULTS, none)
  }

  protected override check({ lr, rho, eps, weightDecay }: AdadeltaOptions): void {
    requireNonNegatives('Adadelta', { lr, eps, weightDecay })
    requireProbability('Adadelta', 'rho', rho)
  }

  protected override list({ lr, rho, eps, weightDecay, maximize }: AdadeltaOptions): (number | boolean)[] {
    return [lr, rho, eps, weightDecay, maximize]
  }
}
