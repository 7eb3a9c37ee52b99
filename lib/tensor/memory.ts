import { native } from './binding.ts'
import { atOnce, enter } from './context.ts'
import { empty } from './creation.ts'
import { type DType, scalarTypeOf } from './dtype.ts'
import { idOf, type Tensor, wrap } from './tensor.ts'

/** @internal An uninitialized CPU tensor to be filled by {@link setBytes}, also within `offload`. */
export function allocate(dtype: DType, shape: readonly number[]): Tensor {
  return atOnce(() => empty(shape, { dtype }))
}

/** @internal Copies bytes out of a contiguous tensor on the CPU. */
export function getBytes(tensor: Tensor, offset: number, target: Uint8Array): void {
  native.readBytes(idOf(tensor), offset, target)
}

/** @internal Copies bytes into a contiguous tensor on the CPU. */
export function setBytes(tensor: Tensor, offset: number, source: Uint8Array): void {
  native.writeBytes(idOf(tensor), offset, source)
}

/** @internal */
export interface MemoryRange {
  /** Identifies the storage; 0 if the tensor has no elements. */
  storage: number
  first: number
  last: number
  /** Whether the bytes there are the elements as they are, in row-major order, on the CPU. */
  plain: boolean
}

/** @internal The memory range of a dense tensor: from the byte `first` up to, not including, `last`. */
export function memoryRange(tensor: Tensor): MemoryRange {
  const [storage, first, last, plain] = native.memoryRange(idOf(tensor))
  return { storage, first, last, plain }
}

/** @internal The number of in-place changes of the tensor. */
export function version(tensor: Tensor): number {
  return native.version(idOf(tensor))
}

/** @internal A tensor over the memory of another, in elements of `dtype`. The caller has checked that it fits. */
export function viewStorage(
  storage: Tensor,
  dtype: DType,
  offset: number,
  size: readonly number[],
  stride: readonly number[],
): Tensor {
  return wrap(native.fromStorage(idOf(storage), scalarTypeOf(dtype), offset, size, stride), enter())
}
