import { requireNone } from '../../check.ts'
import type { ScheduledOptimizer } from './groups.ts'
import { type LRLambda, lambdasOf } from './lambda-lr.ts'
import { LRScheduler, type LRSchedulerOptions } from './scheduler.ts'

/** The state of {@link MultiplicativeLR}. */
export type MultiplicativeLRState = { lrLambdas: readonly LRLambda[] }

/**
 * Multiplies the learning rates at each step by a function of the number of steps; one function for all groups, or one
 * for each. The functions are not part of the state.
 *
 * @example new optim.lrScheduler.MultiplicativeLR(optimizer, () => 0.95)
 * @throws {TorchError} unless there is a function for each group.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html
 */
export class MultiplicativeLR extends LRScheduler<MultiplicativeLRState> {
  constructor(
    optimizer: ScheduledOptimizer,
    lrLambda: LRLambda | readonly LRLambda[],
    options: LRSchedulerOptions = {},
    ...none: undefined[]
  ) {
    requireNone(new.target.name, none)
    super(optimizer, { lrLambdas: lambdasOf(new.target.name, optimizer, lrLambda) }, options)
  }

  protected override getLr(): number[] {
    const { isInitial, lastEpoch, state } = this
    return this.groups.map(({ lr }, index) =>
      isInitial ? lr : lr * (state.lrLambdas[index]?.(lastEpoch) ?? Number.NaN),
    )
  }
}
