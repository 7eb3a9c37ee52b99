export {
  type CudaDevice,
  currentDevice,
  deviceCount,
  isAvailable,
  isBf16Supported,
  manualSeed,
  manualSeedAll,
  setDevice,
  synchronize,
  synchronizeSync,
  why,
} from './device.ts'
export { Event, type EventOptions } from './event.ts'
export {
  emptyCache,
  maxMemoryAllocated,
  maxMemoryReserved,
  memGetInfo,
  memoryAllocated,
  memoryReserved,
  memoryStats,
  resetPeakMemoryStats,
} from './memory.ts'
