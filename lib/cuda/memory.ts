import { native } from '../tensor/binding.ts'
import { type CudaDevice, indexOf, isAvailable } from './device.ts'

/**
 * The figures of the allocator by PyTorch's names, such as `allocated_bytes.all.current`; none before a device has been
 * used, or where CUDA cannot be. What `offload` has queued counts when it has run.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.cuda.memory.memory_stats.html
 */
export function memoryStats(device?: CudaDevice): Record<string, number> {
  return isAvailable() ? native.cudaMemoryStats(indexOf('memoryStats', device)) : {}
}

/** Bytes of the tensors on a device (default: the current one). */
export function memoryAllocated(device?: CudaDevice): number {
  return memoryStats(device)['allocated_bytes.all.current'] ?? 0
}

/** The most bytes of tensors at a time, since the start or {@link resetPeakMemoryStats}. */
export function maxMemoryAllocated(device?: CudaDevice): number {
  return memoryStats(device)['allocated_bytes.all.peak'] ?? 0
}

/** Bytes that the allocator holds: those of tensors, and those that it keeps for tensors to come. */
export function memoryReserved(device?: CudaDevice): number {
  return memoryStats(device)['reserved_bytes.all.current'] ?? 0
}

/** The most of {@link memoryReserved} at a time. */
export function maxMemoryReserved(device?: CudaDevice): number {
  return memoryStats(device)['reserved_bytes.all.peak'] ?? 0
}

/** Starts the peaks of {@link memoryStats} anew from what is in use. */
export function resetPeakMemoryStats(device?: CudaDevice): void {
  native.cudaResetPeakStats(indexOf('resetPeakMemoryStats', device))
}

/** The bytes of a device that no program uses, and all that it has. */
export function memGetInfo(device?: CudaDevice): { free: number; total: number } {
  const [free, total] = native.cudaMemoryInfo(indexOf('memGetInfo', device))
  return { free, total }
}

/**
 * Gives what the allocator keeps for tensors to come back to the device, for other programs. Does nothing where CUDA
 * cannot be used.
 */
export function emptyCache(): void {
  if (isAvailable()) native.cudaEmptyCache()
}
