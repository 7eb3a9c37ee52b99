import { checkOptions } from '../check.ts'
import { isDeviceLike, requireCudaDevice } from './device.ts'
import type { DType } from './dtype.ts'
import { op } from './packet.ts'
import { type Device, extend, isTensor, receiverOf, type Tensor, type ToOptions } from './tensor.ts'

/** Methods that convert tensors to other dtypes, devices and memory. */
export class TensorConversions {
  /**
   * Converts the tensor to another dtype, device, or both. If nothing changes, returns the same tensor as a new object.
   *
   * @example x.to('float64'); x.to('cuda'); x.to({ device: 'cuda', dtype: 'bfloat16', nonBlocking: true })
   */
  to(this: Tensor, target: DType | Device | ToOptions | Tensor): Tensor {
    return convert(this, target)
  }

  /** Moves the tensor to the CPU. */
  cpu(this: Tensor): Tensor {
    return convert(this, 'cpu')
  }

  /**
   * Moves the tensor to a CUDA device, by default the current one.
   * @throws {TorchError} `ERR_TORCH_DEVICE` if CUDA cannot be used, or if the device is not a CUDA device.
   */
  cuda(this: Tensor, device: Device = 'cuda', options: { nonBlocking?: boolean } = {}): Tensor {
    receiverOf(this)
    checkOptions('cuda', options, ['nonBlocking'])
    requireCudaDevice('cuda', device)
    return convert(this, { device, ...options })
  }

  /**
   * A copy in pinned (page-locked) memory, which a CUDA device can read and write without the CPU; the tensor itself if
   * it is already pinned. `nonBlocking` copies need it.
   * @throws {TorchError} `ERR_TORCH_DEVICE` if CUDA cannot be used, or if the tensor is not on the CPU.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.pin_memory.html
   */
  pinMemory(this: Tensor): Tensor {
    return op('aten::pin_memory')(this) as Tensor
  }

  /** Whether the tensor is in pinned memory: see {@link pinMemory}. */
  isPinned(this: Tensor): boolean {
    return op('aten::is_pinned')(this) as boolean
  }

  /** Converts to bfloat16. */
  bfloat16(this: Tensor): Tensor {
    return convert(this, 'bfloat16')
  }

  /** Converts to float16. */
  half(this: Tensor): Tensor {
    return convert(this, 'float16')
  }

  /** Converts to float32. */
  float(this: Tensor): Tensor {
    return convert(this, 'float32')
  }

  /** Converts to float64. */
  double(this: Tensor): Tensor {
    return convert(this, 'float64')
  }

  /** Converts to complex64. */
  cfloat(this: Tensor): Tensor {
    return convert(this, 'complex64')
  }

  /** Converts to complex128. */
  cdouble(this: Tensor): Tensor {
    return convert(this, 'complex128')
  }

  /** Converts to uint8. */
  byte(this: Tensor): Tensor {
    return convert(this, 'uint8')
  }

  /** Converts to int8. */
  char(this: Tensor): Tensor {
    return convert(this, 'int8')
  }

  /** Converts to int16. */
  short(this: Tensor): Tensor {
    return convert(this, 'int16')
  }

  /** Converts to int32. */
  int(this: Tensor): Tensor {
    return convert(this, 'int32')
  }

  /** Converts to int64. */
  long(this: Tensor): Tensor {
    return convert(this, 'int64')
  }

  /** Converts to bool. */
  bool(this: Tensor): Tensor {
    return convert(this, 'bool')
  }
}

function convert(tensor: Tensor, target: DType | Device | ToOptions | Tensor): Tensor {
  if (isTensor(target)) return convert(tensor, { dtype: target.dtype, device: target.device })
  if (typeof target === 'string') {
    return convert(tensor, isDeviceLike(target) ? { device: target as Device } : { dtype: target as DType })
  }
  checkOptions('to', target, ['dtype', 'device', 'nonBlocking', 'copy'])
  return op('aten::to.dtype_layout')(tensor, { ...target }) as Tensor
}

extend(TensorConversions)
