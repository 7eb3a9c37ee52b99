import type { Module } from '../nn/module.ts'
import { AveragedModel, getEmaMultiAvgFn } from '../optim/swa-utils/index.ts'

/**
 * A model whose weights are moving averages of the model's, the first of them its weights after the first update, as in
 * PyTorch. Warns of a decay with which they hardly move in so many updates.
 *
 * @param updates of the whole `fit`; `Infinity` if unknown
 */
export function averagesOf<M extends Module>(model: M, decay: number, updates: number): AveragedModel<M> {
  // Of each value, decay ** updates is left in the end: more than 1 / e.
  if (updates * (1 - decay) < 1 - 1e-9) {
    process.emitWarning(
      `Trainer: movingAverage: ${decay} averages the weights of about ${Math.round(1 / (1 - decay))} updates, but this fit has ${updates}: the averages stay near its first weights. Take a lower decay, such as ${Number((1 - Math.min(1, 5 / updates)).toPrecision(2))}`,
      { code: 'TORCH_MOVING_AVERAGE' },
    )
  }
  return new AveragedModel(model, { multiAvgFn: getEmaMultiAvgFn(decay), useBuffers: true })
}
