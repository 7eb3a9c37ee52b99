import { native } from '../tensor/binding.ts'
import { type CudaDevice, indexOf, isAvailable } from './device.ts'

/**
 * The statistics of the allocator by PyTorch's names, such as `allocated_bytes.all.current`. Empty before a device has
 * been used, or if CUDA cannot be used. Operations queued by `offload` are counted once they have run.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.cuda.memory.memory_stats.html
 */
export function memoryStats(device?: CudaDevice): Record<string, number> {
  return isAvailable() ? native.cudaMemoryStats(indexOf('memoryStats', device)) : {}
}

/** Bytes occupied by tensors on a device (default: the current one). */
export function memoryAllocated(device?: CudaDevice): number {
  return memoryStats(device)['allocated_bytes.all.current'] ?? 0
}

/** The peak of {@link memoryAllocated} since the start or {@link resetPeakMemoryStats}. */
export function maxMemoryAllocated(device?: CudaDevice): number {
  return memoryStats(device)['allocated_bytes.all.peak'] ?? 0
}

/** Bytes held by the allocator: those of tensors, and those cached for future tensors. */
export function memoryReserved(device?: CudaDevice): number {
  return memoryStats(device)['reserved_bytes.all.current'] ?? 0
}

/** The peak of {@link memoryReserved} since the start or {@link resetPeakMemoryStats}. */
export function maxMemoryReserved(device?: CudaDevice): number {
  return memoryStats(device)['reserved_bytes.all.peak'] ?? 0
}

/** Resets the peaks of {@link memoryStats} to the current values. */
export function resetPeakMemoryStats(device?: CudaDevice): void {
  native.cudaResetPeakStats(indexOf('resetPeakMemoryStats', device))
}

/** Free and total bytes of a device. */
export function memGetInfo(device?: CudaDevice): { free: number; total: number } {
  const [free, total] = native.cudaMemoryInfo(indexOf('memGetInfo', device))
  return { free, total }
}

/**
 * Returns the allocator's cached memory to the device, for other programs. Does nothing if CUDA cannot be used.
 */
export function emptyCache(): void {
  if (isAvailable()) native.cudaEmptyCache()
}
