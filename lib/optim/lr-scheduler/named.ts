import {
  checkOptions,
  invalid,
  isPlain,
  requireChoice,
  requireFunction,
  requireInteger,
  requirePositive,
} from '../../check.ts'
import { torchError } from '../../errors.ts'
import { ConstantLR } from './constant-lr.ts'
import { CosineAnnealingLR } from './cosine-annealing-lr.ts'
import { requireOptimizer, type ScheduledOptimizer } from './groups.ts'
import { LinearLR } from './linear-lr.ts'
import { ONE_CYCLE_OPTIONS, OneCycleLR, type OneCycleLROptions } from './one-cycle-lr.ts'
import { PLATEAU_OPTIONS, ReduceLROnPlateau, type ReduceLROnPlateauOptions } from './reduce-lr-on-plateau.ts'
import type { LRScheduler } from './scheduler.ts'
import { SequentialLR } from './sequential-lr.ts'

/** The warm-up of a schedule. */
export interface WarmUpOptions {
  /**
   * The learning rates rise in a straight line for this number of steps first; below 1, for this part of all steps.
   * Step k of w has lr (k + 1) / (w + 1). Default 0.
   */
  warmup?: number
}

/** Constant learning rates. */
export interface ConstantSchedule extends WarmUpOptions {
  name: 'constant'
}

/** Learning rates that fall in a straight line. */
export interface LinearSchedule extends WarmUpOptions {
  name: 'linear'
  /** The factor at the end, from 0 to 1. Default 0. */
  endFactor?: number
}

/** Learning rates that fall along a cosine. */
export interface CosineSchedule extends WarmUpOptions {
  name: 'cosine'
  /** The learning rate at the end. Default 0. */
  etaMin?: number
}

/** Learning rates that rise and fall once: {@link OneCycleLR}. */
export interface OneCycleSchedule
  extends Omit<OneCycleLROptions, 'totalSteps' | 'epochs' | 'stepsPerEpoch' | 'lastEpoch'> {
  name: 'oneCycle'
  /** The learning rate at the top, of all groups or of each. Default: the optimizer's. */
  maxLr?: number | readonly number[]
}

/** Learning rates that fall with a metric: {@link ReduceLROnPlateau}. */
export interface PlateauSchedule extends ReduceLROnPlateauOptions {
  name: 'plateau'
}

/** A schedule by its name and options. */
export type NamedSchedule = ConstantSchedule | LinearSchedule | CosineSchedule | OneCycleSchedule | PlateauSchedule

/** A schedule to be: what is needed to make it for an optimizer, and to step it. */
export interface Schedule {
  /** Whether it is stepped after each step of the optimizer, or after each epoch. */
  readonly unit: 'step' | 'epoch'
  /** Whether its `step` takes a metric of the epoch, such as the loss of the validation. Default `false`. */
  readonly needsMetric?: boolean
  /** Whether its rates go over the `total`, so that there are none after it. Default `false`. */
  readonly needsTotal?: boolean
  /**
   * Makes the schedule for an optimizer, whose learning rates it sets.
   * @param total the number of steps or epochs in the whole training, in `unit`s
   */
  make(optimizer: ScheduledOptimizer, total: number): LRScheduler
}

/** A schedule's name, its name with options, or how to make one. */
export type ScheduleSpec = NamedSchedule['name'] | NamedSchedule | Schedule

type Maker = (optimizer: ScheduledOptimizer, total: number) => LRScheduler

// The number of steps and where they begin are the training's.
const ONE_CYCLE_FREE = ONE_CYCLE_OPTIONS.filter(
  (option) => !['totalSteps', 'epochs', 'stepsPerEpoch', 'lastEpoch'].includes(option),
)

