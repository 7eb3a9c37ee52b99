import { invalid } from '../check.ts'
import type { NamedBatch } from '../data/batch.ts'
import { describe } from '../describe.ts'
import { TorchError, torchError } from '../errors.ts'
import { CrossEntropyLoss, isElementwise, LOSSES, NLLLoss, termsOf } from '../nn/loss.ts'
import { Module } from '../nn/module.ts'
import { isPromise } from '../tensor/context.ts'
import { tensorOp } from '../tensor/packet.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { aligned, type Counted, factorOf } from './mask.ts'

/**
 * Computes the loss of an output against a target: a tensor of one element. A function with a third parameter also gets
 * the batch, in which `mask` includes the steps beyond `lengths`.
 */
export type Criterion = (output: Tensor, target: Tensor, batch: NamedBatch) => Tensor

export type LossName = keyof typeof LOSSES

/** A loss: a name, a loss module, or a function. */
export type Loss = LossName | { forward(output: Tensor, target: Tensor): Tensor } | Criterion

/** A mean loss, and the number of targets (or the sum of their weights) that it is the mean of. */
export interface MeanLoss {
  readonly loss: Tensor
  readonly count: number | Tensor
}

const sameSize = tensorOp('libtorch_rnn::same_size')

/** Who uses the loss. A `Trainer` rejects a target that would be broadcast; otherwise there is PyTorch's warning. */
export type Owner = 'Trainer' | 'TrainingStep'

/** @throws {TorchError} if `loss` is not a loss. The returned function throws if the loss is not a tensor. */
export function criterionOf(
  owner: Owner,
  loss: Loss,
): (output: Tensor, batch: NamedBatch, counted: Counted) => MeanLoss {
  const module = moduleOf(owner, loss)
  if (module instanceof CrossEntropyLoss || module instanceof NLLLoss) return classLoss(owner, module)
  const call = callOf(owner, module)
  const terms = termsOf(module)
  const compares = owner === 'Trainer' && isElementwise(module)
  return (output, batch, counted) => {
    const { target } = batch
    if (compares) sameSize(output, target)
    if (counted.mask === undefined && counted.weight === undefined) {
      return { loss: call(output, target, batch), count: target.numel }
    }
    if (terms !== undefined) return weightedMean(terms(output, cleared(target, counted)), counted)
    requireThird(owner, module)
    return { loss: call(output, target, { ...batch, mask: counted.mask as Tensor }), count: countOf(target, counted) }
  }
}

/** The mean of terms that count, each by its weight; 0 if none counts. */
function weightedMean(terms: Tensor, counted: Counted): MeanLoss {
  const factor = aligned(factorOf(counted, terms.dtype) as Tensor, terms.ndim)
  const count = factor.sum().mul(terms.numel / factor.numel)
  return { loss: terms.mul(factor).sum().div(divisorOf(count)), count }
}

/** Targets with 0 where they do not count: missing ones may be NaN, whose gradient no factor would remove. */
function cleared(target: Tensor, { mask }: Counted): Tensor {
  return mask === undefined ? target : target.where(aligned(mask, target.ndim), 0)
}

/** How many targets count, or the sum of their weights, for a loss that weighs them itself. */
function countOf(target: Tensor, counted: Counted): number | Tensor {
  const factor = factorOf(counted, 'float32')
  return factor === undefined ? target.numel : factor.sum().mul(target.numel / factor.numel)
}

/** A divisor for a mean over so many targets; a mean over none is 0. */
export function divisorOf(count: Tensor): Tensor {
  return count.add(count.eq(0))
}

function requireThird(owner: Owner, loss: unknown): void {
  const fn = typeof loss === 'function' ? loss : (loss as { forward: Criterion }).forward
  if (fn.length >= 3) return
  throw torchError(
    'ERR_TORCH_OPTION',
    `${owner}: the batch has lengths, a mask or weights, but the loss takes only (output, target): take the batch as third parameter, (output, target, { mask, weight }), or use the name of a loss`,
  )
}

const WANTED = 'the loss function must return a Tensor of one element, from which gradients can be computed'
const WITHOUT_READING = 'compute it with tensor operations, without reading values'

/** Calls a loss, and says what to do about one that reads a value, which is not computed yet. */
function withoutReading<T>(owner: Owner, call: () => T): T {
  try {
    return call()
  } catch (cause) {
    if (!(cause instanceof TorchError) || cause.code !== 'ERR_TORCH_PENDING') throw cause
    throw torchError('ERR_TORCH_PENDING', `${owner}: ${WANTED}, but it reads a value: ${WITHOUT_READING}`, { cause })
  }
}

