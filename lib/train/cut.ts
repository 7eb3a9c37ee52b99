import { requireInteger } from '../check.ts'
import { torchError } from '../errors.ts'
import { tensorOp } from '../tensor/packet.ts'
import type { Tensor } from '../tensor/tensor.ts'

const cat = tensorOp('aten::cat')

/** As many samples are predicted at once by default, where the trainer's batches are not larger. */
const MANY = 256

/** Inputs cut into batches. */
export interface Cut {
  /** Each gives its part of the inputs. */
  readonly parts: readonly ((inputs: Tensor) => Tensor)[]
  /** Whether the outputs can be joined: whether the first has as many samples as its part. */
  fits(outputs: readonly Tensor[]): boolean
  join(outputs: readonly Tensor[]): Tensor
}

/**
 * How to cut inputs into batches; `undefined` where they are one.
 *
 * @param batchFirst what the model says; `undefined` where it does not
 * @param wanted the size of a batch that the user asks for
 * @param usual the size of a batch in training
 * @throws {TorchError} for a size that is none.
 */
export function cutOf(
  inputs: Tensor,
  batchFirst: boolean | undefined,
  wanted: number | undefined,
  usual: number,
): Cut | undefined {
  if (wanted !== undefined) requireInteger('predict', 'batchSize', wanted, 1)
  const { shape } = inputs
  if (wanted === undefined && (batchFirst === undefined || shape.length < 3)) return undefined
  // As samples are stacked for training.
  const dim = batchFirst === false && shape.length >= 3 ? 1 : 0
  const [samples, size] = [shape[dim] ?? 1, wanted ?? Math.max(usual, MANY)]
  if (samples <= size) return undefined
  const parts = Array.from({ length: Math.ceil(samples / size) }, (_, i) => (inputs: Tensor) => {
    const start = i * size
    return inputs.narrow(dim, start, Math.min(size, samples - start))
  })
  // An output without steps has its samples first.
  const dimOf = ({ shape }: Tensor): number => (shape.length >= 3 || shape[0] !== size ? dim : 0)
  return {
    parts,
    fits: ([first, ...others]) => {
      if (first === undefined || others.length > 0 || first.shape[dimOf(first)] === size) return true
      if (wanted === undefined) return false
      throw torchError(
        'ERR_TORCH_SHAPE',
        `predict: of ${size} samples the model makes an output of shape (${first.shape.join(', ')}), which does not tell them apart: leave batchSize out`,
      )
    },
    join: (outputs) => cat([...outputs], dimOf(outputs[0] as Tensor)),
  }
}
