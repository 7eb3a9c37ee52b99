import { isPlain, requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { NamedBatch } from './batch.ts'
import { type Dataset, picking, requireSamples, stacked } from './dataset.ts'

/** Tensors with a first dimension for the samples, by name: see {@link NamedBatch}. */
export interface StackedTensors {
  input: Tensor
  target: Tensor
  [name: string]: Tensor
}

/**
 * Samples along the first dimension of several tensors with names, such as `lengths`, `mask` and `weight`.
 *
 * @example new StackDataset({ input, target, lengths }) // (N, L, I), (N) and (N)
 * @throws {TorchError} if a tensor differs in length, or `input` or `target` is missing.
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.StackDataset
 */
export class StackDataset implements Dataset<NamedBatch> {
  readonly length: number
  readonly tensors: Readonly<StackedTensors>

  constructor(tensors: StackedTensors, ...none: undefined[]) {
    requireNone(new.target.name, none)
    if (!isPlain(tensors)) {
      throw torchError(
        'ERR_TORCH_TYPE',
        `StackDataset: tensors must be an object of tensors { input, target, … }, got ${describe(tensors)}`,
      )
    }
    for (const name of ['input', 'target'] as const) requireSamples('StackDataset', name, tensors[name])
    this.length = tensors.input.size(0)
    for (const [name, tensor] of Object.entries(tensors)) {
      requireSamples('StackDataset', name, tensor)
      if (tensor.size(0) === this.length) continue
      throw torchError(
        'ERR_TORCH_SHAPE',
        `StackDataset: size mismatch between tensors: input has ${this.length} samples, ${name} has ${tensor.size(0)}`,
      )
    }
    if ('state' in tensors) {
      throw torchError(
        'ERR_TORCH_OPTION',
        'StackDataset: a state has its samples in the second dimension: give it in batches that you make yourself',
      )
    }
    this.tensors = { ...tensors }
  }

  /** Returns the samples with these indices: see {@link Dataset.batch}. */
  batch(indices: readonly number[], batchFirst: boolean): NamedBatch {
    return picking('StackDataset', indices, (pick) => {
      const { input, target } = this.tensors
      // Masks and weights (N, L) have the layout of a target (N, L, O).
      const follows = target.ndim >= 3
      const rowsOf = (name: string, source: Tensor): Tensor => {
        const steps = (name === 'mask' || name === 'weight') && follows && source.ndim === 2
        return steps && !batchFirst ? pick(source).transpose(0, 1) : stacked(pick(source), batchFirst)
      }
      const others = Object.entries(this.tensors).map(([name, tensor]) => [name, rowsOf(name, tensor)])
      return { input: rowsOf('input', input), target: rowsOf('target', target), ...Object.fromEntries(others) }
    })
  }
}
