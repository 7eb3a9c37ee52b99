import type { NamedBatch } from '../data/batch.ts'
import { torchError } from '../errors.ts'
import { assertNonNegative } from '../tensor/assertion.ts'
import { arange } from '../tensor/creation.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** Which targets of a batch count, and how much; `undefined`: all, and equally. */
export interface Counted {
  /** bool, of the shape of the target or of its first dimensions. */
  readonly mask: Tensor | undefined
  readonly weight: Tensor | undefined
}

/** The steps within the length of each sequence: bool (N, L), or (L, N) without `batchFirst`. */
export function lengthMask(lengths: Tensor, steps: number, batchFirst: boolean, device: Tensor['device']): Tensor {
  const counts = lengths.to(device)
  const numbers = arange(steps, { device })
  return batchFirst ? numbers.unsqueeze(0).lt(counts.unsqueeze(1)) : numbers.unsqueeze(1).lt(counts.unsqueeze(0))
}

/**
 * Which targets of a batch count: those of its `mask`, and of steps within its `lengths` if the output has one value per
 * step (`steps`).
 */
export function countedOf(owner: string, batch: NamedBatch, steps: boolean, batchFirst: boolean): Counted {
  const { input, target, lengths, mask, weight } = batch
  for (const [name, tensor] of Object.entries({ mask, weight })) {
    if (tensor !== undefined) requirePrefix(owner, name, tensor, target)
  }
  if (weight !== undefined) assertNonNegative(owner, 'weight', weight)
  if (lengths === undefined || !steps) return { mask, weight }
  const within = lengthMask(lengths, input.size(batchFirst ? 1 : 0), batchFirst, target.device)
  return { mask: mask === undefined ? within : aligned(within, mask.ndim).logicalAnd(mask), weight }
}

function requirePrefix(owner: string, name: string, tensor: Tensor, target: Tensor): void {
  const fits = tensor.ndim <= target.ndim && tensor.shape.every((size, i) => size === target.shape[i])
  if (fits) return
  throw torchError(
    'ERR_TORCH_SHAPE',
    `${owner}: ${name} must have the shape of the target, (${target.shape.join(', ')}), or of its first dimensions, got (${tensor.shape.join(', ')})`,
  )
}

/** A tensor of the first dimensions, made to broadcast over the others. */
export function aligned(tensor: Tensor, ndim: number): Tensor {
  return tensor.ndim < ndim ? tensor.reshape([...tensor.shape, ...Array(ndim - tensor.ndim).fill(1)]) : tensor
}

/** Mask and weight as one factor in a floating dtype; `undefined` without both. */
export function factorOf({ mask, weight }: Counted, dtype: Tensor['dtype']): Tensor | undefined {
  if (mask === undefined || weight === undefined) return (mask ?? weight)?.to(dtype)
  const ndim = Math.max(mask.ndim, weight.ndim)
  return aligned(mask, ndim).mul(aligned(weight, ndim)).to(dtype)
}
