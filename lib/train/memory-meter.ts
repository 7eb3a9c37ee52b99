import { maxMemoryAllocated, memoryAllocated, resetPeakMemoryStats } from '../cuda/index.ts'
import type { Device } from '../tensor/tensor.ts'

const INTERVAL_MS = 2

/** A result, and the memory that it took to compute. */
export interface Measured<T> {
  value: T
  bytes: number
}

/**
 * How much more memory work needs at its peak than there was in use when the meter was made. On CUDA: the allocator's
 * for tensors, exactly. On the CPU: the resident memory of the process. The system knows its maximum so far; where that
 * is not exceeded, it is sampled, and what the process had allocated before and uses again is not seen.
 */
export class MemoryMeter {
  readonly #device: Device
  readonly #before: number

  constructor(device: Device) {
    this.#device = device
    this.#before = device === 'cpu' ? process.memoryUsage.rss() : memoryAllocated(device)
  }

  async measure<T>(fn: () => Promise<T>): Promise<Measured<T>> {
    const { value, bytes } = this.#device === 'cpu' ? await resident(fn) : await allocated(this.#device, fn)
    return { value, bytes: Math.max(0, bytes - this.#before) }
  }
}

async function allocated<T>(device: Device, fn: () => Promise<T>): Promise<Measured<T>> {
  resetPeakMemoryStats(device)
  const value = await fn()
  return { value, bytes: maxMemoryAllocated(device) }
}

async function resident<T>(fn: () => Promise<T>): Promise<Measured<T>> {
  const maximum = maximumResident()
  let peak = 0
  const sample = (): void => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  sample()
  const timer = setInterval(sample, INTERVAL_MS)
  try {
    const value = await fn()
    sample()
    const later = maximumResident()
    return { value, bytes: later > maximum ? Math.max(later, peak) : peak }
  } finally {
    clearInterval(timer)
  }
}

function maximumResident(): number {
  return process.resourceUsage().maxRSS * 1024
}
