import { requireInteger } from '../check.ts'
import { torchError } from '../errors.ts'
import { tensorOp } from '../tensor/packet.ts'
import type { Tensor } from '../tensor/tensor.ts'

const cat = tensorOp('aten::cat')

/** The default number of samples to predict at once, unless the trainer's batches are larger. */
export const MANY = 256

/** Inputs cut into batches. */
export interface Cut {
  /** Each returns its part of the inputs. */
  readonly parts: readonly ((inputs: Tensor) => Tensor)[]
  /** Whether the outputs can be joined: the first must have as many samples as its part. */
  fits(outputs: readonly Tensor[]): boolean
  join(outputs: readonly Tensor[]): Tensor
}

export interface CutOptions {
  /** The model's `batchFirst`; `undefined` if it has none. */
  batchFirst: boolean | undefined
  /** Whether the model's outputs have the samples first in any case. */
  samplesFirst?: boolean
  /** The batch size that the user asks for. */
  wanted?: number | undefined
  /** The batch size in training. */
  usual: number
}

/**
 * How to cut inputs into batches; `undefined` if they fit into one.
 *
 * @throws {TorchError} for an invalid batch size.
 */
export function cutOf(
  inputs: Tensor,
  { batchFirst, samplesFirst = false, wanted, usual }: CutOptions,
): Cut | undefined {
  if (wanted !== undefined) requireInteger('predict', 'batchSize', wanted, 1)
  const { shape } = inputs
  if (wanted === undefined && (batchFirst === undefined || shape.length < 3)) return undefined
  // The dimension in which samples are stacked for training.
  const dim = batchFirst === false && shape.length >= 3 ? 1 : 0
  const [samples, size] = [shape[dim] ?? 1, wanted ?? Math.max(usual, MANY)]
  if (samples <= size) return undefined
  const parts = Array.from({ length: Math.ceil(samples / size) }, (_, i) => (inputs: Tensor) => {
    const start = i * size
    return inputs.narrow(dim, start, Math.min(size, samples - start))
  })
  // An output without steps has its samples first.
  const dimOf = ({ shape }: Tensor): number => (!samplesFirst && (shape.length >= 3 || shape[0] !== size) ? dim : 0)
  return {
    parts,
    fits: ([first, ...others]) => {
      if (first === undefined || others.length > 0 || first.shape[dimOf(first)] === size) return true
      if (wanted === undefined) return false
      throw torchError(
        'ERR_TORCH_SHAPE',
        `predict: for ${size} samples the model returns an output of shape (${first.shape.join(', ')}), which has no dimension for the samples: omit batchSize`,
      )
    },
    join: (outputs) => cat([...outputs], dimOf(outputs[0] as Tensor)),
  }
}
