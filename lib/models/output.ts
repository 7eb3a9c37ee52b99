import { invalid } from '../check.ts'
import { torchError } from '../errors.ts'
import type { LSTMState } from '../nn/lstm.ts'
import type { RecurrentModule } from '../nn/recurrent.ts'
import { type Lengths, PackedSequence, packPaddedSequence, padPackedSequence } from '../nn/utils/rnn.ts'
import { requireLengths } from '../nn/utils/sequences.ts'
import { tidy } from '../tensor/context.ts'
import { tensorOp } from '../tensor/packet.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import type { OutputMode } from './options.ts'

const cat = tensorOp('aten::cat')

/** The width of a network's output. */
export function widthOf({ projSize, hiddenSize, bidirectional }: RecurrentModule): number {
  return (projSize > 0 ? projSize : hiddenSize) * (bidirectional ? 2 : 1)
}

/** The same packing with other data, one row for each. */
export function repacked({ batchSizes, sortedIndices, unsortedIndices }: PackedSequence, data: Tensor): PackedSequence {
  return new PackedSequence(data, batchSizes, sortedIndices, unsortedIndices)
}

/**
 * One output of the network for each sequence: (N, D * P), or (D * P) without a batch.
 *
 * @param outputs of the network, and its last states
 */
export function pooled(
  mode: Exclude<OutputMode, 'sequence'>,
  network: RecurrentModule,
  outputs: Tensor | PackedSequence,
  state: Tensor | LSTMState,
): Tensor {
  if (mode !== 'last') return tidy(() => over(mode, network.batchFirst, outputs))
  const hN = (Array.isArray(state) ? state[0] : state) as Tensor
  if (!network.bidirectional) return hN.select(0, -1)
  // h of the last layer, of both directions, after each has read its whole sequence.
  return tidy(() => cat([hN.select(0, -2), hN.select(0, -1)], -1))
}

/** The mean or maximum of the outputs of each sequence. */
function over(mode: 'mean' | 'max', batchFirst: boolean, outputs: Tensor | PackedSequence): Tensor {
  if (!(outputs instanceof PackedSequence)) {
    const dim = batchFirst && outputs.ndim === 3 ? 1 : 0
    return mode === 'mean' ? outputs.mean(dim) : maximum(outputs, dim)
  }
  const dim = batchFirst ? 1 : 0
  const paddingValue = mode === 'mean' ? 0 : Number.NEGATIVE_INFINITY
  const [padded, lengths] = padPackedSequence(outputs, { batchFirst, paddingValue })
  if (mode === 'max') return maximum(padded, dim)
  const { dtype, device } = padded
  return padded.sum(dim).div(lengths.to({ dtype, device }).unsqueeze(-1))
}

function maximum(outputs: Tensor, dim: number): Tensor {
  const [values] = outputs.max(dim)
  return values
}

/**
 * Packs a batch (L, N, …), or (N, L, …) with batchFirst, of sequences in any order.
 *
 * @param dims the number of dimensions of a batch
 * @throws {TorchError} unless the input is a batch, and has one length for each sequence.
 */
export function packedOf(
  name: string,
  input: unknown,
  lengths: Lengths,
  { batchFirst, dims }: { batchFirst: boolean; dims: number },
): { packed: PackedSequence; totalLength: number } {
  if (!isTensor(input)) throw invalid(name, 'input', 'a Tensor, if lengths are given', input)
  const { shape } = input
  if (shape.length !== dims) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${name}: lengths are those of a batch, an input with ${dims} dimensions; this one has ${shape.length}`,
      { op: name },
    )
  }
  requireLengths(name, lengths)
  const [steps, batch] = (batchFirst ? [shape[1], shape[0]] : shape) as [number, number]
  const count = isTensor(lengths) ? lengths.numel : lengths.length
  // Sorting would select as many sequences as there are lengths.
  if (count !== batch) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${name}: expected one length for each of the ${batch} sequences, got ${count}`,
      {
        op: name,
      },
    )
  }
  return { packed: packPaddedSequence(input, lengths, { batchFirst, enforceSorted: false }), totalLength: steps }
}
