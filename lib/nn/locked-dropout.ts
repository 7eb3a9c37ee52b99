import { requireBoolean, requireProbability } from '../check.ts'
import { torchError } from '../errors.ts'
import { tidy } from '../tensor/context.ts'
import { onesLike } from '../tensor/creation.ts'
import { slice } from '../tensor/indexing.ts'
import { requireTensor, type Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import { dropout } from './functional/dropout.ts'
import { Module } from './module.ts'
import { python } from './repr.ts'
import { PackedSequence, repacked } from './utils/packed-sequence.ts'
import { packPaddedSequence, padPackedSequence } from './utils/packing.ts'

export interface LockedDropoutOptions {
  /** Whether input and output are (N, L, H) rather than (L, N, H). Default `false`. */
  batchFirst?: boolean
}

/**
 * Dropout with one mask for all steps of a sequence, also called variational dropout: in training, zeroes each feature
 * of each sequence at all its steps with probability p, and scales the others by 1 / (1 - p); in evaluation, does
 * nothing. p is 0.5 by default. For the input and the output of recurrent networks;
 * `nn.utils.parametrizations.weightDrop` does the like for their hidden weights.
 *
 * @example
 * const drop = new nn.LockedDropout(0.4)
 * const [output] = lstm.forward(drop.forward(x))
 * @see Gal and Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks",
 *   arXiv:1512.05287
 * @throws {TorchError} if p is not from 0 to 1, or an option is unknown.
 */
export class LockedDropout extends Module {
  /** The probability that a feature is zeroed. */
  readonly p: number
  /** Whether the batch is the first dimension of input and output: (N, L, H) rather than (L, N, H). */
  readonly batchFirst: boolean

  constructor(p = 0.5, options: LockedDropoutOptions = {}, ...none: undefined[]) {
    super()
    checkArguments('LockedDropout', options, ['batchFirst'], none)
    requireProbability('LockedDropout', 'p', p)
    const { batchFirst = false } = options
    requireBoolean('LockedDropout', 'batchFirst', batchFirst)
    this.p = p
    this.batchFirst = batchFirst
  }

  override forward(input: PackedSequence): PackedSequence
  /** @param input (L, N, H), or (N, L, H) with batchFirst, or (L, H) without a batch; or a packed sequence */
  override forward(input: Tensor): Tensor
  override forward(input: Tensor | PackedSequence): Tensor | PackedSequence {
    if (input instanceof PackedSequence) {
      const data = tidy(() => maskedPacked(this, input))
      return repacked(input, data)
    }
    requireTensor('LockedDropout', 'input', input)
    const { ndim } = input
    if (ndim !== 2 && ndim !== 3) {
      throw torchError('ERR_TORCH_SHAPE', `LockedDropout: Expected 2D or 3D input, but received a ${ndim}D input`, {
        op: 'LockedDropout',
      })
    }
    return tidy(() => masked(this, input, this.batchFirst && ndim === 3 ? 1 : 0))
  }

  protected override extraRepr(): string {
    return `p=${this.p}${this.batchFirst ? `, batch_first=${python(this.batchFirst)}` : ''}`
  }
}

/** `steps`: the dimension of the steps, all of which get the same mask. */
function masked({ p, training }: LockedDropout, input: Tensor, steps: 0 | 1): Tensor {
  if (!training) return dropout(input, { p, training })
  const first = steps === 0 ? input.index(slice(0, 1)) : input.index(slice(), slice(0, 1))
  return input.mul(dropout(onesLike(first), { p }))
}

function maskedPacked(module: LockedDropout, input: PackedSequence): Tensor {
  if (!module.training) return masked(module, input.data, 0)
  // In the order of the rows, for which the lengths decrease.
  const [padded, lengths] = padPackedSequence(new PackedSequence(input.data, input.batchSizes))
  return packPaddedSequence(masked(module, padded, 0), lengths).data
}
