import { requireChoice, requireNone } from '../check.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { MetricBatch } from './batch.ts'
import { RegressionMetric, type RegressionOptions } from './regression.ts'
import type { MetricState } from './state.ts'

export interface R2Options extends RegressionOptions {
  /** How the outputs' values are combined: their mean, or weighted by their variances. Default `'uniformAverage'`. */
  multioutput?: 'uniformAverage' | 'varianceWeighted'
}

/** Below this part of Σ y², differences from the mean are rounding errors of the sums. */
const ROUNDING = 1e-13

/**
 * The coefficient of determination R² = 1 - Σ (y - ŷ)² / Σ (y - ȳ)²: 1 for a perfect forecast, 0 for the mean. The last
 * dimension of output and target, such as (N, L, O), has the outputs, unless it is the only one. For constant targets it
 * is 0, or 1 if the forecast is exact; for fewer than two samples NaN.
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/r2_score.html
 */
export class R2 extends RegressionMetric {
  static override readonly key = 'r2'
  protected static override readonly options = [...super.options, 'multioutput']
  override readonly higherIsBetter = true
  protected override readonly stateFields = ['residual', 'sum', 'squares', 'count', 'samples']
  /** How the outputs' values are combined. */
  readonly multioutput: 'uniformAverage' | 'varianceWeighted'

  constructor(options: R2Options = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(options)
    const { multioutput = 'uniformAverage' } = options
    requireChoice('R2', 'multioutput', multioutput, ['uniformAverage', 'varianceWeighted'])
    this.multioutput = multioutput
  }

  protected override measure(batch: MetricBatch): MetricState {
    const kept = batch.target.ndim > 1 ? 1 : 0
    // The difference of large sums: in float32 it would be lost.
    const [output, target] = [batch.output.double(), batch.target.double()]
    return {
      residual: batch.sum(output.sub(target).square(), kept),
      sum: batch.sum(target, kept),
      squares: batch.sum(target.square(), kept),
      count: batch.count(kept),
      samples: batch
        .weights()
        .ne(0)
        .sum(kept === 1 ? [...target.shape.keys()].slice(0, -1) : [...target.shape.keys()], {
          dtype: 'float64',
        }),
    }
  }

  protected override result({
    residual,
    sum,
    squares,
    count,
    samples,
  }: MetricState<'residual' | 'sum' | 'squares' | 'count' | 'samples'>): Tensor {
    const spread = squares.sub(sum.square().div(count))
    const total = functions.where(spread.le(squares.mul(ROUNDING)), 0, spread)
    const exact = residual.eq(0).double()
    const scores = functions.where(total.eq(0), exact, functions.sub(1, residual.div(total)))
    const known = functions.where(samples.lt(2), Number.NaN, scores)
    if (this.multioutput === 'uniformAverage') return known.mean()
    return known.mul(total).sum().div(total.sum())
  }
}
