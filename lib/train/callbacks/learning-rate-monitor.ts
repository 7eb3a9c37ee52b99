import { requireNone } from '../../check.ts'
import { AHEAD, type Callback } from '../callback.ts'

/** A learning rate that held from `step` on. */
export interface LearningRateEntry {
  /** The number of steps before it. */
  step: number
  /** The rate of each parameter group. */
  rates: number[]
}

/** A callback, and what it has seen. */
export interface LearningRateMonitor extends Callback {
  readonly entries: readonly LearningRateEntry[]
}

/**
 * Notes the learning rates of all parameter groups whenever one changes.
 *
 * @see https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks.LearningRateMonitor.html
 */
export function learningRateMonitor(...none: undefined[]): LearningRateMonitor {
  requireNone('learningRateMonitor', none)
  const entries: LearningRateEntry[] = []
  const note: Callback['onStepEnd'] = ({ optimizer, step }) => {
    const rates = optimizer.paramGroups.map(({ lr }) => lr)
    if (entries.at(-1)?.rates.join() !== rates.join()) entries.push({ step, rates })
  }
  const monitor: LearningRateMonitor & { [AHEAD]: true } = {
    [AHEAD]: true,
    name: 'learningRateMonitor',
    everySteps: 1,
    entries,
    onFitStart: (run) => {
      if (run.step === 0) entries.length = 0
      return note(run)
    },
    onStepEnd: note,
    stateDict: () => entries.map(({ step, rates }) => ({ step, rates })),
    loadStateDict(state) {
      entries.splice(0, entries.length, ...(state as unknown as LearningRateEntry[]))
    },
  }
  return monitor
}
