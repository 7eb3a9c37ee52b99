import type { Tensor } from '../tensor/tensor.ts'
import type { MetricBatch } from './batch.ts'
import { LEAST, MeanError } from './mean-error.ts'

/**
 * The symmetric mean absolute percentage error, mean 2 |y - ŷ| / (|y| + |ŷ|), as a fraction from 0 to 2. The divisor is
 * at least 1.17e-6. Output and target have the same shape, such as (N, L, O).
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/symmetric_mean_absolute_percentage_error.html
 */
export class SMAPE extends MeanError {
  static override readonly key = 'smape'

  protected override errors({ output, target }: MetricBatch): Tensor {
    const size = target.abs().add(output.abs()).clampMin(LEAST)
    return output.sub(target).abs().mul(2).div(size)
  }
}
