import type { Tensor } from '../tensor/tensor.ts'
import type { MetricBatch } from './batch.ts'
import { LEAST, MeanError } from './mean-error.ts'

/**
 * The mean absolute percentage error, mean |y - ŷ| / |y|, as a fraction: 0.1 is 10 %. Targets near 0 make it huge;
 * |y| is at least 1.17e-6. Output and target have the same shape, such as (N, L, O).
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/mean_absolute_percentage_error.html
 */
export class MAPE extends MeanError {
  static override readonly key = 'mape'

  protected override errors({ output, target }: MetricBatch): Tensor {
    return output.sub(target).abs().div(target.abs().clampMin(LEAST))
  }
}
