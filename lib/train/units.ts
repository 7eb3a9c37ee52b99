import type { BatchPlan } from '../data/loader.ts'
import { levels, training, WindowDataset } from '../data/series/windows.ts'
import { Subset } from '../data/subset.ts'
import { MASE, type MASEUpdateOptions } from '../metrics/mase.ts'
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

/** The training windows of the split that windows are a part of. */
export function trainingOf({ dataset, batchFirst }: Windows): Windows {
  return { dataset: dataset[training], indices: undefined, batchFirst }
}

/**
 * Outputs or targets of a batch in the units of the data: in float64, since float32 has no room for small changes of large
 * values, such as of 3 at 1e9, which scaled values have.
 */
export function inUnits(values: Tensor, { dataset, indices, batchFirst }: Windows, plan: BatchPlan): Tensor {
  const own = (plan.indices ?? []).map((index) => (indices === undefined ? index : (indices[index] as number)))
  const inverse = (scaled: Tensor): Tensor => dataset.inverseTransform(scaled, own, batchFirst || values.ndim < 3)
  const wide = values.double()
  // Quantiles of one target have its units.
  const isOfOne = dataset.outputSize === 1 && values.size(-1) !== 1
  return isOfOne ? inverse(wide.unsqueeze(-1)).squeeze(-1) : inverse(wide)
}

/** Whether a metric is of values that have units, and does not convert them itself. */
export function hasUnits(metric: Metric<unknown>): boolean {
  return metric instanceof RegressionMetric && metric.inverse === undefined
}

/** Whether a metric has a scale for each of several series. */
export function isPerSeries(metric: Metric<unknown>): boolean {
  return metric instanceof MASE && metric.groups !== undefined
}

/** What a metric needs to know of a batch of windows: for a `MASE` of several series, that of each sample. */
export function updateOptions(
  metric: Metric<unknown>,
  { dataset, indices, batchFirst }: Windows,
  plan: Pick<BatchPlan, 'indices'>,
): MASEUpdateOptions {
  if (!isPerSeries(metric)) return {}
  const own = (plan.indices ?? []).map((index) => (indices === undefined ? index : (indices[index] as number)))
  return { groups: dataset.groups(own) ?? [], batchFirst }
}

/**
 * Gives each `MASE` without a scale that of the targets in the training data, of each group by itself.
 *
 * @param scaled whether metrics are of scaled values
 */
export async function fitScales(metrics: readonly Metric<unknown>[], windows: Windows, scaled: boolean): Promise<void> {
  const { dataset } = windows
  for (const metric of metrics) {
    if (!(metric instanceof MASE) || metric.scale !== undefined) continue
    const all = windows.indices ?? Array.from({ length: dataset.length }, (_, i) => i)
    const groups = byGroup(dataset, all)
    const converts = hasUnits(metric) && !scaled
    await offload(() =>
      tidy(() => {
        const rowsOf = (indices: readonly number[]): Tensor => dataset[levels](indices, metric.seasonality, !converts)
        if (groups.size < 2) metric.fit(rowsOf(all))
        else metric.fit(Object.fromEntries([...groups].map(([name, indices]) => [name, rowsOf(indices)])))
      }),
    )
  }
}

/** The indices of windows by group; empty if there are no groups. */
function byGroup(dataset: WindowDataset, indices: readonly number[]): Map<string, number[]> {
  const found = new Map<string, number[]>()
  for (const [i, name] of (dataset.groups(indices) ?? []).entries()) {
    const own = found.get(name) ?? []
    found.set(name, own)
    own.push(indices[i] as number)
  }
  return found
}
