import { requireFunction, requireNone } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { requireOptimizer, type ScheduledOptimizer } from './groups.ts'
import { LRScheduler, type LRSchedulerOptions } from './scheduler.ts'

/** A factor as a function of the number of steps so far. */
export type LRLambda = (epoch: number) => number

/** The state of {@link LambdaLR}. */
export type LambdaLRState = { lrLambdas: readonly LRLambda[] }

/** @internal The function of each group. */
export function lambdasOf(
  owner: string,
  optimizer: ScheduledOptimizer,
  lrLambda: LRLambda | readonly LRLambda[],
): LRLambda[] {
  requireOptimizer(owner, optimizer)
  const count = optimizer.paramGroups.length
  const lambdas: readonly LRLambda[] = Array.isArray(lrLambda)
    ? Array.from(lrLambda as readonly LRLambda[])
    : Array.from({ length: count }, () => lrLambda as LRLambda)
  for (const lambda of lambdas) requireFunction(owner, 'lrLambda', lambda)
  if (lambdas.length === count) return [...lambdas]
  throw torchError('ERR_TORCH_VALUE', `${owner}: Expected ${count} lrLambdas, but got ${lambdas.length}`, { op: owner })
}

/**
 * Learning rates that are those of the beginning times a function of the number of steps; one function for all groups,
 * or one for each. The functions are not part of the state.
 *
 * @example new optim.lrScheduler.LambdaLR(optimizer, (epoch) => 0.95 ** epoch)
 * @throws {TorchError} unless there is a function for each group.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html
 */
export class LambdaLR extends LRScheduler<LambdaLRState> {
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
    const { lastEpoch } = this
    return this.baseLrs.map((lr, index) => lr * (this.state.lrLambdas[index]?.(lastEpoch) ?? Number.NaN))
  }
}
