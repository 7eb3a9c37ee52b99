import { requireChoice, requireNone } from '../check.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { MetricBatch } from './batch.ts'
import { RegressionMetric, type RegressionOptions } from './regression.ts'
import type { Merge, MetricState } from './state.ts'

export interface R2Options extends RegressionOptions {
  /** How the outputs' values are combined: their mean, or weighted by their variances. Default `'uniformAverage'`. */
  multioutput?: 'uniformAverage' | 'varianceWeighted'
}

type R2State = MetricState<'residual' | 'mean' | 'spread' | 'count' | 'samples'>

/** Below this part of the mean, differences from it are its rounding error. */
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
  protected override readonly stateFields = ['residual', 'mean', 'spread', 'count', 'samples']
  /** How the outputs' values are combined. */
  readonly multioutput: 'uniformAverage' | 'varianceWeighted'

  constructor(options: R2Options = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(options)
    const { multioutput = 'uniformAverage' } = options
    requireChoice('R2', 'multioutput', multioutput, ['uniformAverage', 'varianceWeighted'])
    this.multioutput = multioutput
  }

  protected override get merge(): Merge {
    return merged
  }

  protected override measure(batch: MetricBatch): MetricState {
    const kept = batch.target.ndim > 1 ? 1 : 0
    const [output, target] = [batch.output.double(), batch.target.double()]
    const count = batch.count(kept)
    const divisor = count.add(count.eq(0))
    const rough = batch.sum(target, kept).div(divisor)
    // The rounding error of a large mean would be part of each difference.
    const mean = rough.add(batch.sum(target.sub(rough), kept).div(divisor))
    return {
      residual: batch.sum(output.sub(target).square(), kept),
      mean,
      spread: batch.sum(target.sub(mean).square(), kept),
      count,
      samples: batch
        .weights()
        .ne(0)
        .sum(kept === 1 ? [...target.shape.keys()].slice(0, -1) : [...target.shape.keys()], {
          dtype: 'float64',
        }),
    }
  }

  protected override result({ residual, mean, spread, count, samples }: R2State): Tensor {
    const rounding = count.mul(mean.mul(ROUNDING).square())
    const total = functions.where(spread.le(rounding), 0, spread)
    const exact = residual.eq(0).double()
    const scores = functions.where(total.eq(0), exact, functions.sub(1, residual.div(total)))
    const known = functions.where(samples.lt(2), Number.NaN, scores)
    if (this.multioutput === 'uniformAverage') return known.mean()
    return known.mul(total).sum().div(total.sum())
  }
}

/**
 * The differences from the mean of all, from those from the means of two parts (Chan et al., 1979). A difference of sums
 * of squares would lose a spread that is small against the mean.
 */
const merged = (one: MetricState, other: MetricState): R2State => {
  const [a, b] = [one as R2State, other as R2State]
  const count = a.count.add(b.count)
  const part = b.count.div(count.add(count.eq(0)))
  const between = b.mean.sub(a.mean)
  return {
    residual: a.residual.add(b.residual),
    mean: a.mean.add(between.mul(part)),
    spread: a.spread.add(b.spread).add(between.square().mul(a.count).mul(part)),
    count,
    samples: a.samples.add(b.samples),
  }
}
