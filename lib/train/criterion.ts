import { invalid } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { isElementwise, LOSSES } from '../nn/loss.ts'
import { isPromise } from '../tensor/context.ts'
import { tensorOp } from '../tensor/packet.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

/** The loss of an output against a target: a tensor of one element. */
export type Criterion = (output: Tensor, target: Tensor) => Tensor

export type LossName = keyof typeof LOSSES

/** What a loss can be given as. */
export type Loss = LossName | { forward: Criterion } | Criterion

const sameSize = tensorOp('libtorch_rnn::same_size')

/** Who uses the loss. A `Trainer` refuses a target that would have to be broadcast; else there is PyTorch's warning. */
export type Owner = 'Trainer' | 'TrainingStep'

/** @throws {TorchError} for what is no loss. The function throws for what is no tensor. */
export function criterionOf(owner: Owner, loss: Loss): Criterion {
  const module = moduleOf(owner, loss)
  const call: Criterion = typeof module === 'function' ? module : (output, target) => module.forward(output, target)
  const compares = owner === 'Trainer' && isElementwise(module)
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
