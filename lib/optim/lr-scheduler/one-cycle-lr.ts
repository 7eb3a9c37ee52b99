import { isArrayOf } from '../../array.ts'
import {
  checkOptions,
  invalid,
  requireBoolean,
  requireChoice,
  requireInteger,
  requireNumber,
  requireProbability,
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
import { spelled } from './state.ts'

export interface OneCycleLROptions extends LRSchedulerOptions {
  /** The number of steps of the whole cycle. Either this, or `epochs` and `stepsPerEpoch`. */
  totalSteps?: number
  /** The number of epochs of the whole cycle. */
  epochs?: number
  /** The number of steps, that is batches, in an epoch. */
  stepsPerEpoch?: number
  /** The part of the cycle in which the rates rise. Default 0.3. */
  pctStart?: number
  /** Along a cosine or a straight line. Default `'cos'`. */
  annealStrategy?: 'cos' | 'linear'
  /** Move the momentum in the opposite direction: `momentum`, or the first of `betas`. Default `true`. */
  cycleMomentum?: boolean
  /** The lower bound of the momentum, of all groups or of each. Default 0.85. */
  baseMomentum?: number | readonly number[]
  /** The upper bound of the momentum, of all groups or of each, where it begins. Default 0.95. */
  maxMomentum?: number | readonly number[]
  /** The rates begin with `maxLr / divFactor`. Default 25. */
  divFactor?: number
  /** They end with the first one divided by this. Default 1e4. */
  finalDivFactor?: number
  /** Fall as long as they have risen, and then to the end in a third phase. Default `false`. */
  threePhase?: boolean
}

/** A part of the cycle, and between which settings of the groups it goes. */
export interface OneCyclePhase {
  endStep: number
  startLr: 'initialLr' | 'maxLr' | 'minLr'
  endLr: 'initialLr' | 'maxLr' | 'minLr'
  startMomentum: 'baseMomentum' | 'maxMomentum'
  endMomentum: 'baseMomentum' | 'maxMomentum'
}

/** The state of {@link OneCycleLR}. */
export type OneCycleLRState = {
  totalSteps: number
  schedulePhases: readonly OneCyclePhase[]
  annealFuncType: 'cos' | 'linear'
  cycleMomentum: boolean
}

/** @internal The names of {@link OneCycleLROptions}. */
export const ONE_CYCLE_OPTIONS = [
  'totalSteps',
  'epochs',
  'stepsPerEpoch',
  'pctStart',
  'annealStrategy',
  'cycleMomentum',
  'baseMomentum',
  'maxMomentum',
  'divFactor',
  'finalDivFactor',
  'threePhase',
  'lastEpoch',
]

/**
 * Learning rates that rise to `maxLr`, of all groups or of each, and then fall far below the first one, once in the whole
 * training: Smith and Topin, 2018. Step after each batch. The optimizer's own learning rates are replaced.
 *
 * @example new optim.lrScheduler.OneCycleLR(optimizer, 0.01, { epochs: 10, stepsPerEpoch: loader.length })
 * @throws {TorchError} if the number of steps is missing or given twice; if the optimizer has no momentum, unless
 *   `cycleMomentum` is false; and at a step beyond the last one.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
 */
export class OneCycleLR extends LRScheduler<OneCycleLRState> {
  constructor(
    optimizer: ScheduledOptimizer,
    maxLr: number | readonly number[],
    options: OneCycleLROptions = {},
    ...none: undefined[]
  ) {
    const { name } = new.target
    requireOptimizer(name, optimizer)
    checkOptions(name, options, ONE_CYCLE_OPTIONS, none)
    const { annealStrategy = 'cos', cycleMomentum = true, baseMomentum, maxMomentum, lastEpoch = -1 } = options
    const { divFactor = 25, finalDivFactor = 1e4 } = options
    const totalSteps = stepsOf(name, options)
    requireChoice(name, 'annealStrategy', annealStrategy, ['cos', 'linear'])
    for (const [option, value] of Object.entries({ divFactor, finalDivFactor })) requireNumber(name, option, value)
    const schedulePhases = phasesOf(name, totalSteps, options)
    const state: OneCycleLRState = { totalSteps, schedulePhases, annealFuncType: annealStrategy, cycleMomentum }
    checkState(name, state)
    const maxLrs = perGroup(name, 'maxLr', optimizer, maxLr)
    if (cycleMomentum) requireMomentum(name, optimizer)
    else if ((baseMomentum ?? maxMomentum) !== undefined) {
      const message = `${name}: baseMomentum and maxMomentum have no effect with cycleMomentum: false`
      throw torchError('ERR_TORCH_OPTION', message, { op: name })
    }
    const bases = cycleMomentum ? perGroup(name, 'baseMomentum', optimizer, baseMomentum ?? 0.85) : []
    const tops = cycleMomentum ? perGroup(name, 'maxMomentum', optimizer, maxMomentum ?? 0.95) : []
    if (lastEpoch === -1) {
      groupsOf(optimizer).forEach((group, index) => {
        group.maxLr = maxLrs[index] as number
        group.initialLr = group.maxLr / divFactor
        group.minLr = group.initialLr / finalDivFactor
        beginMomentum(group, bases[index], tops[index])
      })
    }
    super(optimizer, state, { lastEpoch })
  }

  protected override check(state: OneCycleLRState): void {
    checkState(this.constructor.name, state)
  }

  protected override translate(stateDict: Record<string, unknown>): Record<string, unknown> {
    const { schedulePhases, ...rest } = stateDict
    if (!Array.isArray(schedulePhases)) return stateDict
    const named = (phase: unknown): unknown =>
      Object.fromEntries(
        Object.entries(Object(phase)).map(([key, value]) => [
          spelled(key),
          typeof value === 'string' ? spelled(value) : value,
        ]),
      )
    return { ...rest, schedulePhases: schedulePhases.map(named) }
  }

  protected override getLr(): number[] {
    const { lastEpoch: step, state } = this
    const { totalSteps, schedulePhases: phases, cycleMomentum, annealFuncType: strategy } = state
    if (step > totalSteps) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${this.constructor.name}: Tried to step ${step} times. The specified number of total steps is ${totalSteps}`,
        { op: this.constructor.name },
      )
    }
    const found = phases.findIndex(({ endStep }) => step <= endStep)
    const index = found < 0 ? phases.length - 1 : found
    const { endStep, startLr, endLr, startMomentum, endMomentum } = phases[index] as OneCyclePhase
    const startStep = phases[index - 1]?.endStep ?? 0
    const part = (step - startStep) / (endStep - startStep)
    return this.groups.map((group) => {
      const between = (from: Bound, to: Bound): number =>
        annealed(strategy, group[from] ?? Number.NaN, group[to] ?? Number.NaN, part)
      if (cycleMomentum) setMomentum(group, between(startMomentum, endMomentum))
      return between(startLr, endLr)
    })
  }
}

function annealed(strategy: OneCycleLRState['annealFuncType'], start: number, end: number, part: number): number {
  if (strategy === 'linear') return (end - start) * part + start
  return end + ((start - end) / 2) * (Math.cos(Math.PI * part) + 1)
}

function stepsOf(name: string, { totalSteps, epochs, stepsPerEpoch }: OneCycleLROptions): number {
  const given = Object.entries({ totalSteps, epochs, stepsPerEpoch }).filter(([, value]) => value !== undefined)
  for (const [option, value] of given) requireInteger(name, option, value, 1)
  if (given.length === 1 && totalSteps !== undefined) return totalSteps
  if (given.length === 2 && epochs !== undefined && stepsPerEpoch !== undefined) return epochs * stepsPerEpoch
  throw torchError(
    'ERR_TORCH_VALUE',
    `${name}: You must define either totalSteps OR (epochs AND stepsPerEpoch), got ${given.map(([option]) => option).join(', ') || 'none of them'}`,
    { op: name },
  )
}

function phasesOf(name: string, totalSteps: number, options: OneCycleLROptions): OneCyclePhase[] {
  const { pctStart = 0.3, threePhase = false } = options
  requireProbability(name, 'pctStart', pctStart)
  requireBoolean(name, 'threePhase', threePhase)
  const first = pctStart * totalSteps
  // PyTorch divides by 0 in the first step.
  if (first === 1) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${name}: with pctStart ${pctStart} of ${totalSteps} steps the rates would have to rise within 1 step, which is the first already: choose a larger pctStart, or 0`,
      { op: name },
    )
  }
  const rise = {
    startLr: 'initialLr',
    endLr: 'maxLr',
    startMomentum: 'maxMomentum',
    endMomentum: 'baseMomentum',
  } as const
  const fall = { startLr: 'maxLr', startMomentum: 'baseMomentum', endMomentum: 'maxMomentum' } as const
  const up: OneCyclePhase = { endStep: first - 1, ...rise }
  const endStep = totalSteps - 1
  if (!threePhase) return [up, { endStep, ...fall, endLr: 'minLr' }]
  const down: OneCyclePhase = { endStep: 2 * pctStart * totalSteps - 2, ...fall, endLr: 'initialLr' }
  return [
    up,
    down,
    { endStep, startLr: 'initialLr', endLr: 'minLr', startMomentum: 'maxMomentum', endMomentum: 'maxMomentum' },
  ]
}

type Bound = OneCyclePhase['startLr' | 'startMomentum']

const RATES = ['initialLr', 'maxLr', 'minLr'] as const
const MOMENTA = ['baseMomentum', 'maxMomentum'] as const

function checkState(
  name: string,
  { totalSteps, schedulePhases, annealFuncType, cycleMomentum }: OneCycleLRState,
): void {
  requireInteger(name, 'totalSteps', totalSteps, 1)
  requireChoice(name, 'annealFuncType', annealFuncType, ['cos', 'linear'])
  requireBoolean(name, 'cycleMomentum', cycleMomentum)
  const isPhase = (value: unknown): value is OneCyclePhase => {
    const { endStep, startLr, endLr, startMomentum, endMomentum } = Object(value) as OneCyclePhase
    const rates = [startLr, endLr].every((one) => RATES.includes(one))
    return typeof endStep === 'number' && rates && [startMomentum, endMomentum].every((one) => MOMENTA.includes(one))
  }
  if (!isArrayOf(schedulePhases, isPhase) || schedulePhases.length === 0) {
    throw invalid(name, 'schedulePhases', 'an array of phases', schedulePhases)
  }
}
