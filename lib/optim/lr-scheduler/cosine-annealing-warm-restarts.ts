import { invalid, requireInteger, requireNone, requireNumber } from '../../check.ts'
import type { ScheduledOptimizer } from './groups.ts'
import { LRScheduler, type LRSchedulerOptions } from './scheduler.ts'

export interface CosineAnnealingWarmRestartsOptions extends LRSchedulerOptions {
  /** The factor by which the time between restarts grows. Default 1. */
  tMult?: number
  /** The lowest learning rate. Default 0. */
  etaMin?: number
}

/** `tI` is the time between the last and the next restart, `tCur` the time since the last one. */
export type CosineAnnealingWarmRestartsState = { t0: number; tI: number; tMult: number; etaMin: number; tCur: number }

/**
 * Learning rates along a cosine down to `etaMin`, with a jump back after `t0` steps, then after `t0 tMult` more, and so
 * on: Loshchilov and Hutter, 2017.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html
 */
export class CosineAnnealingWarmRestarts extends LRScheduler<CosineAnnealingWarmRestartsState> {
  constructor(
    optimizer: ScheduledOptimizer,
    t0: number,
    options: CosineAnnealingWarmRestartsOptions = {},
    ...none: undefined[]
  ) {
    requireNone(new.target.name, none)
    const tCur = options?.lastEpoch ?? -1
    super(optimizer, { t0, tI: t0, tCur }, options, { tMult: 1, etaMin: 0 })
  }

  protected override check({ t0, tI, tMult, etaMin, tCur }: CosineAnnealingWarmRestartsState): void {
    const { name } = this.constructor
    requireInteger(name, 't0', t0, 1)
    requireInteger(name, 'tI', tI, 1)
    requireInteger(name, 'tMult', tMult, 1)
    requireNumber(name, 'etaMin', etaMin)
    requireNumber(name, 'tCur', tCur)
  }

  protected override getLr(): number[] {
    const { etaMin, tCur, tI } = this.state
    return this.baseLrs.map((lr) => etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * tCur) / tI))) / 2)
  }

  /**
   * Sets the learning rates of the next epoch, or of the given one, which may lie between two: within an epoch,
   * `step(epoch + i / batches)`.
   *
   * @throws {TorchError} for an epoch below 0.
   */
  override step(epoch?: number): void {
    const { state, lastEpoch } = this
    const next = epoch ?? Math.max(lastEpoch + 1, 0)
    if (epoch === undefined && lastEpoch >= 0) {
      state.tCur++
      if (state.tCur >= state.tI) {
        state.tCur %= state.tI
        state.tI *= state.tMult
      }
    } else {
      if (!Number.isFinite(next) || next < 0) {
        throw invalid(`${this.constructor.name}.step`, 'epoch', 'a non-negative number', next, 'ERR_TORCH_VALUE')
      }
      goTo(state, next)
    }
    this.lastEpoch = Math.floor(next)
    this.setLr(this.getLr())
  }
}

/** Sets the time since the last restart, and the time between the last one and the next. */
function goTo(state: CosineAnnealingWarmRestartsState, epoch: number): void {
  const { t0, tMult } = state
  if (epoch < t0 || tMult === 1) {
    state.tCur = epoch % t0
    state.tI = t0
    return
  }
  const restarts = Math.trunc(Math.log((epoch / t0) * (tMult - 1) + 1) / Math.log(tMult))
  state.tCur = epoch - (t0 * (tMult ** restarts - 1)) / (tMult - 1)
  state.tI = t0 * tMult ** restarts
}
