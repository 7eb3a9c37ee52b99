import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { UpdateOptions } from '../metrics/batch.ts'
import type { Metric } from '../metrics/metric.ts'
import type { NestedArray } from '../tensor/data.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import type { Source } from './source.ts'
import type { Outcome } from './step.ts'
import { hasUnits, isPerSeries, type Windows } from './units.ts'

/** Gives values in the units of the data. */
export type Convert = (values: Tensor) => Tensor

/** Gives what a metric needs to know of the batch besides. */
export type Extra = (metric: Metric<unknown>) => UpdateOptions

/** Adds a step to metrics, if it made an output. */
export function measure(
  metrics: readonly Metric<unknown>[],
  { output, target, counted: { mask, weight } }: Outcome,
  convert?: Convert,
  extra?: Extra,
): void {
  if (output === undefined) return
  const options = { ...(mask === undefined ? {} : { mask }), ...(weight === undefined ? {} : { weight }) }
  const converted = convert && ([convert(output), convert(target)] as const)
  for (const metric of metrics) {
    const [own, wanted] = converted !== undefined && hasUnits(metric) ? converted : [output, target]
    metric.update(own, wanted, extra === undefined ? options : { ...options, ...extra(metric) })
  }
}

/**
 * The results of metrics, by their names.
 *
 * @param arrays whether they may be tensors, which become nested arrays
 * @throws {TorchError} (rejects) for a result of another kind.
 */
export async function resultsOf(
  metrics: readonly Metric<unknown>[],
  arrays: boolean,
): Promise<Record<string, NestedArray>> {
  const values: Record<string, NestedArray> = {}
  for (const metric of metrics) {
    const value = await metric.compute()
    if (typeof value !== 'number' && !(arrays && isTensor(value))) {
      throw torchError(
        'ERR_TORCH_OPTION',
        `Trainer: the result of the metric '${metric.name}' is ${describe(value)}, not a number${arrays ? ' or a Tensor' : ''}: update and compute it in a loop of your own`,
      )
    }
    values[metric.name] = typeof value === 'number' ? value : arrayOf(value)
  }
  return values
}

/** The values of the result of a metric, which is used up. */
function arrayOf(result: Tensor): NestedArray {
  const values = result.toArray()
  result.dispose()
  return values
}

/**
 * The windows of a source whose metrics are to be converted, if they are.
 *
 * @throws {TorchError} for metrics that differ from batch to batch, which no graph can compute.
 */
export function convertedOf(
  { windows }: Source,
  { metrics, inUnits, captures }: { metrics: readonly Metric<unknown>[]; inUnits: boolean; captures: boolean },
): Windows | undefined {
  if (windows === undefined) return undefined
  const converts = inUnits && metrics.some(hasUnits)
  if (!captures) return converts ? windows : undefined
  if (metrics.some(isPerSeries)) {
    throw torchError(
      'ERR_TORCH_OPTION',
      'Trainer: with cudaGraph, a MASE cannot have a scale for each of several series',
    )
  }
  if (!converts) return undefined
  throw torchError(
    'ERR_TORCH_OPTION',
    "Trainer: with cudaGraph, metrics cannot be in the units of the data, since scales are those of each batch: set metricUnits: 'scaled'",
  )
}
