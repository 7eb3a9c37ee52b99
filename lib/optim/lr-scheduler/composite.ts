import { invalid } from '../../check.ts'
import { torchError } from '../../errors.ts'
import type { ScheduledOptimizer } from './groups.ts'
import { ReduceLROnPlateau } from './reduce-lr-on-plateau.ts'
import { LRScheduler } from './scheduler.ts'

/** @throws {TorchError} unless `schedulers` is an array of at least one schedule. */
export function requireSchedulers(owner: string, schedulers: unknown): asserts schedulers is readonly LRScheduler[] {
  if (!Array.isArray(schedulers)) throw invalid(owner, 'schedulers', 'an array of schedules', schedulers)
  if (schedulers.length === 0) {
    throw torchError('ERR_TORCH_VALUE', `${owner} expects at least one scheduler, but got no scheduler.`, { op: owner })
  }
  for (const [index, scheduler] of Array.from(schedulers as unknown[]).entries()) {
    if (!(scheduler instanceof LRScheduler)) throw invalid(owner, `schedulers[${index}]`, 'an LRScheduler', scheduler)
    if (scheduler instanceof ReduceLROnPlateau) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${owner} does not support \`ReduceLROnPlateau\` scheduler as its step needs a metric, but got one at index ${index} in the given schedulers sequence.`,
        { op: owner },
      )
    }
  }
}

/** @throws {TorchError} unless all schedules belong to the optimizer. */
export function requireSameOptimizer(
  owner: string,
  schedulers: readonly LRScheduler[],
  optimizer: ScheduledOptimizer,
): void {
  const index = schedulers.findIndex((scheduler) => scheduler.optimizer !== optimizer)
  if (index < 0) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner} expects all schedulers to belong to the same optimizer, but got scheduler ${schedulers[index]?.constructor.name} at index ${index} of another one.`,
    { op: owner },
  )
}
