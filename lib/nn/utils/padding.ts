import { checkOptions, requireBoolean, requireChoice, requireNumber } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { tidy } from '../../tensor/context.ts'
import { arange, tensor } from '../../tensor/creation.ts'
import { tensorOp } from '../../tensor/packet.ts'
import { isTensor, requireTensor, type Tensor } from '../../tensor/tensor.ts'
import { type Lengths, listOf, requireLengths } from './sequences.ts'

export interface PadSequenceOptions {
  /** Whether the result is (N, L, …) rather than (L, N, …). Default `false`. */
  batchFirst?: boolean
  /** Default 0. */
  paddingValue?: number
  /** The side of the padding. Default `'right'`: after the sequence. */
  paddingSide?: 'left' | 'right'
}

const padding = tensorOp('aten::pad_sequence')

/**
 * Stacks sequences (L, …) of different lengths, padding the shorter ones to the length of the longest.
 *
 * @param sequences a list, or a tensor with the sequences as rows
 * @returns (L, N, …), or (N, L, …) with batchFirst
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_sequence.html
 */
export function padSequence(
  sequences: Iterable<Tensor> | Tensor,
  options: PadSequenceOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('padSequence', options, ['batchFirst', 'paddingValue', 'paddingSide'], none)
  const { batchFirst = false, paddingValue = 0, paddingSide = 'right' } = options
  requireBoolean('padSequence', 'batchFirst', batchFirst)
  requireNumber('padSequence', 'paddingValue', paddingValue)
  requireChoice('padSequence', 'paddingSide', paddingSide, ['left', 'right'])
  if (isTensor(sequences)) return tidy(() => padding(sequences.unbind(), batchFirst, paddingValue, paddingSide))
  return padding(listOf('padSequence', sequences), batchFirst, paddingValue, paddingSide)
}

/**
 * Undoes {@link padSequence}: returns a list of N sequences (L, …), each with its original length. Within `offload`
 * this waits for the shape of the input.
 *
 * @param padded (L, N, …), or (N, L, …) with batchFirst
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.unpad_sequence.html
 */
export function unpadSequence(
  padded: Tensor,
  lengths: Lengths,
  options: { batchFirst?: boolean } = {},
  ...none: undefined[]
): Tensor[] {
  checkOptions('unpadSequence', options, ['batchFirst'], none)
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
