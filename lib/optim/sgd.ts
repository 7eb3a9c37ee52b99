import { requireNonNegative, requireNumber } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Device } from '../tensor/tensor.ts'
import { FusedOptimizer } from './fused.ts'
import type { Params } from './optimizer.ts'

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
  protected override readonly stateFields = ['momentumBuffer', 'step']

  protected override keeps(_field: string, { momentum }: SGDOptions): boolean {
    return momentum !== 0
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
    for (const [name, value] of Object.entries({ lr, momentum, weightDecay })) requireNonNegative('SGD', name, value)
    requireNumber('SGD', 'dampening', dampening)
    if (nesterov && (momentum <= 0 || dampening !== 0)) {
      throw torchError('ERR_TORCH_VALUE', 'SGD: nesterov needs a momentum above 0 and a dampening of 0', { op: 'SGD' })
    }
  }

  /** The counter only identifies the first step, and reading it must not wait for the device. */
  protected override counterDevice(): Device {
    return 'cpu'
  }

  protected override fused(settings: SGDOptions) {
    return { algorithm: 'sgd', hyper: settings } as const
  }
}
