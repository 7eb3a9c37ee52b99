import { isArrayOf } from '../../array.ts'
import { invalid, requireNone } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { ChainedScheduler } from './chained-scheduler.ts'
import { requireSameOptimizer, requireSchedulers } from './composite.ts'
import type { ScheduledOptimizer } from './groups.ts'
import { INITIAL_STEP, LRScheduler, type LRSchedulerOptions, UPDATE_LR } from './scheduler.ts'

/** The state of {@link SequentialLR}. */
export type SequentialLRState = { schedulers: readonly LRScheduler[]; milestones: readonly number[] }

/**
 * Several schedules, each from a milestone on: the first until `milestones[0]`, the second from there until
 * `milestones[1]`, and so on. Each begins at its own epoch 0 with the learning rates of the beginning.
 *
 * @example
 * // Warm-up over 500 steps, then a cosine.
 * const { LinearLR, CosineAnnealingLR, SequentialLR } = optim.lrScheduler
 * const warmup = new LinearLR(optimizer, { startFactor: 0.01, totalIters: 500 })
 * const scheduler = new SequentialLR(optimizer, [warmup, new CosineAnnealingLR(optimizer, 9500)], [500])
 * @throws {TorchError} unless there is one milestone less than schedules, in increasing order; if one is a
 *   `ReduceLROnPlateau`; or if one after the first is itself composed of schedules, which have no epoch to begin at.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html
 */
export class SequentialLR extends LRScheduler<SequentialLRState> {
  constructor(
    optimizer: ScheduledOptimizer,
    schedulers: readonly LRScheduler[],
    milestones: readonly number[],
    options: LRSchedulerOptions = {},
    ...none: undefined[]
  ) {
    requireNone(new.target.name, none)
    requireSchedulers(new.target.name, schedulers)
    super(optimizer, { schedulers: [...schedulers], milestones }, options)
  }

  /** The schedules, in order. */
  get schedulers(): readonly LRScheduler[] {
    return this.state.schedulers
  }

  protected override check({ schedulers, milestones }: SequentialLRState): void {
    const { name } = this.constructor
    requireSameOptimizer(name, schedulers, this.optimizer)
    if (!isArrayOf(milestones, (one) => Number.isSafeInteger(one) && (one as number) >= 0)) {
      throw invalid(name, 'milestones', 'an array of non-negative integers', milestones)
    }
    if (milestones.length !== schedulers.length - 1) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${name}: Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone points, but got number of schedulers ${schedulers.length} and the number of milestones to be equal to ${milestones.length}`,
        { op: name },
      )
    }
    if (milestones.some((milestone, index) => milestone < (milestones[index - 1] ?? 0))) {
      throw invalid(name, 'milestones', 'in increasing order', milestones, 'ERR_TORCH_VALUE')
    }
    // PyTorch fails at the milestone.
    const composed = schedulers.findIndex((one, index) => index > 0 && isComposed(one))
    if (composed > 0) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${name}: a ${schedulers[composed]?.constructor.name} can only be the first schedule, since it has no epoch of its own to begin at, but there is one at index ${composed}`,
        { op: name },
      )
    }
  }

  protected override get saved(): readonly ['lastEpoch', 'lastLr'] {
    return ['lastEpoch', 'lastLr']
  }

  /** The schedules have all begun when they were made: takes that back, except for the first. */
  protected override start(lastEpoch: number): void {
    this.lastEpoch = lastEpoch + 1
    for (const group of this.groups) group.lr = group.initialLr ?? group.lr
    undo(this.state.schedulers)
    this.scheduleAt(0)[INITIAL_STEP]()
    this.record()
  }

  /** The schedule at an epoch. */
  protected scheduleAt(epoch: number): LRScheduler {
    const { schedulers, milestones } = this.state
    return schedulers[milestones.filter((milestone) => milestone <= epoch).length] as LRScheduler
  }

  override step(...none: never[]): void {
    const epoch = this.lastEpoch + 1
    const scheduler = this.scheduleAt(epoch)
    if (this.state.milestones.includes(epoch)) scheduler[UPDATE_LR](0)
    else scheduler.step(...none)
    this.lastEpoch = epoch
    this.record()
  }

  protected override getLr(): number[] {
    return this.groups.map(({ lr }) => lr)
  }
}

const isComposed = (scheduler: LRScheduler): scheduler is SequentialLR | ChainedScheduler =>
  scheduler instanceof SequentialLR || scheduler instanceof ChainedScheduler

function undo(schedulers: readonly LRScheduler[]): void {
  for (const scheduler of schedulers) {
    if (isComposed(scheduler)) undo(scheduler.schedulers)
    else scheduler.lastEpoch--
  }
}
