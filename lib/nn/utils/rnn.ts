import { inspect } from 'node:util'
import { isArrayOf } from '../../array.ts'
import { checkOptions, invalid, requireBoolean, requireChoice, requireInteger, requireNumber } from '../../check.ts'
import { markCopy } from '../../copy.ts'
import { dispose } from '../../dispose.ts'
import { torchError } from '../../errors.ts'
import { native } from '../../tensor/binding.ts'
import { refuseCaptured } from '../../tensor/capture.ts'
import { enter, tidy } from '../../tensor/context.ts'
import { arange, tensor } from '../../tensor/creation.ts'
import { parseDevice } from '../../tensor/device.ts'
import type { DType } from '../../tensor/dtype.ts'
import { tensorOp } from '../../tensor/packet.ts'
import type { Scope } from '../../tensor/scope.ts'
import {
  type Device,
  idOf,
  idsOf,
  isTensor,
  requireTensor,
  type Tensor,
  type ToOptions,
  wrap,
} from '../../tensor/tensor.ts'

/**
 * How many steps each sequence of a batch has: N whole numbers, or an int64 tensor (N) on the CPU, which within `offload`
 * may itself still have to be computed.
 */
export type Lengths = readonly number[] | Tensor

export interface PackPaddedSequenceOptions {
  /** Whether the input is (N, L, …) rather than (L, N, …). Default `false`. */
  batchFirst?: boolean
  /** Insist on decreasing lengths; with `false` the sequences are sorted. Default `true`. */
  enforceSorted?: boolean
}

export interface PadPackedSequenceOptions {
  /** Whether the result is (N, L, …) rather than (L, N, …). Default `false`. */
  batchFirst?: boolean
  /** What stands after the end of a sequence. Default 0. */
  paddingValue?: number
  /** L of the result, at least the greatest length, which is the default. */
  totalLength?: number | null
}

export interface PadSequenceOptions {
  /** Whether the result is (N, L, …) rather than (L, N, …). Default `false`. */
  batchFirst?: boolean
  /** Default 0. */
  paddingValue?: number
  /** Where the padding stands. Default `'right'`: after the sequence. */
  paddingSide?: 'left' | 'right'
}

const padding = tensorOp('aten::pad_sequence')

