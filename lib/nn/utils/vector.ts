import { invalid, requireNone } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { noGrad, tidy } from '../../tensor/context.ts'
import { setData } from '../../tensor/gradient.ts'
import { tensorOp } from '../../tensor/packet.ts'
import { isTensor, requireTensor, type Tensor } from '../../tensor/tensor.ts'

const cat = tensorOp('aten::cat')

/** The parameters as a list. @throws {TorchError} unless all of them are tensors on one device. */
function listOf(name: string, parameters: unknown): Tensor[] {
  if (
    typeof parameters !== 'object' ||
    parameters === null ||
    !(Symbol.iterator in parameters) ||
    isTensor(parameters)
  ) {
    throw invalid(name, 'parameters', 'an iterable of Tensors', parameters)
  }
  const list = Array.from(parameters as Iterable<unknown>)
  for (const [i, element] of list.entries()) requireTensor(name, `parameters[${i}]`, element)
  const tensors = list as Tensor[]
  if (tensors.length === 0) throw torchError('ERR_TORCH_VALUE', `${name}: got no parameters`)
  if (tensors.some(({ device }) => device !== tensors[0]?.device)) {
    throw torchError(
      'ERR_TORCH_DEVICE',
      `${name}: found two parameters on different devices, this is currently not supported`,
    )
  }
  return tensors
}

/**
 * The elements of all parameters, one parameter after the other, as a vector (N), through which gradients flow back.
 *
 * @throws {TorchError} if there are no parameters, or if they are on different devices.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parameters_to_vector.html
 */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  const list = listOf('parametersToVector', parameters)
  return tidy(() => cat(list.map((parameter) => parameter.reshape([-1]))))
}

/**
 * Makes each parameter a part of a vector (N), one after the other, in its shape: the reverse of
 * {@link parametersToVector}. As in PyTorch, the parameters then share the memory of the vector, and have its dtype.
 *
 * @throws {TorchError} if `vec` does not have as many elements as the parameters, or if these are on different devices.
 *   Nothing has changed then.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.vector_to_parameters.html
 */
export function vectorToParameters(vec: Tensor, parameters: Iterable<Tensor>, ...none: undefined[]): void {
  requireNone('vectorToParameters', none)
  requireTensor('vectorToParameters', 'vec', vec)
  const list = listOf('vectorToParameters', parameters)
  const count = list.reduce((sum, { numel }) => sum + numel, 0)
  if (vec.ndim !== 1 || vec.numel !== count) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `vectorToParameters: vec must be of shape [${count}], the number of elements of the parameters, got [${vec.shape.join(', ')}]`,
    )
  }
  noGrad(() =>
    tidy(() => {
      let offset = 0
      for (const parameter of list) {
        setData(parameter, vec.detach().narrow(0, offset, parameter.numel).viewAs(parameter))
        offset += parameter.numel
      }
    }),
  )
}
