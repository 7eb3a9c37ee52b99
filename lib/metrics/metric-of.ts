import { invalid } from '../check.ts'
import { torchError } from '../errors.ts'
import * as list from './list.ts'
import { Metric } from './metric.ts'

/** The names by which options select a metric, such as `'mae'`; `'top5'` is `new Accuracy({ topK: 5 })`. */
export type MetricName = (typeof list)[keyof typeof list]['key'] | 'top5'

type ListedMetric = { new (): Metric<unknown>; readonly key: string }

const METRICS = new Map<string, () => Metric<unknown>>([
  // As one type: those with a type parameter cannot be called as a union.
  ...(Object.values(list) as readonly ListedMetric[]).map((Listed) => [Listed.key, () => new Listed()] as const),
  ['top5', () => new list.Accuracy({ topK: 5 })],
])

/**
 * A metric by its name, new at each call, or the given one.
 *
 * @param owner who takes the metric, for errors
 * @throws {TorchError} if it is neither.
 */
export function metricOf(owner: string, metric: MetricName | Metric<unknown>): Metric<unknown> {
  if (metric instanceof Metric) return metric
  if (typeof metric === 'function' && (metric as { prototype?: unknown }).prototype instanceof Metric) {
    throw torchError(
      'ERR_TORCH_TYPE',
      `${owner}: a metric must be an instance: new ${(metric as { name: string }).name}()`,
    )
  }
  const make = METRICS.get(metric)
  if (make !== undefined) return make()
  const code = typeof metric === 'string' ? 'ERR_TORCH_VALUE' : 'ERR_TORCH_TYPE'
  throw invalid(
    owner,
    'a metric',
    `${[...METRICS.keys()].join(', ')}, or an instance of a subclass of Metric`,
    metric,
    code,
  )
}