/**
 * A batch of sequences of different lengths without padding: the first steps of all sequences, then the second steps of
 * those that have one, and so on. The longest sequence comes first. RNN, LSTM and GRU take one as input and return one.
 *
 * Made by {@link packPaddedSequence} and {@link packSequence}, seldom by `new`.
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
  /** Where the sequences stood before they were sorted, int64 (N); `null` where nothing was sorted. */
  readonly sortedIndices: Tensor | null
  /** Where each of the sequences stands now, int64 (N). */
  readonly unsortedIndices: Tensor | null

  /**
   * Puts together what the functions that pack make.
   * @param unsortedIndices Default: the inverse of `sortedIndices`.
   */
  constructor(
    data: Tensor,
    batchSizes: Tensor,
    sortedIndices: Tensor | null = null,
    unsortedIndices: Tensor | null = null,
  ) {
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

  /** @internal The ids of what native code returned: data, batch sizes, and the indices where there are any. */
  static of([data, ...packing]: readonly number[], scope: Scope | undefined): PackedSequence {
    const [batchSizes, sorted, unsorted] = packing.map((id) => wrap(id, scope))
    return new PackedSequence(wrap(data as number, scope), batchSizes as Tensor, sorted, unsorted)
  }

  /** @internal Batch sizes, and the indices where there are any. */
  get packing(): Tensor[] {
    return [this.batchSizes, this.sortedIndices, this.unsortedIndices].filter((tensor) => tensor !== null)
  }

  /** With `data` of another dtype or on another device, where the indices go along; `batchSizes` stay on the CPU. */
  to(target: DType | Device | ToOptions): PackedSequence {
    const data = this.data.to(target)
    const device = typeof target === 'object' ? target.device : parseDevice(target) && (target as Device)
    const move = (indices: Tensor | null): Tensor | null =>
      indices && (device === undefined ? indices.detach() : indices.to(device))
    return new PackedSequence(data, this.batchSizes.detach(), move(this.sortedIndices), move(this.unsortedIndices))
  }

  /** On the CPU. */
  cpu(): PackedSequence {
    return this.to('cpu')
  }

  /** On a CUDA device, by default on the current one. */
  cuda(device: Device = 'cuda'): PackedSequence {
    return this.to({ device })
  }

  /** As float32. */
  float(): PackedSequence {
    return this.to('float32')
  }

  /** As float64. */
  double(): PackedSequence {
    return this.to('float64')
  }

  /** As int64. */
  long(): PackedSequence {
    return this.to('int64')
  }

  /** Frees all its tensors. */
  dispose(): void {
    for (const tensor of [this.data, ...this.packing]) tensor.dispose()
  }

  [dispose](): void {
    this.dispose()
  }

  /** As PyTorch prints it. */
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

/**
 * Packs sequences that are padded to one length.
 *
 * @example
 * const packed = packPaddedSequence(torch.randn([5, 3, 10]), [2, 5, 1], { enforceSorted: false })
 * const [output, [hN, cN]] = lstm.forward(packed)
 *
 * @param input (L, N, …), or (N, L, …) with batchFirst
 * @param lengths each from 1 to L, and decreasing unless `enforceSorted` is `false`
 * @throws {TorchError} for lengths that do not fit the input: another number of them, zero, more than L, unsorted
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html
 */
export function packPaddedSequence(
  input: Tensor,
  lengths: Lengths,
  options: PackPaddedSequenceOptions = {},
): PackedSequence {
  checkOptions('packPaddedSequence', options, ['batchFirst', 'enforceSorted'])
  refuseCaptured('a packed sequence')
  const { batchFirst = false, enforceSorted = true } = options
  requireBoolean('packPaddedSequence', 'batchFirst', batchFirst)
  requireBoolean('packPaddedSequence', 'enforceSorted', enforceSorted)
  requireTensor('packPaddedSequence', 'input', input)
  requireLengths('packPaddedSequence', lengths)
  const scope = enter()
  const given = isTensor(lengths) ? { tensor: idOf(lengths) } : lengths
  return PackedSequence.of(native.packPaddedSequence(idOf(input), given, batchFirst, enforceSorted), scope)
}

/**
 * Packs a list of sequences (L, …), whose lengths are their own.
 *
 * @throws {TorchError} where lengths do not decrease and `enforceSorted`, which is `true` by default, is not `false`
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_sequence.html
 */
export function packSequence(sequences: Iterable<Tensor>, options: { enforceSorted?: boolean } = {}): PackedSequence {
  checkOptions('packSequence', options, ['enforceSorted'])
  refuseCaptured('a packed sequence')
  const { enforceSorted = true } = options
  requireBoolean('packSequence', 'enforceSorted', enforceSorted)
  const list = listOf('packSequence', sequences)
  const scope = enter()
  return PackedSequence.of(native.packSequence(idsOf(list), enforceSorted), scope)
}

/**
 * Undoes {@link packPaddedSequence}: the sequences in their first order, padded, and their lengths.
 *
 * @returns the sequences (L, N, …), or (N, L, …) with batchFirst, and the lengths, int64 (N) on the CPU
 * @throws {TorchError} where `totalLength` is less than the longest sequence
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_packed_sequence.html
 */
export function padPackedSequence(
  sequence: PackedSequence,
  options: PadPackedSequenceOptions = {},
): [padded: Tensor, lengths: Tensor] {
  checkOptions('padPackedSequence', options, ['batchFirst', 'paddingValue', 'totalLength'])
  const { batchFirst = false, paddingValue = 0, totalLength = null } = options
  requireBoolean('padPackedSequence', 'batchFirst', batchFirst)
  requirePacked('padPackedSequence', sequence)
  requireNumber('padPackedSequence', 'paddingValue', paddingValue)
  if (totalLength !== null) requireInteger('padPackedSequence', 'totalLength', totalLength)
  const scope = enter()
  const { data, packing } = sequence
  const ids = native.padPackedSequence(idOf(data), idsOf(packing), batchFirst, paddingValue, totalLength)
  const [padded, lengths] = ids.map((id) => wrap(id, scope))
  return [padded as Tensor, lengths as Tensor]
}

/**
 * Stacks sequences (L, …) of different lengths, the shorter ones padded to the greatest L.
 *
 * @param sequences a list, or a tensor whose rows they are
 * @returns (L, N, …), or (N, L, …) with batchFirst
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_sequence.html
 */
export function padSequence(sequences: Iterable<Tensor> | Tensor, options: PadSequenceOptions = {}): Tensor {
  checkOptions('padSequence', options, ['batchFirst', 'paddingValue', 'paddingSide'])
  const { batchFirst = false, paddingValue = 0, paddingSide = 'right' } = options
  requireBoolean('padSequence', 'batchFirst', batchFirst)
  requireNumber('padSequence', 'paddingValue', paddingValue)
  requireChoice('padSequence', 'paddingSide', paddingSide, ['left', 'right'])
  if (isTensor(sequences)) return tidy(() => padding(sequences.unbind(), batchFirst, paddingValue, paddingSide))
  return padding(listOf('padSequence', sequences), batchFirst, paddingValue, paddingSide)
}

/**
 * Undoes {@link padSequence}: a list of N sequences (L, …), each of its own length. Within `offload` this waits for the
 * shape of the input.
 *
 * @param padded (L, N, …), or (N, L, …) with batchFirst
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.unpad_sequence.html
 */
export function unpadSequence(padded: Tensor, lengths: Lengths, options: { batchFirst?: boolean } = {}): Tensor[] {
  checkOptions('unpadSequence', options, ['batchFirst'])
  const { batchFirst = false } = options
  requireBoolean('unpadSequence', 'batchFirst', batchFirst)
  requireTensor('unpadSequence', 'padded', padded)
  requireLengths('unpadSequence', lengths)
  return tidy(() => {
    const rows = batchFirst ? padded : padded.transpose(0, 1)
    const counts = isTensor(lengths) ? lengths : tensor(lengths, { dtype: 'int64' })
    const batch = rows.size(0)
    if (counts.ndim !== 1 || counts.size(0) !== batch) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `unpadSequence: expected one length for each of the ${batch} sequences, but got ${counts.ndim === 1 ? counts.size(0) : `lengths of the shape [${counts.shape.join(', ')}]`}`,
      )
    }
    const steps = arange(rows.size(1), { device: counts.device })
    const masks = steps.unsqueeze(0).lt(counts.unsqueeze(1)).unbind()
    return rows.unbind().map((row, i) => row.index(masks[i] as Tensor))
  })
}

