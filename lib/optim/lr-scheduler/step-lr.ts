import { requireInteger, requireNone, requireNumber } from '../../check.ts'
import type { ScheduledOptimizer } from './groups.ts'
import { LRScheduler, type LRSchedulerOptions } from './scheduler.ts'

export interface StepLROptions extends LRSchedulerOptions {
  /** The factor. Default 0.1. */
  gamma?: number
}

/** The state of {@link StepLR}. */
export type StepLRState = { stepSize: number; gamma: number }

/**
 * Multiplies the learning rates by `gamma` every `stepSize` steps.
 *
 * @throws {TorchError} unless `stepSize` is a positive integer.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
 */
export class StepLR extends LRScheduler<StepLRState> {
  constructor(optimizer: ScheduledOptimizer, stepSize: number, options: StepLROptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(optimizer, { stepSize }, options, { gamma: 0.1 })
  }

  protected override check({ stepSize, gamma }: StepLRState): void {
    requireInteger(this.constructor.name, 'stepSize', stepSize, 1)
    requireNumber(this.constructor.name, 'gamma', gamma)
  }

  protected override getLr(): number[] {
    const { stepSize, gamma } = this.state
    const factor = this.lastEpoch === 0 || this.lastEpoch % stepSize !== 0 ? 1 : gamma
    return this.groups.map(({ lr }) => lr * factor)
  }

  protected override getClosedFormLr(): number[] {
    const { stepSize, gamma } = this.state
    return this.baseLrs.map((lr) => lr * gamma ** Math.floor(this.lastEpoch / stepSize))
  }
}
