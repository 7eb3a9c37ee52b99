import { requireInteger, requireNone, requireNumber } from '../../check.ts'
import type { ScheduledOptimizer } from './groups.ts'
import { LRScheduler, type LRSchedulerOptions } from './scheduler.ts'

export interface CosineAnnealingLROptions extends LRSchedulerOptions {
  /** The lowest learning rate. Default 0. */
  etaMin?: number
}

/** The state of {@link CosineAnnealingLR}. */
export type CosineAnnealingLRState = { tMax: number; etaMin: number }

/**
 * Learning rates along a cosine, down to `etaMin` at step `tMax` and up again: Loshchilov and Hutter, 2017, without
 * restarts,
 *
 *     lr(t) = etaMin + (lr - etaMin) (1 + cos(π t / tMax)) / 2
 *
 * computed from the present learning rates, so that schedules can be chained.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
 */
export class CosineAnnealingLR extends LRScheduler<CosineAnnealingLRState> {
  constructor(
    optimizer: ScheduledOptimizer,
    tMax: number,
    options: CosineAnnealingLROptions = {},
    ...none: undefined[]
  ) {
    requireNone(new.target.name, none)
    super(optimizer, { tMax }, options, { etaMin: 0 })
  }

  protected override check({ tMax, etaMin }: CosineAnnealingLRState): void {
    requireInteger(this.constructor.name, 'tMax', tMax, 1)
    requireNumber(this.constructor.name, 'etaMin', etaMin)
  }

  protected override getLr(): number[] {
    const { groups, baseLrs, lastEpoch } = this
    const { tMax, etaMin } = this.state
    if (this.isInitial) return groups.map(({ lr }) => lr)
    if (this.stepCount === 1 && lastEpoch > 0) return this.getClosedFormLr()
    // Leaving the minimum, where the quotient below is 0 / 0.
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0) {
      const rise = (1 - Math.cos(Math.PI / tMax)) / 2
      return groups.map(({ lr }, index) => lr + ((baseLrs[index] as number) - etaMin) * rise)
    }
    const quotient = (1 + Math.cos((Math.PI * lastEpoch) / tMax)) / (1 + Math.cos((Math.PI * (lastEpoch - 1)) / tMax))
    return groups.map(({ lr }) => quotient * (lr - etaMin) + etaMin)
  }

  protected override getClosedFormLr(): number[] {
    const { tMax, etaMin } = this.state
    const height = (1 + Math.cos((Math.PI * this.lastEpoch) / tMax)) / 2
    return this.baseLrs.map((lr) => etaMin + (lr - etaMin) * height)
  }
}
