import { checkOptions } from '../../check.ts'
import { requireSameOptimizer, requireSchedulers } from './composite.ts'
import type { ScheduledOptimizer } from './groups.ts'
import { LRScheduler } from './scheduler.ts'
import { PREPARE } from './state.ts'

export interface ChainedSchedulerOptions {
  /** The optimizer. Default: that of the schedules. */
  optimizer?: ScheduledOptimizer
}

/** The state of {@link ChainedScheduler}. */
export type ChainedSchedulerState = { schedulers: readonly LRScheduler[] }

/**
 * Steps several schedules, one after the other: their factors multiply.
 *
 * @example
 * const { ChainedScheduler, ConstantLR, ExponentialLR } = optim.lrScheduler
 * const constant = new ConstantLR(optimizer, { factor: 0.1, totalIters: 20 })
 * const scheduler = new ChainedScheduler([constant, new ExponentialLR(optimizer, 0.9)])
 * @throws {TorchError} unless the schedules belong to the same optimizer, or if one is a `ReduceLROnPlateau`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html
 */
export class ChainedScheduler extends LRScheduler<ChainedSchedulerState> {
  constructor(schedulers: readonly LRScheduler[], options: ChainedSchedulerOptions = {}, ...none: undefined[]) {
    const { name } = new.target
    checkOptions(name, options, ['optimizer'], none)
    requireSchedulers(name, schedulers)
    const { optimizer = (schedulers[0] as LRScheduler).optimizer } = options
    requireSameOptimizer(name, schedulers, optimizer)
    super(optimizer, { schedulers: [...schedulers] })
  }

  /** The schedules, in order. */
  get schedulers(): readonly LRScheduler[] {
    return this.state.schedulers
  }

  protected override get saved(): readonly ['lastLr'] {
    return ['lastLr']
  }

  /** The schedules have begun by themselves. */
  protected override start(): void {
    this.lastEpoch = (this.schedulers[0] as LRScheduler).lastEpoch
    this.record()
  }

  override step(...none: never[]): void {
    for (const scheduler of this.state.schedulers) scheduler.step(...none)
    this.lastEpoch = (this.schedulers[0] as LRScheduler).lastEpoch
    this.record()
  }

  protected override getLr(): number[] {
    return this.groups.map(({ lr }) => lr)
  }

  /** @internal */
  override [PREPARE](stateDict: unknown): () => void {
    const commit = super[PREPARE](stateDict)
    return () => {
      commit()
      this.lastEpoch = (this.schedulers[0] as LRScheduler).lastEpoch
    }
  }
}
