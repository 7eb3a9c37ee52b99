import { invalid } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { isElementwise, LOSSES } from '../nn/loss.ts'
import { Module } from '../nn/module.ts'
import { isPromise } from '../tensor/context.ts'
import { tensorOp } from '../tensor/packet.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

/** Computes the loss of an output against a target: a tensor of one element. */
export type Criterion = (output: Tensor, target: Tensor) => Tensor

export type LossName = keyof typeof LOSSES

/** A loss: a name, a loss module, or a function. */
export type Loss = LossName | { forward: Criterion } | Criterion

const sameSize = tensorOp('libtorch_rnn::same_size')

/** Who uses the loss. A `Trainer` rejects a target that would be broadcast; otherwise there is PyTorch's warning. */
export type Owner = 'Trainer' | 'TrainingStep'

/** @throws {TorchError} if `loss` is not a loss. The returned function throws if the loss is not a tensor. */
export function criterionOf(owner: Owner, loss: Loss): Criterion {
  const module = moduleOf(owner, loss)
  const call: Criterion = typeof module === 'function' ? module : (output, target) => module.forward(output, target)
  const compares = owner === 'Trainer' && isElementwise(module)
  return (output, target) => {
    if (compares) sameSize(output, target)
    const value: unknown = call(output, target)
    if (isTensor(value)) return value
    if (isPromise(value)) value.then(undefined, () => {})
    const hint = isPromise(value) ? 'it must not be async' : 'compute it with tensor operations, without reading values'
    throw torchError(
      'ERR_TORCH_TYPE',
      `${owner}: the loss function must return a Tensor of one element, from which gradients can be computed, but it returned ${describe(value)}: ${hint}`,
    )
  }
}

function moduleOf(owner: Owner, loss: Loss): { forward: Criterion } | Criterion {
  if (typeof loss === 'function' && loss.prototype instanceof Module) {
    throw torchError('ERR_TORCH_TYPE', `${owner}: loss must be an instance of a loss module: new ${loss.name}()`)
  }
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
