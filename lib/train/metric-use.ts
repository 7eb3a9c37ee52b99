import { torchError } from '../errors.ts'
import type { Metric } from '../metrics/metric.ts'

interface User {
  /** The trainer. */
  readonly trainer: object
  /** Its method that runs, such as `'fit'`. */
  readonly method: string
}

const users = new WeakMap<Metric<unknown>, User>()

/**
 * Marks metrics as in use: another pass at the same time would add to the same sums.
 *
 * @returns what ends the use
 * @throws {TorchError} `ERR_TORCH_RUNTIME` if one of them is in use.
 */
export function useMetrics(metrics: readonly Metric<unknown>[], user: User): () => void {
  for (const metric of metrics) {
    const other = users.get(metric)
    if (other !== undefined) throw torchError('ERR_TORCH_RUNTIME', sentence(metric, other, user))
  }
  for (const metric of metrics) users.set(metric, user)
  return () => {
    for (const metric of metrics) if (users.get(metric) === user) users.delete(metric)
  }
}

function sentence({ name }: Metric<unknown>, { trainer, method }: User, user: User): string {
  return trainer === user.trainer
    ? `Trainer: the metrics are in use by a running ${method}: ${user.method} after it, or by another Trainer of the model`
    : `Trainer: the metric '${name}' is in use by a running ${method} of another Trainer: give each Trainer an instance of its own`
}
