import { checkOptions } from '../check.ts'
import { isDeviceLike, requireCudaDevice } from './device.ts'
import type { DType } from './dtype.ts'
import { op } from './packet.ts'
import { type Device, extend, isTensor, receiverOf, type Tensor, type ToOptions } from './tensor.ts'

/** Tensors of other dtypes, on other devices, and in other memory. */
export class TensorConversions {
  /**
   * The tensor with another dtype, on another device, or both; itself (as a new object) where nothing changes.
   *
   * @example x.to('float64'); x.to('cuda'); x.to({ device: 'cuda', dtype: 'bfloat16', nonBlocking: true })
   */
  to(this: Tensor, target: DType | Device | ToOptions | Tensor): Tensor {
    return convert(this, target)
  }

  /** The tensor on the CPU. */
  cpu(this: Tensor): Tensor {
    return convert(this, 'cpu')
  }

  /**
   * The tensor on a CUDA device, by default on the current one.
   * @throws {TorchError} `ERR_TORCH_DEVICE` where CUDA cannot be used, and for a device of another kind.
   */
  cuda(this: Tensor, device: Device = 'cuda', options: { nonBlocking?: boolean } = {}): Tensor {
    receiverOf(this)
    checkOptions('cuda', options, ['nonBlocking'])
    requireCudaDevice('cuda', device)
    return convert(this, { device, ...options })
  }

  /**
   * A copy in pinned (page-locked) memory, from and to which a CUDA device copies without the processor; itself where
   * the tensor lies there already. `nonBlocking` copies need it.
   * @throws {TorchError} `ERR_TORCH_DEVICE` where CUDA cannot be used, and for a tensor that is not on the CPU.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.pin_memory.html
   */
  pinMemory(this: Tensor): Tensor {
    return op('aten::pin_memory')(this) as Tensor
  }

  /** Whether the tensor lies in pinned memory: see {@link pinMemory}. */
  isPinned(this: Tensor): boolean {
    return op('aten::is_pinned')(this) as boolean
  }

  /** As bfloat16. */
  bfloat16(this: Tensor): Tensor {
    return convert(this, 'bfloat16')
  }

  /** As float16. */
  half(this: Tensor): Tensor {
    return convert(this, 'float16')
  }

  /** As float32. */
  float(this: Tensor): Tensor {
    return convert(this, 'float32')
  }

  /** As float64. */
  double(this: Tensor): Tensor {
    return convert(this, 'float64')
  }

  /** As complex64. */
  cfloat(this: Tensor): Tensor {
    return convert(this, 'complex64')
  }

  /** As complex128. */
  cdouble(this: Tensor): Tensor {
    return convert(this, 'complex128')
  }

  /** As uint8. */
  byte(this: Tensor): Tensor {
    return convert(this, 'uint8')
  }

  /** As int8. */
  char(this: Tensor): Tensor {
    return convert(this, 'int8')
  }

  /** As int16. */
  short(this: Tensor): Tensor {
    return convert(this, 'int16')
  }

  /** As int32. */
  int(this: Tensor): Tensor {
    return convert(this, 'int32')
  }

  /** As int64. */
  long(this: Tensor): Tensor {
    return convert(this, 'int64')
  }

  /** As bool. */
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
