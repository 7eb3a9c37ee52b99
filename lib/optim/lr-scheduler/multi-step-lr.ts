import { isArrayOf } from '../../array.ts'
import { invalid, isPlain, requireNone, requireNumber } from '../../check.ts'
import type { ScheduledOptimizer } from './groups.ts'
import { LRScheduler, type LRSchedulerOptions } from './scheduler.ts'

export interface MultiStepLROptions extends LRSchedulerOptions {
  /** The factor. Default 0.1. */
  gamma?: number
}

/** `milestones`: how often each epoch is among them, as in PyTorch's state. */
export type MultiStepLRState = { milestones: Record<number, number>; gamma: number }

/**
 * Multiplies the learning rates by `gamma` at each milestone; twice, if it is given twice.
 *
 * @example new optim.lrScheduler.MultiStepLR(optimizer, [30, 80])
 * @throws {TorchError} unless `milestones` is an array of integers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html
 */
export class MultiStepLR extends LRScheduler<MultiStepLRState> {
  constructor(
    optimizer: ScheduledOptimizer,
    milestones: readonly number[],
    options: MultiStepLROptions = {},
    ...none: undefined[]
  ) {
    requireNone(new.target.name, none)
    if (!isArrayOf(milestones, Number.isSafeInteger)) {
      throw invalid(new.target.name, 'milestones', 'an array of integers', milestones)
    }
    const counts: Record<number, number> = {}
    for (const milestone of milestones) counts[milestone] = (counts[milestone] ?? 0) + 1
    super(optimizer, { milestones: counts }, options, { gamma: 0.1 })
  }

  protected override check({ milestones, gamma }: MultiStepLRState): void {
    requireNumber(this.constructor.name, 'gamma', gamma)
    if (!isPlain(milestones) || !Object.entries(milestones).flat().map(Number).every(Number.isSafeInteger)) {
      throw invalid(this.constructor.name, 'milestones', 'an object of epochs and how often each is given', milestones)
    }
  }

  protected override getLr(): number[] {
    const { milestones, gamma } = this.state
    return this.groups.map(({ lr }) => lr * gamma ** (milestones[this.lastEpoch] ?? 0))
  }

  protected override getClosedFormLr(): number[] {
    let passed = 0
    for (const [epoch, count] of Object.entries(this.state.milestones)) if (+epoch <= this.lastEpoch) passed += count
    return this.baseLrs.map((lr) => lr * this.state.gamma ** passed)
  }
}
