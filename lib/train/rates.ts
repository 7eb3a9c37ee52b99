import { torchError } from '../errors.ts'
import { type LRScheduler, OneCycleLR, type Schedule } from '../optim/lr-scheduler/index.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { type MonitorOptions, monitored } from './monitor.ts'
import type { Run } from './run.ts'

/** The schedule of the learning rates of one `fit`. */
export interface ScheduledRates {
  readonly scheduler: LRScheduler
  /** The steps or epochs that it goes over, if its rates depend on them. */
  readonly total: number | undefined
  /** Called after each update of the weights. */
  stepped(): void
  /** Called when the result of an epoch is known. */
  epochEnded(run: Run): void
}

interface Training {
  optimizer: Optimizer<{ lr: number }>
  epochs: number
  maxSteps: number
  /** The updates of an epoch, if they are known. */
  updates: number | undefined
  monitor: MonitorOptions
}

/**
 * Begins a schedule: rates that an earlier one has changed begin where that one began.
 * @throws {TorchError} if the schedule has to know how long the training is, and that is unknown.
 */
export function scheduledRates(schedule: Schedule, training: Training): ScheduledRates {
  const { optimizer, monitor } = training
  for (const group of optimizer.paramGroups) {
    if (typeof group.initialLr === 'number') group.lr = group.initialLr
    delete group.initialLr
  }
  const all = totalOf(schedule, training)
  const scheduler = schedule.make(optimizer, all)
  const { unit, needsMetric = false, needsTotal = false } = schedule
  const total = needsTotal ? all : undefined
  // After the last step there is none that would have a rate; one cycle would have a wrong one.
  const spare = scheduler instanceof OneCycleLR ? 1 : 0
  let held = 0
  /** Whether the schedule has no rates any more. If that was not the last step, the data have grown. */
  const isOver = (): boolean => {
    if (total === undefined || scheduler.lastEpoch < total - spare) return false
    if (held++ === spare) {
      process.emitWarning(
        `Trainer: the schedule was made for ${total} ${unit}s, and the training goes on: the data have grown since its start. The learning rates stay as they are. maxSteps sets the length of schedule and training`,
        { code: 'TORCH_SCHEDULE' },
      )
    }
    return true
  }
  return {
    scheduler,
    total,
    stepped() {
      if (unit === 'step' && !isOver()) scheduler.step()
    },
    epochEnded(run) {
      if (unit !== 'epoch' || isOver()) return
      if (needsMetric) scheduler.step(...([monitored('Trainer', run, monitor)] as never[]))
      else scheduler.step()
    },
  }
}

/** The length of the training in units of the schedule. */
function totalOf({ unit, needsMetric = false }: Schedule, { epochs, maxSteps, updates }: Training): number {
  const total = unit === 'epoch' ? epochs : Math.min(maxSteps, updates === undefined ? Infinity : epochs * updates)
  if (Number.isFinite(total)) return total
  // It adapts to what happens.
  if (needsMetric) return Number.MAX_SAFE_INTEGER
  throw torchError(
    'ERR_TORCH_OPTION',
    unit === 'epoch'
      ? 'Trainer: the schedule depends on the number of epochs: set epochs'
      : `Trainer: the schedule depends on the number of steps, which is unknown${updates === undefined ? ' for data without a length' : ''}: set maxSteps`,
  )
}
