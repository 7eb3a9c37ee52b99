import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { tensorOp } from '../tensor/packet.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** What becomes of the losses of the elements: their mean, their sum, or themselves. */
export type Reduction = 'mean' | 'sum' | 'none'

export interface ReductionOptions {
  /** Default `'mean'`. */
  reduction?: Reduction
}

export interface CrossEntropyOptions extends ReductionOptions {
  /** A weight for each class (C). Default: all 1. */
  weight?: Tensor | null
  /** A class that counts for nothing. Default -100. */
  ignoreIndex?: number
  /** How much of the target is spread over all classes, from 0 to 1. Default 0. */
  labelSmoothing?: number
}

const REDUCTIONS: Record<Reduction, number> = { none: 0, mean: 1, sum: 2 }
const ops = {
  mseLoss: tensorOp('aten::mse_loss'),
  l1Loss: tensorOp('aten::l1_loss'),
  crossEntropyLoss: tensorOp('aten::cross_entropy_loss'),
  dropout: tensorOp('aten::dropout'),
  linear: tensorOp('aten::linear'),
}

/** @internal ATen's number of a reduction. @throws {TorchError} for another word. */
export function reductionOf(reduction: Reduction = 'mean'): number {
  if (!Object.hasOwn(REDUCTIONS, reduction)) {
    throw torchError('ERR_TORCH_VALUE', `${describe(reduction)} is not a valid value for reduction`)
  }
  return REDUCTIONS[reduction]
}

/** As PyTorch does, takes a target that can be broadcast, which is often a mistake. Pending tensors have no shape yet. */
function warnOfBroadcast(name: string, input: Tensor, target: Tensor): void {
  if (input.pending || target.pending || input.shape.join() === target.shape.join()) return
  process.emitWarning(
    `${name}: Using a target size (torch.Size([${target.shape.join(', ')}])) that is different to the input size (torch.Size([${input.shape.join(', ')}])). This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.`,
  )
}

/** (input - target)², reduced. @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html */
export function mseLoss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  checkOptions('mseLoss', options, ['reduction'])
  warnOfBroadcast('mseLoss', input, target)
  return ops.mseLoss(input, target, reductionOf(options.reduction))
}

/** |input - target|, reduced. @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.l1_loss.html */
export function l1Loss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  checkOptions('l1Loss', options, ['reduction'])
  warnOfBroadcast('l1Loss', input, target)
  return ops.l1Loss(input, target, reductionOf(options.reduction))
}

/**
 * -ln softmax(input) at the target class.
 *
 * @param input scores (N, C) or (N, C, …) or (C)
 * @param target class numbers (N) or (N, …) or () in int64, or probabilities in the shape of the input
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html
 */
export function crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkOptions('crossEntropy', options, ['weight', 'ignoreIndex', 'reduction', 'labelSmoothing'])
  const { weight = null, ignoreIndex = -100, reduction, labelSmoothing = 0 } = options
  return ops.crossEntropyLoss(input, target, weight, reductionOf(reduction), ignoreIndex, labelSmoothing)
}

/** Zeroes elements with probability p, and scales the others by 1 / (1 - p), where `training` (default `true`). */
export function dropout(input: Tensor, options: { p?: number; training?: boolean } = {}): Tensor {
  checkOptions('dropout', options, ['p', 'training'])
  const { p = 0.5, training = true } = options
  return ops.dropout(input, p, training)
}

/** x Aᵀ + b: (…, in) -> (…, out), with the weight A (out, in). */
export function linear(input: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return ops.linear(input, weight, bias)
}