function callOf(owner: Owner, module: { forward: Criterion } | Criterion): Criterion {
  const call: Criterion =
    typeof module === 'function' ? module : (output, target, batch) => module.forward(output, target, batch)
  return (output, target, batch) => {
    const value: unknown = withoutReading(owner, () => call(output, target, batch))
    if (isTensor(value)) return value
    if (isPromise(value)) value.then(undefined, () => {})
    const hint = isPromise(value) ? 'it must not be async' : WITHOUT_READING
    throw torchError('ERR_TORCH_TYPE', `${owner}: ${WANTED}, but it returned ${describe(value)}: ${hint}`)
  }
}

/**
 * A loss of classes. Models return the scores of the classes in the last dimension, (N, L, C) or (N, C), against
 * targets (N, L) or (N), or probabilities of the shape of the output.
 */
function classLoss(
  owner: Owner,
  module: CrossEntropyLoss | NLLLoss,
): (output: Tensor, batch: NamedBatch, counted: Counted) => MeanLoss {
  const terms = termsOf(module)
  const call = callOf(owner, module as { forward: Criterion })
  return (output, batch, counted) => {
    requireClasses(owner, output, batch.target)
    if (module instanceof CrossEntropyLoss) requireSeveral(owner, output)
    const target = cleared(batch.target, counted)
    const ofClasses = target.ndim === output.ndim - 1
    const rows = output.ndim > 2 ? output.flatten(0, -2) : output
    const wanted = target.ndim > 1 ? (ofClasses ? target.flatten() : target.flatten(0, -2)) : target
    const own = ofClasses ? classFactor(module, wanted) : undefined
    if (counted.mask === undefined && counted.weight === undefined) {
      return { loss: call(rows, wanted, batch), count: own === undefined ? wanted.size(0) : own.sum() }
    }
    if (terms === undefined) {
      requireThird(owner, module)
      return { loss: call(rows, wanted, batch), count: countOf(target, counted) }
    }
    const shape = output.shape.slice(0, -1)
    const factor = aligned(factorOf(counted, output.dtype) as Tensor, shape.length)
      .expand(shape)
      .flatten()
    const count = (own === undefined ? factor : factor.mul(own)).sum()
    return { loss: terms(rows, wanted).mul(factor).sum().div(divisorOf(count)), count }
  }
}

/** How much each row counts in PyTorch's mean: the weight of its class, and 0 for the class to ignore. */
function classFactor({ weight, ignoreIndex }: CrossEntropyLoss | NLLLoss, target: Tensor): Tensor {
  const used = target.ne(ignoreIndex)
  return weight === null ? used : weight.indexSelect(0, target.mul(used)).mul(used)
}

function requireClasses(owner: Owner, output: Tensor, target: Tensor): void {
  const [shape, leading] = [output.shape, output.shape.slice(0, -1)]
  if (target.shape.join() === leading.join() || target.shape.join() === shape.join()) return
  const isTransposed = target.ndim === 2 && target.shape.toReversed().join() === leading.join()
  const hint = isTransposed ? '. A model with batchFirst: true has the layout of the data' : ''
  throw torchError(
    'ERR_TORCH_SHAPE',
    `${owner}: the scores of the classes are the last dimension of the output, (${shape.join(', ')}), so targets must be class numbers of shape (${leading.join(', ')}), or probabilities of the shape of the output; got targets of shape (${target.shape.join(', ')})${hint}`,
  )
}

/** @throws {TorchError} for the scores of a single class: its probability is 1, so there is nothing to learn. */
function requireSeveral(owner: Owner, output: Tensor): void {
  if (output.ndim === 0 || output.size(-1) !== 1) return
  throw torchError(
    'ERR_TORCH_SHAPE',
    `${owner}: the output has the scores of one class, (${output.shape.join(', ')}), whose probability is always 1: give the model one output for each class, or use the loss 'bceWithLogits' for two classes, or 'mse' for numbers`,
  )
}

function moduleOf(owner: Owner, loss: Loss): { forward: Criterion } | Criterion {
  if (typeof loss === 'function' && loss.prototype instanceof Module) {
    throw torchError('ERR_TORCH_TYPE', `${owner}: loss must be an instance of a loss module: new ${loss.name}()`)
  }
  if (typeof loss === 'function') return loss
  if (typeof loss === 'object' && typeof loss?.forward === 'function') return loss as { forward: Criterion }
  if (typeof loss === 'string' && Object.hasOwn(LOSSES, loss)) return new LOSSES[loss]()
  const names = Object.keys(LOSSES).join(', ')
  throw invalid(
    owner,
    'loss',
    `${names}, a loss module or a function`,
    loss,
    typeof loss === 'string' ? 'ERR_TORCH_VALUE' : 'ERR_TORCH_TYPE',
  )
}
