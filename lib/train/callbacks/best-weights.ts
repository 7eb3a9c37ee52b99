import { checkOptions } from '../../check.ts'
import { noGrad, tidy } from '../../tensor/context.ts'
import { keep, type Tensor } from '../../tensor/tensor.ts'
import type { Callback } from '../callback.ts'
import { isBetter, MONITOR, type MonitorOptions, monitored, requireMonitor } from '../monitor.ts'

/**
 * Keeps a copy of the weights of the best epoch, and gives them to the model when the `fit` ends.
 *
 * @example new Trainer(model, { callbacks: [earlyStopping({ patience: 5 }), bestWeights()] })
 */
export function bestWeights(options: MonitorOptions = {}): Callback {
  const owner = 'bestWeights'
  checkOptions(owner, options, ['monitor', 'mode'])
  requireMonitor(owner, options)
  let best: number | undefined
  let weights: Record<string, Tensor> = {}
  const clear = (): void => {
    for (const tensor of Object.values(weights)) tensor.dispose()
    weights = {}
    best = undefined
  }
  const copied = (tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
    noGrad(() =>
      tidy(() => Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, keep(tensor.clone())]))),
    )
  const callback: Callback & { [MONITOR]: string | undefined } = {
    [MONITOR]: options.monitor,
    name: owner,
    onFitStart({ history }) {
      if (history.epochs.length === 0) clear()
    },
    onEpochEnd(run) {
      const value = monitored(owner, run, options)
      if (!isBetter(value, best, options.mode)) return
      clear()
      best = value
      weights = copied(run.validated.stateDict())
    },
    onFitEnd({ model }) {
      if (best !== undefined) model.loadStateDict(weights)
      clear()
    },
    onException: clear,
    stateDict: () => ({ best, weights }),
    loadStateDict(state) {
      const saved = state as { best?: number; weights: Record<string, Tensor> }
      clear()
      best = saved.best
      weights = copied(saved.weights)
    },
  }
  return callback
}
