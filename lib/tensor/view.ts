import { torchError } from '../errors.ts'
import { native } from './binding.ts'
import { isCompared } from './contents.ts'
import { isGradEnabled } from './context.ts'
import { op } from './packet.ts'
import { extend, idOf, receiverOf, type Tensor } from './tensor.ts'

/** Properties that are views of a tensor's memory. */
export class TensorViews {
  /**
   * The transpose of a matrix, as a view. A 0-D tensor is returned unchanged.
   * @throws {TorchError} `ERR_TORCH_SHAPE` for all other tensors. Use {@link mT} to exchange the last two dimensions,
   *   or `permute` to reorder all dimensions.
   * @see https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor.T
   */
  get T(): Tensor {
    const tensor = receiverOf(this)
    const shape = native.shape(idOf(tensor, 'T'))
    if (shape.length !== 2 && shape.length !== 0) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `T: the tensor must be a matrix, but it has ${shape.length} dimensions: use mT or permute`,
        { op: 'T', shapes: [shape] },
      )
    }
    return op('aten::t')(tensor) as Tensor
  }

  /**
   * A view with the last two dimensions exchanged: (…, n, m) -> (…, m, n).
   * @throws {TorchError} if the tensor has fewer than 2 dimensions.
   * @see https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor.mT
   */
  get mT(): Tensor {
    return op('aten::mT')(receiverOf(this)) as Tensor
  }

  /**
   * {@link mT}, with complex numbers conjugated.
   * @see https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor.mH
   */
  get mH(): Tensor {
    return op('aten::mH')(receiverOf(this)) as Tensor
  }

  /** A view of the real part of complex numbers; a real tensor is returned unchanged. */
  get real(): Tensor {
    return op('aten::real')(receiverOf(this)) as Tensor
  }

  /** A view of the imaginary part. @throws {TorchError} if the tensor is real. */
  get imag(): Tensor {
    return op('aten::imag')(receiverOf(this)) as Tensor
  }

  /**
   * Iterates over the first dimension: `for (const row of x)`, `[...x]`. Each element is a view. A loop that ends
   * early leaves no other rows in memory.
   * @throws {TorchError} `ERR_TORCH_TYPE` for a 0-D tensor.
   */
  get [Symbol.iterator](): () => IterableIterator<Tensor> {
    if (isCompared()) return undefined as never
    return () => {
      const tensor = receiverOf(this)
      if (native.shape(idOf(tensor, 'iteration')).length === 0) {
        throw torchError('ERR_TORCH_TYPE', 'iteration over a 0-d tensor', { op: 'iteration' })
      }
      return tensor.requiresGrad && isGradEnabled() ? unbound(tensor) : selected(tensor)
    }
  }
}

/** One row at a time: a loop that ends early has made no others. */
function* selected(tensor: Tensor): Generator<Tensor> {
  const select = op('aten::select.int')
  const rows = tensor.size(0)
  for (let i = 0; i < rows; i++) yield select(tensor, 0, i) as Tensor
}

/** All rows, of which a loop that ends early disposes the rest: the gradient of a single row is as large as the tensor. */
function* unbound(tensor: Tensor): Generator<Tensor> {
  const rows = op('aten::unbind.int')(tensor) as Tensor[]
  let next = 0
  try {
    while (next < rows.length) yield rows[next++] as Tensor
  } finally {
    for (const row of rows.slice(next)) row.dispose()
  }
}

extend(TensorViews)
