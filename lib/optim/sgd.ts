import { requireNumber } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Device } from '../tensor/tensor.ts'
import { FusedOptimizer } from './fused.ts'
import type { Params } from './optimizer.ts'
import { requireNonNegatives } from './settings.ts'

export interface SGDOptions {
  /** The learning rate. Default 1e-3. */
  lr: number
  /** The momentum factor. Default 0. */
  momentum: number
  /** Dampening of the momentum: the gradient is added times `1 - dampening`. Default 0. */
  dampening: number
  /** The factor of the L2 penalty. Default 0. */
  weightDecay: number
  /** Use Nesterov momentum, which needs a momentum and no dampening. Default `false`. */
  nesterov: boolean
  /** Maximize the objective instead of minimizing it. Default `false`. */
  maximize: boolean
}

/**
 * Stochastic gradient descent:
 *
 *     g ← ∇f(θ) + weightDecay θ
 *     b ← momentum b + (1 - dampening) g      (at first b ← g)
 *     θ ← θ - lr b                            (nesterov: θ - lr (g + momentum b))
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
 */
export class SGD extends FusedOptimizer<SGDOptions> {
  protected override readonly algorithm = 'sgd'
  // The counter only tells the first step, which does not dampen the gradient.
  protected override readonly stateFields = ['momentumBuffer', 'step']

  protected override keeps(field: string, { momentum, dampening }: SGDOptions): boolean {
    return momentum !== 0 && (field !== 'step' || dampening !== 0)
  }

  constructor(params: Params<SGDOptions>, options: Partial<SGDOptions> = {}, ...none: undefined[]) {
    super(
      params,
      options,
      { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false },
      none,
    )
  }

  protected override check({ lr, momentum, weightDecay, nesterov, dampening }: SGDOptions): void {
    requireNonNegatives('SGD', { lr, momentum, weightDecay })
    requireNumber('SGD', 'dampening', dampening)
    if (nesterov && (momentum <= 0 || dampening !== 0)) {
      throw torchError('ERR_TORCH_VALUE', 'SGD: nesterov needs a momentum above 0 and a dampening of 0', { op: 'SGD' })
    }
  }

  /** Reading the counter must not wait for the device. */
  protected override singleDevice(): Device {
    return 'cpu'
  }

  protected override list(settings: SGDOptions): (number | boolean)[] {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize } = settings
    return [lr, momentum, dampening, weightDecay, nesterov, maximize]
  }
}
