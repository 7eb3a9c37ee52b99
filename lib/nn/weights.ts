import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { idsOf, isTensor, type Tensor } from '../tensor/tensor.ts'
import type { Module } from './module.ts'

/**
 * @internal The weights of a module as native calls take them.
 * @throws {TorchError} that names the weight which is no tensor, or has been disposed.
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
      `${name} has been disposed: a weight that is computed goes with the tidy, or the step of a Trainer, that computed it; compute it anew before each forward`,
    )
  }
}
