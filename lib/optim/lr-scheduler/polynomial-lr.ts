import { requireInteger, requireNone, requireNumber } from '../../check.ts'
import type { ScheduledOptimizer } from './groups.ts'
import { LRScheduler, type LRSchedulerOptions } from './scheduler.ts'

export interface PolynomialLROptions extends LRSchedulerOptions {
  /** The number of steps to 0. Default 5. */
  totalIters?: number
  /** The power of the polynomial. Default 1. */
  power?: number
}

/** The state of {@link PolynomialLR}. */
export type PolynomialLRState = { totalIters: number; power: number }

/**
 * Learning rates that fall to 0 at step `totalIters`: lr (1 - t / totalIters)^power.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html
 */
export class PolynomialLR extends LRScheduler<PolynomialLRState> {
  constructor(optimizer: ScheduledOptimizer, options: PolynomialLROptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(optimizer, {}, options, { totalIters: 5, power: 1 })
  }

  protected override check({ totalIters, power }: PolynomialLRState): void {
    requireInteger(this.constructor.name, 'totalIters', totalIters, 1)
    requireNumber(this.constructor.name, 'power', power)
  }

  protected override getLr(): number[] {
    const { totalIters, power } = this.state
    if (this.isInitial || this.lastEpoch > totalIters) return this.groups.map(({ lr }) => lr)
    const factor = ((1 - this.lastEpoch / totalIters) / (1 - (this.lastEpoch - 1) / totalIters)) ** power
    return this.groups.map(({ lr }) => lr * factor)
  }

  protected override getClosedFormLr(): number[] {
    const { totalIters, power } = this.state
    return this.baseLrs.map((lr) => lr * (1 - Math.min(totalIters, this.lastEpoch) / totalIters) ** power)
  }
}
