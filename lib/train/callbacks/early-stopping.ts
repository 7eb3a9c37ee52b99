import { checkOptions, requireInteger, requireNonNegative } from '../../check.ts'
import type { Callback } from '../callback.ts'
import { isBetter, MONITOR, type MonitorOptions, monitored, requireMonitor } from '../monitor.ts'
import type { Run } from '../run.ts'

export interface EarlyStoppingOptions extends MonitorOptions {
  /** How many epochs without improvement to wait for. Default 3. */
  patience?: number
  /** The least change that counts as an improvement. Default 0. */
  minDelta?: number
}

/**
 * Ends a `fit` when a number of its epochs has not improved for a while.
 *
 * @example new Trainer(model, { callbacks: [earlyStopping({ patience: 5, monitor: 'validationMae' })] })
 * @see https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks.EarlyStopping.html
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  const owner = 'earlyStopping'
  checkOptions(owner, options, ['patience', 'minDelta', 'monitor', 'mode'])
  const { patience = 3, minDelta = 0, mode } = options
  requireInteger(owner, 'patience', patience, 1)
  requireNonNegative(owner, 'minDelta', minDelta)
  requireMonitor(owner, options)
  let best: number | undefined
  let waited = 0
  const judge = (run: Run): void => {
    if (waited < patience) return
    const name = options.monitor ?? (run.result?.validationLoss === undefined ? 'trainLoss' : 'validationLoss')
    run.stop(`${name} has not improved for ${patience} epochs`)
  }
  const callback: Callback & { [MONITOR]: string | undefined } = {
    [MONITOR]: options.monitor,
    name: owner,
    onFitStart(run) {
      // Each fit is judged by itself; a resumed one continues, or had stopped.
      if (run.history.epochs.length > 0) return judge(run)
      best = undefined
      waited = 0
    },
    onEpochEnd(run) {
      const value = monitored(owner, run, options)
      if (isBetter(value, best, mode, minDelta)) {
        best = value
        waited = 0
        return
      }
      waited++
      judge(run)
    },
    stateDict: () => ({ best, waited }),
    loadStateDict(state) {
      const saved = state as { best?: number; waited: number }
      best = saved.best
      waited = saved.waited
    },
  }
  return callback
}
