import type { Metric } from '../metrics/metric.ts'
import type { MetricName } from '../metrics/metric-of.ts'
import type { NestedArray } from '../tensor/data.ts'
import type { Device } from '../tensor/device.ts'
import type { GraphMaker } from './graph-maker.ts'
import type { TrainerParts } from './parts.ts'
import { readMetrics } from './resolved-options.ts'
import type { Runners } from './runners.ts'
import type { Source } from './source.ts'
import { fitScales, trainingOf } from './units.ts'
import { use } from './usage.ts'

/** The mean loss of a pass in evaluation mode, and the values of the trainer's metrics by name. */
export interface Evaluation<Value = number> {
  loss: number
  [metric: string]: Value | number
}

/** Metrics to measure: by name, or instances. */
export type Measured = readonly (MetricName | Metric<unknown>)[]

/**
 * The same with further metrics. Those that are given by name in the call are known by type; what an instance is named,
 * and whether its result is a number, is not.
 */
export type EvaluationOf<Metrics extends Measured> = Evaluation<NestedArray> &
  (number extends Metrics['length'] ? unknown : ResultsByName<Extract<Metrics[number], MetricName>>)

/** The results of metrics by their names. */
export type ResultsByName<Names extends MetricName> = {
  [Name in Names]: Name extends 'confusionMatrix' ? number[][] : number
}

export interface EvaluateOptions<Metrics extends Measured = Measured> {
  /** Stops between two steps. */
  signal?: AbortSignal
  /**
   * What to measure besides the trainer's metrics: names or instances, whose results may be tensors, such as
   * `new F1({ average: 'none' })` or `'confusionMatrix'`. A `MASE` without a scale gets that of the training windows of
   * the split that the data are a part of. Default: nothing.
   */
  metrics?: Metrics
}

/** The mean loss and the metrics of data, for the trainer with these parts. */
export async function evaluate(
  trainer: object,
  { options, evaluation }: TrainerParts,
  { runners, graphs, place }: { runners: Runners; graphs: GraphMaker; place: () => Device },
  open: () => Source,
  { signal, metrics: further = [] }: EvaluateOptions,
): Promise<Evaluation<NestedArray>> {
  const added = readMetrics('evaluate', further, options.metrics)
  const source = open()
  const measured = [...options.metrics, ...added]
  const release = use(measured, [], { trainer, method: 'evaluate' })
  try {
    const { windows } = source
    if (windows !== undefined) await fitScales(added, trainingOf(windows), options.metricUnits === 'scaled')
    const device = place()
    const makeGraphs = options.cudaGraph === true ? graphs.make(device) : undefined
    const runner = runners.evaluating(device, 'ignore', makeGraphs, { metrics: measured, arrays: true })
    try {
      const { loss, metrics } = await runner.pass(source, { name: 'evaluate', begin: () => signal?.throwIfAborted() })
      return { loss, ...metrics }
    } finally {
      evaluation.reset()
      runner.dispose()
    }
  } finally {
    release()
    for (const metric of added) if (!(further as readonly unknown[]).includes(metric)) metric.dispose()
  }
}
