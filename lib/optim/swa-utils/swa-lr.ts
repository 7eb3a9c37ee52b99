import { checkOptions, requireChoice, requireInteger } from '../../check.ts'
import {
  groupsOf,
  perGroup,
  requireOptimizer,
  type ScheduledGroup,
  type ScheduledOptimizer,
} from '../lr-scheduler/groups.ts'
import { LRScheduler, type LRSchedulerOptions } from '../lr-scheduler/scheduler.ts'

export interface SWALROptions extends LRSchedulerOptions {
  /** The number of steps until `swaLr` is reached. Default 10. */
  annealEpochs?: number
  /** Along a cosine or a straight line. Default `'cos'`. */
  annealStrategy?: 'cos' | 'linear'
}

/** The state of {@link SWALR}. */
export type SWALRState = { annealEpochs: number; annealStrategy: 'cos' | 'linear' }

/**
 * Goes from the present learning rates to `swaLr`, of all groups or of each, and stays there: for the last part of a
 * training, whose weights are averaged.
 *
 * @example
 * const averaged = new optim.swaUtils.AveragedModel(model)
 * const scheduler = new optim.swaUtils.SWALR(optimizer, 0.05)
 * // From some epoch on, after each:
 * averaged.updateParameters(model)
 * scheduler.step()
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.SWALR.html
 */
export class SWALR extends LRScheduler<SWALRState> {
  constructor(
    optimizer: ScheduledOptimizer,
    swaLr: number | readonly number[],
    options: SWALROptions = {},
    ...none: undefined[]
  ) {
    const { name } = new.target
    requireOptimizer(name, optimizer)
    checkOptions(name, options, ['annealEpochs', 'annealStrategy', 'lastEpoch'], none)
    const { annealEpochs = 10, annealStrategy = 'cos', lastEpoch = -1 } = options
    const state: SWALRState = { annealEpochs, annealStrategy }
    checkState(name, state)
    const rates = perGroup(name, 'swaLr', optimizer, swaLr)
    groupsOf(optimizer).forEach((group, index) => {
      group.swaLr = rates[index] as number
    })
    super(optimizer, state, { lastEpoch })
  }

  protected override check(state: SWALRState): void {
    checkState(this.constructor.name, state)
  }

  protected override getLr(): number[] {
    const step = this.state.annealEpochs === 0 ? Math.max(1, this.stepCount - 1) : this.stepCount - 1
    const before = partOf(this.state, step - 1)
    const now = partOf(this.state, step)
    return this.groups.map(({ lr, swaLr = lr }: ScheduledGroup) => {
      // The learning rate without this schedule, which another one may have changed meanwhile.
      const own = before === 1 ? swaLr : (lr - before * swaLr) / (1 - before)
      return swaLr * now + own * (1 - now)
    })
  }
}

/** The part of the way to `swaLr` after a step, from 0 to 1. */
function partOf({ annealEpochs, annealStrategy }: SWALRState, step: number): number {
  const t = Math.max(0, Math.min(1, step / Math.max(1, annealEpochs)))
  return annealStrategy === 'cos' ? (1 - Math.cos(Math.PI * t)) / 2 : t
}

function checkState(name: string, { annealEpochs, annealStrategy }: SWALRState): void {
  requireInteger(name, 'annealEpochs', annealEpochs, 0)
  requireChoice(name, 'annealStrategy', annealStrategy, ['cos', 'linear'])
}
