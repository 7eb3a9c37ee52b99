import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { idsOf, isTensor, type Tensor } from '../tensor/tensor.ts'
import type { Module } from './module.ts'

/**
 * @internal The ids of a module's weights, for native calls.
 * @throws {TorchError} if a weight is not a tensor or has been disposed; the message names it.
 */
export function weightIds(module: Module, names: readonly string[]): Uint32Array {
  const weights = names.map((name) => module[name as keyof Module]) as unknown[]
  try {
    return idsOf(weights as Tensor[])
  } catch (error) {
    const wrong = weights.findIndex((weight) => !isTensor(weight) || weight.disposed)
    if (wrong < 0) throw error
    const name = `${module.constructor.name}.${names[wrong]}`
    const weight = weights[wrong]
    if (!isTensor(weight)) throw torchError('ERR_TORCH_TYPE', `${name} must be a Tensor, got ${describe(weight)}`)
    throw torchError(
      'ERR_TORCH_DISPOSED',
      `${name} has been disposed: a computed weight is freed with the tidy, or the Trainer step, that computed it; compute it again before each forward`,
    )
  }
}
