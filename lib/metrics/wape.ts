import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { MetricBatch } from './batch.ts'
import { LEAST } from './mean-error.ts'
import { RegressionMetric } from './regression.ts'
import type { MetricState } from './state.ts'

/**
 * The weighted absolute percentage error, Σ |y - ŷ| / Σ |y|, as a fraction: unlike MAPE, it is not dominated by targets
 * near 0. Output and target have the same shape, such as (N, L, O).
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/weighted_mean_absolute_percentage_error.html
 */
export class WAPE extends RegressionMetric {
  static override readonly key = 'wape'
  override readonly higherIsBetter = false
  protected override readonly stateFields = ['error', 'size', 'count']

  protected override measure(batch: MetricBatch): MetricState {
    const { output, target } = batch
    return { error: batch.sum(output.sub(target).abs()), size: batch.sum(target.abs()), count: batch.count() }
  }

  protected override result({ error, size, count }: MetricState<'error' | 'size' | 'count'>): Tensor {
    return functions.where(count.eq(0), Number.NaN, error.div(size.clampMin(LEAST)))
  }
}
