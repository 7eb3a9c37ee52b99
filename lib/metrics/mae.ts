import type { Tensor } from '../tensor/tensor.ts'
import type { MetricBatch } from './batch.ts'
import { MeanError } from './mean-error.ts'

/**
 * The mean absolute error, mean |y - ŷ|, in the units of the target. Output and target have the same shape, such as
 * (N, L, O).
 *
 * @example
 * const mae = new MAE()
 * for (const [input, target] of loader) mae.update(model.forward(input), target)
 * console.log(await mae.compute())
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/mean_absolute_error.html
 */
export class MAE extends MeanError {
  static override readonly key = 'mae'

  protected override errors({ output, target }: MetricBatch): Tensor {
    return output.sub(target).abs()
  }
}
