// The members of `torch` other than operations and tensor creation. As module exports, they keep their documentation.
import { describe } from './describe.ts'
import { torchError } from './errors.ts'
import { libTorchVersion } from './native/load.ts'
import { native } from './tensor/binding.ts'

export * as amp from './amp/grad-scaler.ts'
export { autocast, getAutocastDtype, isAutocastEnabled } from './amp/index.ts'
export * as autograd from './autograd.ts'
export * as cuda from './cuda/index.ts'
export * as distributions from './distributions/index.ts'
export { load, loadSync } from './io/checkpoint.ts'
export { save, saveSync } from './io/save.ts'
export * as jit from './jit/load.ts'
export { isAnomalyCheckNanEnabled, isAnomalyEnabled } from './tensor/anomaly.ts'
export {
  areDeterministicAlgorithmsEnabled,
  backends,
  getFloat32MatmulPrecision,
  isDeterministicAlgorithmsWarnOnlyEnabled,
  setFloat32MatmulPrecision,
  useDeterministicAlgorithms,
} from './tensor/backends.ts'
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  offload,
  tidy,
} from './tensor/context.ts'
export { device } from './tensor/device.ts'
export { Generator } from './tensor/generator.ts'
export { slice } from './tensor/indexing.ts'
export { operators as ops } from './tensor/operators.ts'
export { getPrintOptions, setPrintOptions } from './tensor/print.ts'
export { forkRng, getRngState, initialSeed, manualSeed, seed, setRngState } from './tensor/random.ts'
export { isTensor, keep, Tensor } from './tensor/tensor.ts'

/** The number of threads that one operation on the CPU may use. */
export function getNumThreads(): number {
  return native.numThreads()
}

/** Sets the number of threads that one operation on the CPU may use, including on the thread of `offload`. */
export function setNumThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1) {
    const got = describe(threads)
    throw torchError(
      Number.isInteger(threads) ? 'ERR_TORCH_VALUE' : 'ERR_TORCH_TYPE',
      `setNumThreads: threads must be a positive integer, got ${got}`,
      {
        op: 'setNumThreads',
      },
    )
  }
  native.setNumThreads(threads)
}

export interface MemoryUsage {
  /** The number of tensor objects that have not been disposed or collected. */
  tensors: number
  /** The bytes of memory that they refer to. Memory shared by several tensors counts once. */
  bytes: number
}

/** The tensors and the memory that this environment (the main thread or a worker) holds. */
export function memory(): MemoryUsage {
  return native.memory()
}

/** The version of LibTorch in use. */
export const version: string = libTorchVersion()
