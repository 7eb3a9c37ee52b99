import { isArrayOf } from '../../array.ts'
import { invalid } from '../../check.ts'
import { isTensor, requireTensor, type Tensor } from '../../tensor/tensor.ts'

/**
 * The number of steps of each sequence in a batch: N integers, or an int64 tensor (N) on the CPU, which within
 * `offload` may itself be pending.
 */
export type Lengths = readonly number[] | Tensor

/** @throws {TorchError} unless they are integers, or a tensor. */
export function requireLengths(name: string, lengths: unknown): void {
  const isList = isArrayOf(lengths, Number.isSafeInteger)
  if (!isList && !isTensor(lengths)) {
    throw invalid(name, 'lengths', 'a Tensor or an array of integers', lengths)
  }
}

/** The sequences as a list. @throws {TorchError} unless all of them are tensors. */
export function listOf(name: string, sequences: unknown): Tensor[] {
  if (typeof sequences !== 'object' || sequences === null || !(Symbol.iterator in sequences)) {
    throw invalid(name, 'sequences', 'an iterable of Tensors', sequences)
  }
  const list = Array.from(sequences as Iterable<unknown>)
  for (const [i, element] of list.entries()) requireTensor(name, `sequences[${i}]`, element)
  return list as Tensor[]
}
