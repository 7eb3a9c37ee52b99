export type { CudaProperties } from '../native/addon.ts'
export {
  type CudaDevice,
  currentDevice,
  deviceCount,
  getDeviceCapability,
  getDeviceName,
  getDeviceProperties,
  getRngState,
  initialSeed,
  isAvailable,
  isBf16Supported,
  manualSeed,
  manualSeedAll,
  setDevice,
  setRngState,
  synchronize,
  synchronizeSync,
  why,
} from './device.ts'
export { Event, type EventOptions } from './event.ts'
export { type CaptureOptions, CUDAGraph } from './graph.ts'
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
