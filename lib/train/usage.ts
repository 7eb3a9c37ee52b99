import { torchError } from '../errors.ts'
import type { Metric } from '../metrics/metric.ts'
import type { Callback } from './callback.ts'

interface User {
  /** The trainer. */
  readonly trainer: object
  /** Its method that runs, such as `'fit'`. */
  readonly method: string
}

const users = new WeakMap<object, User>()

/**
 * Marks metrics, and callbacks with a state, as in use: another pass at the same time would add to the same sums.
 *
 * @returns what ends the use
 * @throws {TorchError} `ERR_TORCH_RUNTIME` if one of them is in use.
 */
export function use(metrics: readonly Metric<unknown>[], callbacks: readonly Callback[], user: User): () => void {
  for (const metric of metrics) {
    const other = users.get(metric)
    if (other !== undefined) throw torchError('ERR_TORCH_RUNTIME', sentence(metric, other, user))
  }
  const stateful = callbacks.filter(({ stateDict }) => stateDict !== undefined)
  for (const callback of stateful) {
    const other = users.get(callback)
    if (other === undefined) continue
    throw torchError(
      'ERR_TORCH_RUNTIME',
      `Trainer: the callback '${callback.name}' has a state, and is in use by a running ${other.method} of another Trainer: give each Trainer an instance of its own`,
    )
  }
  const used = [...metrics, ...stateful]
  for (const item of used) users.set(item, user)
  return () => {
    for (const item of used) if (users.get(item) === user) users.delete(item)
  }
}

function sentence({ name }: Metric<unknown>, { trainer, method }: User, user: User): string {
  return trainer === user.trainer
    ? `Trainer: the metrics are in use by a running ${method}: ${user.method} after it, or by another Trainer of the model`
    : `Trainer: the metric '${name}' is in use by a running ${method} of another Trainer: give each Trainer an instance of its own`
}
