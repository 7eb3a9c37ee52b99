import { invalid } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import {
  BCELoss,
  BCEWithLogitsLoss,
  CrossEntropyLoss,
  HuberLoss,
  L1Loss,
  MSELoss,
  NLLLoss,
  PoissonNLLLoss,
  SmoothL1Loss,
} from '../nn/index.ts'
import { isPromise } from '../tensor/context.ts'
import { tensorOp } from '../tensor/packet.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

/** The loss of an output against a target: a tensor of one element. */
export type Criterion = (output: Tensor, target: Tensor) => Tensor

// Those of one output and one target, with defaults that make sense; the others are given as modules.
const LOSSES = {
  mse: MSELoss,
  l1: L1Loss,
  smoothL1: SmoothL1Loss,
  huber: HuberLoss,
  crossEntropy: CrossEntropyLoss,
  nll: NLLLoss,
  bce: BCELoss,
  bceWithLogits: BCEWithLogitsLoss,
  poissonNll: PoissonNLLLoss,
} as const

export type LossName = keyof typeof LOSSES

/** What a loss can be given as. */
export type Loss = LossName | { forward: Criterion } | Criterion

/** Losses of each element of the output against the one of the target at the same place. */
const ELEMENTWISE = [MSELoss, L1Loss, SmoothL1Loss, HuberLoss, BCELoss, BCEWithLogitsLoss, PoissonNLLLoss]

const sameSize = tensorOp('libtorch_rnn::same_size')

/** Who uses the loss. A `Trainer` refuses a target that would have to be broadcast; else there is PyTorch's warning. */
export type Owner = 'Trainer' | 'TrainingStep'

/** @throws {TorchError} for what is no loss. The function throws for what is no tensor. */
export function criterionOf(owner: Owner, loss: Loss): Criterion {
  const module = moduleOf(owner, loss)
  const call: Criterion = typeof module === 'function' ? module : (output, target) => module.forward(output, target)
  const compares = owner === 'Trainer' && ELEMENTWISE.some((Class) => module instanceof Class)
  return (output, target) => {
    if (compares) sameSize(output, target)
    const value: unknown = call(output, target)
    if (isTensor(value)) return value
    if (isPromise(value)) value.then(undefined, () => {})
    const hint = isPromise(value)
      ? 'it must not be async'
      : 'compute it by operations of tensors, without reading values'
    throw torchError(
      'ERR_TORCH_TYPE',
      `${owner}: the loss function must return a Tensor of one element, from which gradients can be computed, but it returned ${describe(value)}: ${hint}`,
    )
  }
}

function moduleOf(owner: Owner, loss: Loss): { forward: Criterion } | Criterion {
  if (typeof loss === 'function' || (typeof loss === 'object' && typeof loss?.forward === 'function')) return loss
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
