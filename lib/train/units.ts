import type { BatchPlan } from '../data/loader.ts'
import { targets, WindowDataset } from '../data/series/windows.ts'
import { Subset } from '../data/subset.ts'
import { torchError } from '../errors.ts'
import { MASE } from '../metrics/mase.ts'
import type { Metric } from '../metrics/metric.ts'
import { RegressionMetric } from '../metrics/regression.ts'
import { offload, tidy } from '../tensor/context.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** The windows of a series that data consist of. */
export interface Windows {
  readonly dataset: WindowDataset
  /** The indices in `dataset` of the samples. Default: all. */
  readonly indices: readonly number[] | undefined
  readonly batchFirst: boolean
}

/** The windows that a dataset consists of, if it does. */
export function windowsOf(dataset: unknown, batchFirst: boolean): Windows | undefined {
  if (dataset instanceof WindowDataset) return { dataset, indices: undefined, batchFirst }
  if (!(dataset instanceof Subset)) return undefined
  const windows = windowsOf(dataset.dataset, batchFirst)
  if (windows === undefined) return undefined
  const { indices } = windows
  return {
    ...windows,
    indices: dataset.indices.map((index) => (indices === undefined ? index : (indices[index] as number))),
  }
}

/** Outputs or targets of a batch in the units of the data. */
export function inUnits(values: Tensor, { dataset, indices, batchFirst }: Windows, plan: BatchPlan): Tensor {
  const own = (plan.indices ?? []).map((index) => (indices === undefined ? index : (indices[index] as number)))
  const inverse = (scaled: Tensor): Tensor => dataset.inverseTransform(scaled, own, batchFirst || values.ndim < 3)
  const wide = ['float16', 'bfloat16'].includes(values.dtype) ? values.float() : values
  // Quantiles of one target have its units.
  const isOfOne = dataset.outputSize === 1 && values.size(-1) !== 1
  return isOfOne ? inverse(wide.unsqueeze(-1)).squeeze(-1) : inverse(wide)
}

/** Whether a metric is of values that have units, and does not convert them itself. */
export function hasUnits(metric: Metric<unknown>): boolean {
  return metric instanceof RegressionMetric && metric.inverse === undefined
}

/**
 * Gives each `MASE` without a scale that of the targets in the training data.
 *
 * @param scaled whether metrics are of scaled values
 */
export async function fitScales(metrics: readonly Metric<unknown>[], windows: Windows, scaled: boolean): Promise<void> {
  for (const metric of metrics) {
    if (!(metric instanceof MASE) || metric.scale !== undefined) continue
    const { dataset } = windows
    const indices = windows.indices ?? Array.from({ length: dataset.length }, (_, i) => i)
    const groups = [...new Set(dataset.groups(indices))]
    if (groups.length > 1) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `Trainer: MASE divides by an error in the training series, but there are ${groups.length} series, ${groups.slice(0, 3).join(', ')}${groups.length > 3 ? ', …' : ''}: give the scale, new MASE({ scale })`,
      )
    }
    await offload(() =>
      tidy(() => {
        const rows = dataset[targets](indices, metric.seasonality)
        const converts = hasUnits(metric) && !scaled
        metric.fit(converts ? dataset.inverseTransform(rows.unsqueeze(0), indices.slice(0, 1)).squeeze(0) : rows)
      }),
    )
  }
}
