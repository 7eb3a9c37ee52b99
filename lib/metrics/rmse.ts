import type { Tensor } from '../tensor/tensor.ts'
import type { MetricBatch } from './batch.ts'
import { MeanError } from './mean-error.ts'
import type { MetricState } from './state.ts'

/**
 * The root of the mean squared error, √ mean (y - ŷ)², in the units of the target. The mean is over all batches: a mean
 * of the batches' roots would be less. Output and target have the same shape, such as (N, L, O).
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/mean_squared_error.html
 */
export class RMSE extends MeanError {
  static override readonly key = 'rmse'

  protected override errors({ output, target }: MetricBatch): Tensor {
    return output.sub(target).square()
  }

  protected override result(state: MetricState<'sum' | 'count'>): Tensor {
    return super.result(state).sqrt()
  }
}
