import { isArrayOf } from '../../array.ts'
import {
  checkOptions,
  invalid,
  requireBoolean,
  requireChoice,
  requireFunction,
  requireNone,
  requireNumber,
} from '../../check.ts'
import { torchError } from '../../errors.ts'
import {
  beginMomentum,
  groupsOf,
  perGroup,
  requireMomentum,
  requireOptimizer,
  type ScheduledOptimizer,
  setMomentum,
} from './groups.ts'
import { LRScheduler, type LRSchedulerOptions } from './scheduler.ts'

const MODES = ['triangular', 'triangular2', 'exp_range'] as const
const OPTIONS = ['stepSizeUp', 'stepSizeDown', 'mode', 'gamma', 'scaleFn', 'scaleMode', 'cycleMomentum'] as const

export interface CyclicLROptions extends LRSchedulerOptions {
  /** The number of steps from the lower to the upper bound. Default 2000. */
  stepSizeUp?: number
  /** The number of steps back. Default: as many. */
  stepSizeDown?: number
  /**
   * The height of the cycles: always the same (`'triangular'`), halved from cycle to cycle (`'triangular2'`), or times
   * `gamma` to the power of the step (`'exp_range'`). Default `'triangular'`.
   */
  mode?: 'triangular' | 'triangular2' | 'exp_range'
  /** The base of the mode `'exp_range'`. Default 1. */
  gamma?: number
  /** The height of the cycles, from 0 to 1, as a function: instead of `mode`. It is not part of the state. */
  scaleFn?: (x: number) => number
  /** What `scaleFn` gets: the number of the cycle, from 1, or the number of steps. Default `'cycle'`. */
  scaleMode?: 'cycle' | 'iterations'
  /** Move the momentum in the opposite direction: `momentum`, or the first of `betas`. Default `true`. */
  cycleMomentum?: boolean
  /** The lower bound of the momentum, of all groups or of each. Default 0.8. */
  baseMomentum?: number | readonly number[]
  /** The upper bound of the momentum, of all groups or of each, where it begins. Default 0.9. */
  maxMomentum?: number | readonly number[]
}

/** The state of {@link CyclicLR}. */
export type CyclicLRState = {
  maxLrs: readonly number[]
  /** The length of a cycle. */
  totalSize: number
  /** The part of it in which the rates rise. */
  stepRatio: number
  mode: (typeof MODES)[number]
  gamma: number
  scaleMode: 'cycle' | 'iterations'
  scaleFnCustom: ((x: number) => number) | null
  cycleMomentum: boolean
  /** `null` if the momentum does not change. */
  baseMomentums: readonly number[] | null
  maxMomentums: readonly number[] | null
}

/**
 * Learning rates that go up and down between two bounds, of all groups or of each: Smith, 2017. Step after each batch.
 *
 * @param baseLr The lower bound, which replaces the optimizer's learning rate.
 * @param maxLr The upper bound.
 * @example new optim.lrScheduler.CyclicLR(optimizer, 0.01, 0.1, { stepSizeUp: 10 })
 * @throws {TorchError} if the optimizer has no momentum, unless `cycleMomentum` is false; and for options that would have
 *   no effect, such as `mode` besides `scaleFn`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html
 */
