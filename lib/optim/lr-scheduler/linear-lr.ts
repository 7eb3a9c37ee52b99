import { invalid, requireInteger, requireNone, requireProbability } from '../../check.ts'
import type { ScheduledOptimizer } from './groups.ts'
import { LRScheduler, type LRSchedulerOptions } from './scheduler.ts'

export interface LinearLROptions extends LRSchedulerOptions {
  /** The factor at the beginning, above 0 and at most 1. Default 1/3. */
  startFactor?: number
  /** The factor at the end, from 0 to 1. Default 1. */
  endFactor?: number
  /** The number of steps from the one to the other. Default 5. */
  totalIters?: number
}

/** The state of {@link LinearLR}. */
export type LinearLRState = { startFactor: number; endFactor: number; totalIters: number }

/**
 * Multiplies the learning rates by a factor that goes in a straight line from `startFactor` to `endFactor`, where it
 * stays: a warm-up, or a decay.
 *
 * @example
 * // Warm-up over 500 steps, then a cosine.
 * const { LinearLR, CosineAnnealingLR, SequentialLR } = optim.lrScheduler
 * const warmup = new LinearLR(optimizer, { startFactor: 0.01, totalIters: 500 })
 * const cosine = new CosineAnnealingLR(optimizer, 9500)
 * const scheduler = new SequentialLR(optimizer, [warmup, cosine], [500])
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html
 */
export class LinearLR extends LRScheduler<LinearLRState> {
  constructor(optimizer: ScheduledOptimizer, options: LinearLROptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(optimizer, {}, options, { startFactor: 1 / 3, endFactor: 1, totalIters: 5 })
  }

  protected override check({ startFactor, endFactor, totalIters }: LinearLRState): void {
    const { name } = this.constructor
    if (!(typeof startFactor === 'number' && startFactor > 0 && startFactor <= 1)) {
      throw invalid(name, 'startFactor', 'a number above 0 and at most 1', startFactor, 'ERR_TORCH_VALUE')
    }
    requireProbability(name, 'endFactor', endFactor)
    requireInteger(name, 'totalIters', totalIters, 1)
  }

  protected override getLr(): number[] {
    const factor = this.factor
    return this.groups.map(({ lr }) => lr * factor)
  }

  /** By what the rates change in this step. */
  protected get factor(): number {
    const { startFactor, endFactor, totalIters } = this.state
    if (this.lastEpoch === 0) return startFactor
    if (this.isInitial || this.lastEpoch > totalIters) return 1
    const change = endFactor - startFactor
    return 1 + change / (totalIters * startFactor + (this.lastEpoch - 1) * change)
  }

  protected override getClosedFormLr(): number[] {
    const { startFactor, endFactor, totalIters } = this.state
    const factor = startFactor + ((endFactor - startFactor) * Math.min(totalIters, this.lastEpoch)) / totalIters
    return this.baseLrs.map((lr) => lr * factor)
  }
}