/**
 * Undoes {@link packSequence}: the list of sequences (L, …), in their first order. Within `offload` this waits for the
 * number of sequences.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.unpack_sequence.html
 */
export function unpackSequence(sequence: PackedSequence): Tensor[] {
  requirePacked('unpackSequence', sequence)
  return tidy(() => {
    const [padded, lengths] = padPackedSequence(sequence, { batchFirst: true })
    return unpadSequence(padded, lengths, { batchFirst: true })
  })
}

function requirePacked(name: string, value: unknown): void {
  if (!(value instanceof PackedSequence)) {
    throw invalid(name, 'sequence', 'a PackedSequence', value)
  }
}

function requireLengths(name: string, lengths: unknown): void {
  const isList = isArrayOf(lengths, Number.isSafeInteger)
  if (!isList && !isTensor(lengths)) {
    throw invalid(name, 'lengths', 'a Tensor or an array of integers', lengths)
  }
}

function listOf(name: string, sequences: unknown): Tensor[] {
  if (typeof sequences !== 'object' || sequences === null || !(Symbol.iterator in sequences)) {
    throw invalid(name, 'sequences', 'an iterable of Tensors', sequences)
  }
  const list = Array.from(sequences as Iterable<unknown>)
  for (const [i, element] of list.entries()) requireTensor(name, `sequences[${i}]`, element)
  return list as Tensor[]
}