export class CyclicLR extends LRScheduler<CyclicLRState> {
  constructor(
    optimizer: ScheduledOptimizer,
    baseLr: number | readonly number[],
    maxLr: number | readonly number[],
    options: CyclicLROptions = {},
    ...none: undefined[]
  ) {
    requireNone('CyclicLR', none)
    const { name } = new.target
    requireOptimizer(name, optimizer)
    checkOptions(name, options, [...OPTIONS, 'baseMomentum', 'maxMomentum', 'lastEpoch'], none)
    requireEffect(name, options)
    const { stepSizeUp = 2000, stepSizeDown = stepSizeUp, mode = 'triangular', gamma = 1, scaleFn } = options
    const { scaleMode = mode === 'exp_range' ? 'iterations' : 'cycle', cycleMomentum = true, lastEpoch = -1 } = options
    const { baseMomentum = 0.8, maxMomentum = 0.9 } = options
    for (const [option, value] of Object.entries({ stepSizeUp, stepSizeDown })) {
      if (!(Number.isFinite(value) && value > 0)) {
        throw invalid(name, option, 'a positive number', value, 'ERR_TORCH_VALUE')
      }
    }
    if (scaleFn !== undefined) requireFunction(name, 'scaleFn', scaleFn)
    requireBoolean(name, 'cycleMomentum', cycleMomentum)
    const baseLrs = perGroup(name, 'baseLr', optimizer, baseLr)
    const maxLrs = perGroup(name, 'maxLr', optimizer, maxLr)
    if (cycleMomentum) requireMomentum(name, optimizer)
    const baseMomentums = cycleMomentum ? perGroup(name, 'baseMomentum', optimizer, baseMomentum) : null
    const maxMomentums = cycleMomentum ? perGroup(name, 'maxMomentum', optimizer, maxMomentum) : null
    const totalSize = stepSizeUp + stepSizeDown
    const state: CyclicLRState = {
      maxLrs,
      totalSize,
      stepRatio: stepSizeUp / totalSize,
      mode,
      gamma,
      scaleMode,
      scaleFnCustom: scaleFn ?? null,
      cycleMomentum,
      baseMomentums,
      maxMomentums,
    }
    checkState(name, state)
    if (lastEpoch === -1) {
      groupsOf(optimizer).forEach((group, index) => {
        group.lr = baseLrs[index] as number
        beginMomentum(group, baseMomentums?.[index], maxMomentums?.[index])
      })
    }
    super(optimizer, state, { lastEpoch })
    this.baseLrs = baseLrs
  }

  protected override check(state: CyclicLRState): void {
    checkState(this.constructor.name, state)
  }

  protected override getLr(): number[] {
    const { totalSize, stepRatio, scaleMode, maxLrs, baseMomentums, maxMomentums } = this.state
    const cycle = Math.floor(1 + this.lastEpoch / totalSize)
    const x = 1 + this.lastEpoch / totalSize - cycle
    const height = x <= stepRatio ? x / stepRatio : (x - 1) / (stepRatio - 1)
    const scale = scaleOf(this.state, scaleMode === 'cycle' ? cycle : this.lastEpoch)
    if (maxMomentums !== null && baseMomentums !== null) {
      this.groups.forEach((group, index) => {
        const [base, max] = [baseMomentums[index] as number, maxMomentums[index] as number]
        setMomentum(group, max - (max - base) * height * scale)
      })
    }
    return this.baseLrs.map((base, index) => base + ((maxLrs[index] as number) - base) * height * scale)
  }
}

/** The height of a cycle, as a part of the first one's. */
function scaleOf({ scaleFnCustom, mode, gamma }: CyclicLRState, x: number): number {
  if (scaleFnCustom !== null) return scaleFnCustom(x)
  if (mode === 'triangular') return 1
  return mode === 'triangular2' ? 1 / 2 ** (x - 1) : gamma ** x
}

/** @throws {TorchError} for options that nothing would read. */
function requireEffect(name: string, options: CyclicLROptions): void {
  const { mode, gamma, scaleFn, scaleMode, cycleMomentum, baseMomentum, maxMomentum } = options
  const idle =
    scaleFn !== undefined && mode !== undefined
      ? 'mode has no effect with a scaleFn'
      : scaleFn === undefined && scaleMode !== undefined
        ? 'scaleMode has no effect without a scaleFn'
        : gamma !== undefined && mode !== 'exp_range'
          ? "gamma has no effect unless mode is 'exp_range'"
          : cycleMomentum === false && (baseMomentum ?? maxMomentum) !== undefined
            ? 'baseMomentum and maxMomentum have no effect with cycleMomentum: false'
            : undefined
  if (idle !== undefined) throw torchError('ERR_TORCH_OPTION', `${name}: ${idle}`, { op: name })
}

function checkState(name: string, state: CyclicLRState): void {
  const { maxLrs, totalSize, stepRatio, mode, gamma, scaleMode, cycleMomentum, baseMomentums, maxMomentums } = state
  for (const [field, value] of Object.entries({ totalSize, stepRatio, gamma })) requireNumber(name, field, value)
  requireChoice(name, 'mode', mode, MODES)
  requireChoice(name, 'scaleMode', scaleMode, ['cycle', 'iterations'])
  requireBoolean(name, 'cycleMomentum', cycleMomentum)
  const lists = { maxLrs, ...(cycleMomentum ? { baseMomentums, maxMomentums } : {}) }
  for (const [field, value] of Object.entries(lists)) {
    if (!isArrayOf(value, (one) => typeof one === 'number')) throw invalid(name, field, 'an array of numbers', value)
  }
}
