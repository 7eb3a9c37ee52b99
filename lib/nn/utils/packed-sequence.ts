import { inspect } from 'node:util'
import { requireNone } from '../../check.ts'
import { markCopy } from '../../copy.ts'
import { dispose } from '../../dispose.ts'
import { torchError } from '../../errors.ts'
import { native } from '../../tensor/binding.ts'
import { enter } from '../../tensor/context.ts'
import { parseDevice } from '../../tensor/device.ts'
import type { DType } from '../../tensor/dtype.ts'
import type { Scope } from '../../tensor/scope.ts'
import { type Device, idOf, requireTensor, type Tensor, type ToOptions, wrap } from '../../tensor/tensor.ts'

/**
 * A batch of sequences of different lengths without padding: the first steps of all sequences, then the second steps of
 * those that have one, and so on. The longest sequence comes first. RNN, LSTM and GRU take one as input and return one.
 *
 * Made by {@link packPaddedSequence} and {@link packSequence}, rarely by `new`.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.PackedSequence.html
 */
export class PackedSequence implements Disposable {
  static {
    markCopy(PackedSequence)
  }

  /** The steps, (ΣL, …). */
  readonly data: Tensor
  /** How many sequences have a first step, a second step, …: int64 (L), always on the CPU. */
  readonly batchSizes: Tensor
  /** The positions of the sequences before sorting, int64 (N); `null` if they were not sorted. */
  readonly sortedIndices: Tensor | null
  /** The position of each sequence after sorting, int64 (N). */
  readonly unsortedIndices: Tensor | null

  /**
   * Combines the results of the packing functions.
   * @param unsortedIndices Default: the inverse of `sortedIndices`.
   */
  constructor(
    data: Tensor,
    batchSizes: Tensor,
    sortedIndices: Tensor | null = null,
    unsortedIndices: Tensor | null = null,
    ...none: undefined[]
  ) {
    requireNone('PackedSequence', none)
    requireTensor('PackedSequence', 'data', data)
    requireTensor('PackedSequence', 'batchSizes', batchSizes)
    if (sortedIndices !== null) requireTensor('PackedSequence', 'sortedIndices', sortedIndices)
    if (unsortedIndices !== null) requireTensor('PackedSequence', 'unsortedIndices', unsortedIndices)
    if (sortedIndices === null && unsortedIndices !== null) {
      throw torchError('ERR_TORCH_VALUE', 'PackedSequence: unsortedIndices make no sense without sortedIndices')
    }
    this.data = data
    this.batchSizes = batchSizes
    this.sortedIndices = sortedIndices
    this.unsortedIndices = unsortedIndices ?? invertPermutation(sortedIndices)
  }

  /** Converts `data` to another dtype or device. The indices move to the device, too; `batchSizes` stay on the CPU. */
  to(target: DType | Device | ToOptions): PackedSequence {
    const data = this.data.to(target)
    const device = typeof target === 'object' ? target.device : parseDevice(target) && (target as Device)
    const move = (indices: Tensor | null): Tensor | null =>
      indices && (device === undefined ? indices.detach() : indices.to(device))
    return new PackedSequence(data, this.batchSizes.detach(), move(this.sortedIndices), move(this.unsortedIndices))
  }

  /** Moves the sequence to the CPU. */
  cpu(): PackedSequence {
    return this.to('cpu')
  }

  /** Moves the sequence to a CUDA device, by default the current one. */
  cuda(device: Device = 'cuda'): PackedSequence {
    return this.to({ device })
  }

  /** Converts the data to float32. */
  float(): PackedSequence {
    return this.to('float32')
  }

  /** Converts the data to float64. */
  double(): PackedSequence {
    return this.to('float64')
  }

  /** Converts the data to int64. */
  long(): PackedSequence {
    return this.to('int64')
  }

  /** Frees all its tensors. */
  dispose(): void {
    for (const tensor of [this.data, ...packingOf(this)]) tensor.dispose()
  }

  [dispose](): void {
    this.dispose()
  }

  /** The sequence as PyTorch prints it. */
  toString(): string {
    const indices = [this.sortedIndices, this.unsortedIndices].map((tensor) => tensor ?? 'None')
    return `PackedSequence(data=${this.data}, batch_sizes=${this.batchSizes}, sorted_indices=${indices[0]}, unsorted_indices=${indices[1]})`
  }

  [inspect.custom](): string {
    return this.data.disposed ? 'PackedSequence(<disposed>)' : this.toString()
  }
}

/**
 * The inverse of a permutation: int64 (N), or `null` for `null`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.invert_permutation.html
 */
export function invertPermutation<T extends Tensor | null>(permutation: T): T {
  if (permutation === null) return permutation
  requireTensor('invertPermutation', 'permutation', permutation)
  const scope = enter()
  return wrap(native.invertPermutation(idOf(permutation)), scope) as T
}

/** @internal Wraps the ids returned by native code: data, batch sizes, and the indices, if any. */
export function packedOf([data, ...packing]: readonly number[], scope: Scope | undefined): PackedSequence {
  const [batchSizes, sorted, unsorted] = packing.map((id) => wrap(id, scope))
  return new PackedSequence(wrap(data as number, scope), batchSizes as Tensor, sorted, unsorted)
}

/** @internal Other steps for the same sequences. */
export function repacked(sequence: PackedSequence, data: Tensor): PackedSequence {
  const [batchSizes, sorted, unsorted] = packingOf(sequence).map((tensor) => tensor.detach())
  return new PackedSequence(data, batchSizes as Tensor, sorted, unsorted)
}

/** @internal Batch sizes, and the indices, if any. */
export function packingOf({ batchSizes, sortedIndices, unsortedIndices }: PackedSequence): Tensor[] {
  return [batchSizes, sortedIndices, unsortedIndices].filter((tensor) => tensor !== null)
}
