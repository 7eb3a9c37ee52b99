import type { Tensor } from '../tensor/tensor.ts'
import type { MetricBatch } from './batch.ts'
import { MeanError } from './mean-error.ts'

/**
 * The mean squared error, mean (y - ŷ)². Output and target have the same shape, such as (N, L, O).
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/mean_squared_error.html
 */
export class MSE extends MeanError {
  static override readonly key = 'mse'

  protected override errors({ output, target }: MetricBatch): Tensor {
    return output.sub(target).square()
  }
}
