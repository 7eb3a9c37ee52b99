import { invalid } from '../check.ts'
import { NativeOptimizer } from './native.ts'
import type { Params } from './optimizer.ts'
import { requireNonNegatives, requirePair } from './settings.ts'

export interface RpropOptions {
  /** The first step size of each element. Default 1e-2. */
  lr: number
  /** The factors by which a step size shrinks, between 0 and 1, and grows, above 1. Default [0.5, 1.2]. */
  etas: readonly [number, number]
  /** The smallest and the largest step size. Default [1e-6, 50]. */
  stepSizes: readonly [number, number]
  /** Maximize the objective instead of minimizing it. Default `false`. */
  maximize: boolean
}

const DEFAULTS = { lr: 1e-2, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false } as const

/**
 * Rprop (Riedmiller and Braun, 1993), for gradients of the whole data. It uses only the sign of the gradient; the step
 * size η of each element grows while the sign stays and shrinks if it changes:
 *
 *     g gₜ₋₁ > 0:  η ← min(η etas[1], stepSizes[1])
 *     g gₜ₋₁ < 0:  η ← max(η etas[0], stepSizes[0]),  g ← 0
 *     θ ← θ - η sign(g)
 *
 * @throws {TorchError} if an option is unknown or out of range.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Rprop.html
 */
export class Rprop extends NativeOptimizer<RpropOptions> {
  protected override readonly algorithm = 'rprop'
  protected override readonly stateFields = ['prev', 'stepSize', 'step']

  constructor(params: Params<RpropOptions>, options: Partial<RpropOptions> = {}, ...none: undefined[]) {
    super(params, options, DEFAULTS, none)
  }

  protected override check({ lr, etas, stepSizes }: RpropOptions): void {
    requireNonNegatives('Rprop', { lr })
    requirePair('Rprop', 'etas', etas)
    requirePair('Rprop', 'stepSizes', stepSizes)
    const [shrink, grow] = etas
    if (!(shrink > 0 && shrink < 1 && grow > 1)) {
      throw invalid('Rprop', 'etas', 'a number between 0 and 1 and one above 1', etas, 'ERR_TORCH_VALUE')
    }
  }

  protected override initial(field: string, { lr }: RpropOptions): number {
    return field === 'stepSize' ? lr : 0
  }

  protected override list({ lr, etas, stepSizes, maximize }: RpropOptions): (number | boolean)[] {
    return [lr, ...etas, ...stepSizes, maximize]
  }
}