const SCHEDULES: {
  [Name in NamedSchedule['name']]: {
    unit: Schedule['unit']
    needsMetric: boolean
    needsTotal(options: object): boolean
    maker(options: Omit<Extract<NamedSchedule, { name: Name }>, 'name'>): Maker
  }
} = {
  constant: {
    unit: 'step',
    needsMetric: false,
    // A warm-up may be a part of the whole.
    needsTotal: ({ warmup = 0 }: WarmUpOptions) => warmup < 1 && warmup !== 0,
    maker: (options) => warmedUp('constant', options, [], (optimizer) => new ConstantLR(optimizer, { factor: 1 })),
  },
  linear: {
    unit: 'step',
    needsMetric: false,
    needsTotal: () => true,
    maker: ({ endFactor = 0, ...options }) =>
      warmedUp('linear', options, ['endFactor'], (optimizer, total) => {
        return new LinearLR(optimizer, { startFactor: 1, endFactor, totalIters: total })
      }),
  },
  cosine: {
    unit: 'step',
    needsMetric: false,
    needsTotal: () => true,
    maker: ({ etaMin = 0, ...options }) =>
      warmedUp(
        'cosine',
        options,
        ['etaMin'],
        (optimizer, total) => new CosineAnnealingLR(optimizer, total, { etaMin }),
      ),
  },
  oneCycle: {
    unit: 'step',
    needsMetric: false,
    needsTotal: () => true,
    maker: ({ maxLr, ...options }) => {
      checkOptions("schedule 'oneCycle'", options, ONE_CYCLE_FREE)
      return (optimizer, total) => {
        const top = maxLr ?? optimizer.paramGroups.map(({ lr }) => lr)
        return new OneCycleLR(optimizer, top, { ...options, totalSteps: total })
      }
    },
  },
  plateau: {
    unit: 'epoch',
    needsMetric: true,
    needsTotal: () => false,
    maker: (options) => {
      checkOptions("schedule 'plateau'", options, PLATEAU_OPTIONS)
      return (optimizer) => new ReduceLROnPlateau(optimizer, options)
    },
  },
}

/** A schedule after a warm-up, if there is one. */
function warmedUp(name: string, options: WarmUpOptions, own: readonly string[], after: Maker): Maker {
  const owner = `schedule '${name}'`
  checkOptions(owner, options, ['warmup', ...own])
  const { warmup = 0 } = options
  if (warmup !== 0) requirePositive(owner, 'warmup', warmup)
  if (warmup > 1) requireInteger(owner, 'warmup', warmup)
  return (optimizer, total) => {
    const steps = warmup < 1 ? Math.round(warmup * total) : warmup
    if (steps === 0) return after(optimizer, total)
    if (steps >= total) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${owner}: warmup takes ${steps} steps, but the whole training has ${total}: choose fewer, or a part of all steps such as 0.1`,
        { op: owner },
      )
    }
    const rise = new LinearLR(optimizer, { startFactor: 1 / (steps + 1), totalIters: steps })
    return new SequentialLR(optimizer, [rise, after(optimizer, total - steps)], [steps])
  }
}

/**
 * The schedule for a name:
 *
 * | name         | learning rate                                          | stepped after | class               |
 * | ------------ | ------------------------------------------------------ | ------------- | ------------------- |
 * | `'constant'` | stays                                                  | each step     | `ConstantLR`        |
 * | `'linear'`   | falls in a straight line to 0 at the end               | each step     | `LinearLR`          |
 * | `'cosine'`   | falls along a cosine to 0 at the end                   | each step     | `CosineAnnealingLR` |
 * | `'oneCycle'` | rises to the optimizer's and falls far below the first | each step     | `OneCycleLR`        |
 * | `'plateau'`  | falls when a metric no longer improves                 | each epoch    | `ReduceLROnPlateau` |
 *
 * The first three take a `warmup`. An object with `unit` and `make` is a schedule already.
 *
 * @example
 * const { unit, make } = scheduleOf({ name: 'cosine', warmup: 0.1 })
 * const scheduler = make(optimizer, epochs * loader.length)
 * @throws {TorchError} for an unknown name or option. `make` throws for values that do not fit the optimizer or the
 *   number of steps.
 */
export function scheduleOf(spec: ScheduleSpec): Required<Schedule> {
  if (typeof spec === 'object' && spec !== null && 'make' in spec) return ownSchedule(spec)
  if (typeof spec !== 'string' && !isPlain(spec)) {
    throw invalid('schedule', 'it', "a name such as 'cosine', an object with a name, or one with unit and make", spec)
  }
  const { name, ...options } = typeof spec === 'string' ? { name: spec } : spec
  requireChoice('schedule', 'name', name, Object.keys(SCHEDULES) as NamedSchedule['name'][])
  const { unit, needsMetric, needsTotal, maker } = SCHEDULES[name]
  const make = maker(options as never)
  return {
    unit,
    needsMetric,
    needsTotal: needsTotal(options),
    make: (optimizer, total) => made(name, make, optimizer, total),
  }
}

function ownSchedule(schedule: Schedule): Required<Schedule> {
  const { unit, needsMetric = false, needsTotal = false } = schedule
  requireChoice('schedule', 'unit', unit, ['step', 'epoch'])
  requireFunction('schedule', 'make', schedule.make)
  return { unit, needsMetric, needsTotal, make: (optimizer, total) => schedule.make(optimizer, total) }
}

function made(name: string, make: Maker, optimizer: ScheduledOptimizer, total: number): LRScheduler {
  requireOptimizer(`schedule '${name}'`, optimizer)
  requireInteger(`schedule '${name}'`, 'total', total, 1)
  return make(optimizer, total)
}
