import { checkOptions, invalid, requireBoolean, requireInteger, requireNumber } from '../../check.ts'
import { native } from '../../tensor/binding.ts'
import { refuseCaptured } from '../../tensor/capture.ts'
import { enter, tidy } from '../../tensor/context.ts'
import { idOf, idsOf, isTensor, requireTensor, type Tensor, wrap } from '../../tensor/tensor.ts'
import { PackedSequence, packedOf, packingOf } from './packed-sequence.ts'
import { unpadSequence } from './padding.ts'
import { type Lengths, listOf, requireLengths } from './sequences.ts'

export interface PackPaddedSequenceOptions {
  /** Whether the input is (N, L, …) rather than (L, N, …). Default `false`. */
  batchFirst?: boolean
  /** Require decreasing lengths. If `false`, the sequences are sorted. Default `true`. */
  enforceSorted?: boolean
}

export interface PadPackedSequenceOptions {
  /** Whether the result is (N, L, …) rather than (L, N, …). Default `false`. */
  batchFirst?: boolean
  /** The value after the end of a sequence. Default 0. */
  paddingValue?: number
  /** L of the result, at least the length of the longest sequence. Default: that length. */
  totalLength?: number | null
}

/**
 * Packs sequences that are padded to a common length.
 *
 * @example
 * const packed = packPaddedSequence(torch.randn([5, 3, 10]), [2, 5, 1], { enforceSorted: false })
 * const [output, [hN, cN]] = lstm.forward(packed)
 *
 * @param input (L, N, …), or (N, L, …) with batchFirst
 * @param lengths each from 1 to L, and decreasing unless `enforceSorted` is `false`
 * @throws {TorchError} if the lengths do not match the input: a wrong number of them, zero, more than L, unsorted
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html
 */
export function packPaddedSequence(
  input: Tensor,
  lengths: Lengths,
  options: PackPaddedSequenceOptions = {},
  ...none: undefined[]
): PackedSequence {
  checkOptions('packPaddedSequence', options, ['batchFirst', 'enforceSorted'], none)
  refuseCaptured('a packed sequence', 'its lengths are read by the CPU')
  const { batchFirst = false, enforceSorted = true } = options
  requireBoolean('packPaddedSequence', 'batchFirst', batchFirst)
  requireBoolean('packPaddedSequence', 'enforceSorted', enforceSorted)
  requireTensor('packPaddedSequence', 'input', input)
  requireLengths('packPaddedSequence', lengths)
  const scope = enter()
  const given = isTensor(lengths) ? { tensor: idOf(lengths) } : lengths
  return packedOf(native.packPaddedSequence(idOf(input), given, batchFirst, enforceSorted), scope)
}

/**
 * Packs a list of sequences (L, …), which may have different lengths.
 *
 * @throws {TorchError} if the lengths are not decreasing, unless `enforceSorted` (default `true`) is `false`
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_sequence.html
 */
export function packSequence(
  sequences: Iterable<Tensor>,
  options: { enforceSorted?: boolean } = {},
  ...none: undefined[]
): PackedSequence {
  checkOptions('packSequence', options, ['enforceSorted'], none)
  refuseCaptured('a packed sequence', 'its lengths are read by the CPU')
  const { enforceSorted = true } = options
  requireBoolean('packSequence', 'enforceSorted', enforceSorted)
  const list = listOf('packSequence', sequences)
  const scope = enter()
  return packedOf(native.packSequence(idsOf(list), enforceSorted), scope)
}

/**
 * Undoes {@link packPaddedSequence}: returns the sequences in their original order, padded, and their lengths.
 *
 * @returns the sequences (L, N, …), or (N, L, …) with batchFirst, and the lengths, int64 (N) on the CPU
 * @throws {TorchError} if `totalLength` is less than the length of the longest sequence
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_packed_sequence.html
 */
export function padPackedSequence(
  sequence: PackedSequence,
  options: PadPackedSequenceOptions = {},
  ...none: undefined[]
): [padded: Tensor, lengths: Tensor] {
  checkOptions('padPackedSequence', options, ['batchFirst', 'paddingValue', 'totalLength'], none)
  const { batchFirst = false, paddingValue = 0, totalLength = null } = options
  requireBoolean('padPackedSequence', 'batchFirst', batchFirst)
  requirePacked('padPackedSequence', sequence)
  requireNumber('padPackedSequence', 'paddingValue', paddingValue)
  if (totalLength !== null) requireInteger('padPackedSequence', 'totalLength', totalLength)
  const scope = enter()
  const packing = idsOf(packingOf(sequence))
  const ids = native.padPackedSequence(idOf(sequence.data), packing, batchFirst, paddingValue, totalLength)
  const [padded, lengths] = ids.map((id) => wrap(id, scope))
  return [padded as Tensor, lengths as Tensor]
}

/**
 * Undoes {@link packSequence}: returns the list of sequences (L, …), in their original order. Within `offload` this
 * waits for the number of sequences.
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
