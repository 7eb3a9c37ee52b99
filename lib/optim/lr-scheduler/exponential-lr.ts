import { requireNone, requireNumber } from '../../check.ts'
import type { ScheduledOptimizer } from './groups.ts'
import { LRScheduler, type LRSchedulerOptions } from './scheduler.ts'

/** The state of {@link ExponentialLR}. */
export type ExponentialLRState = { gamma: number }

/**
 * Multiplies the learning rates by `gamma` at each step.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html
 */
export class ExponentialLR extends LRScheduler<ExponentialLRState> {
  constructor(optimizer: ScheduledOptimizer, gamma: number, options: LRSchedulerOptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(optimizer, { gamma }, options)
  }

  protected override check({ gamma }: ExponentialLRState): void {
    requireNumber(this.constructor.name, 'gamma', gamma)
  }

  protected override getLr(): number[] {
    const factor = this.isInitial ? 1 : this.state.gamma
    return this.groups.map(({ lr }) => lr * factor)
  }

  protected override getClosedFormLr(): number[] {
    return this.baseLrs.map((lr) => lr * this.state.gamma ** this.lastEpoch)
  }
}
