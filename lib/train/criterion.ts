import { invalid } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { keeps } from '../inheritance.ts'
import { CrossEntropyLoss, isElementwise, LOSSES, NLLLoss } from '../nn/loss.ts'
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

/**
 * @param classesLast whether the model has the classes in the last dimension of its output, not in the second, where
 *   the losses of PyTorch take them
 * @throws {TorchError} if `loss` is not a loss. The returned function throws if the loss is not a tensor.
 */
export function criterionOf(owner: Owner, loss: Loss, classesLast = false): Criterion {
  const module = moduleOf(owner, loss)
  const given: Criterion = typeof module === 'function' ? module : (output, target) => module.forward(output, target)
  const isOfClasses = typeof module !== 'function' && [CrossEntropyLoss, NLLLoss].some((Class) => keeps(module, Class))
  const call = classesLast && isOfClasses ? ofSteps(owner, given) : given
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

/** A loss of classes that counts each step as a sample: (…, C) against (…), or against probabilities (…, C). */
function ofSteps(owner: Owner, call: Criterion): Criterion {
  return (output, target) => {
    if (output.ndim < 3 || !isTensor(target)) return call(output, target)
    const [sizes, wanted] = [output.shape, target.shape]
    const steps = wanted.length === sizes.length ? sizes : sizes.slice(0, -1)
    if (wanted.join() !== steps.join()) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `${owner}: for an output of shape (${sizes.join(', ')}), with ${sizes.at(-1)} classes last, the target must have shape (${sizes.slice(0, -1).join(', ')}), but it has (${wanted.join(', ')}). A model with batchFirst: true has the layout of the data`,
      )
    }
    return call(output.flatten(0, -2), steps === sizes ? target.flatten(0, -2) : target.flatten())
  }
}
