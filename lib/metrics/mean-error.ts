import type { Tensor } from '../tensor/tensor.ts'
import type { MetricBatch } from './batch.ts'
import { RegressionMetric } from './regression.ts'
import type { MetricState } from './state.ts'

/** The base class of errors that are a mean over all elements that count. */
export abstract class MeanError extends RegressionMetric {
  override readonly higherIsBetter: boolean = false
  protected override readonly stateFields = ['sum', 'count']

  /** The error of each element, of the target's shape. */
  protected abstract errors(batch: MetricBatch): Tensor

  protected override measure(batch: MetricBatch): MetricState {
    return { sum: batch.sum(this.errors(batch)), count: batch.count() }
  }

  protected override result({ sum, count }: MetricState<'sum' | 'count'>): Tensor {
    return sum.div(count)
  }
}

/** The least divisor of a relative error, which torchmetrics has, too. */
export const LEAST = 1.17e-6
