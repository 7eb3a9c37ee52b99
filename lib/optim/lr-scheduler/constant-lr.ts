import { invalid, requireInteger, requireNone } from '../../check.ts'
import type { ScheduledOptimizer } from './groups.ts'
import { LRScheduler, type LRSchedulerOptions } from './scheduler.ts'

export interface ConstantLROptions extends LRSchedulerOptions {
  /** The factor, above 0 and at most 1. Default 1/3. */
  factor?: number
  /** The number of steps with the factor. Default 5. */
  totalIters?: number
}

/** The state of {@link ConstantLR}. */
export type ConstantLRState = { factor: number; totalIters: number }

/**
 * Multiplies the learning rates by `factor` for the first `totalIters` steps.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html
 */
export class ConstantLR extends LRScheduler<ConstantLRState> {
  constructor(optimizer: ScheduledOptimizer, options: ConstantLROptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(optimizer, {}, options, { factor: 1 / 3, totalIters: 5 })
  }

  protected override check({ factor, totalIters }: ConstantLRState): void {
    const { name } = this.constructor
    // PyTorch takes 0, too, and divides by it at the end.
    if (!(typeof factor === 'number' && factor > 0 && factor <= 1)) {
      throw invalid(name, 'factor', 'a number above 0 and at most 1', factor, 'ERR_TORCH_VALUE')
    }
    requireInteger(name, 'totalIters', totalIters, 0)
  }

  protected override getLr(): number[] {
    const { factor, totalIters } = this.state
    const now = this.lastEpoch === 0 ? factor : this.lastEpoch === totalIters ? 1 / factor : 1
    return this.groups.map(({ lr }) => lr * now)
  }

  protected override getClosedFormLr(): number[] {
    const { factor, totalIters } = this.state
    return this.baseLrs.map((lr) => lr * (this.lastEpoch >= totalIters ? 1 : factor))
  }
}
