import { autocast, GradScaler, getAutocastDtype, isAutocastEnabled } from './amp/index.ts'
import * as cuda from './cuda/index.ts'
import { load, loadSync } from './io/checkpoint.ts'
import * as script from './jit/load.ts'
import { libTorchVersion } from './native/load.ts'
import {
  areDeterministicAlgorithmsEnabled,
  backends,
  getFloat32MatmulPrecision,
  isDeterministicAlgorithmsWarnOnlyEnabled,
  setFloat32MatmulPrecision,
  useDeterministicAlgorithms,
} from './tensor/backends.ts'
import { native } from './tensor/binding.ts'
import {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  offload,
  tidy,
} from './tensor/context.ts'
import * as creation from './tensor/creation.ts'
import { device } from './tensor/device.ts'
import { gradcheck, gradgradcheck } from './tensor/gradcheck.ts'
import { backward, grad } from './tensor/gradient.ts'
import { slice } from './tensor/indexing.ts'
import { functions } from './tensor/methods.ts'
import { operators } from './tensor/operators.ts'
import { getPrintOptions, setPrintOptions } from './tensor/print.ts'
import { manualSeed } from './tensor/seed.ts'
import { isTensor, keep, Tensor } from './tensor/tensor.ts'

/** The threads that one operation on the CPU may use. */
function getNumThreads(): number {
  return native.numThreads()
}

/** Sets {@link getNumThreads}, also for the thread of `offload`. */
function setNumThreads(threads: number): void {
  native.setNumThreads(threads)
}

export interface MemoryUsage {
  /** Tensor objects that have not been disposed or collected. */
  tensors: number
  /** Bytes of memory that they refer to; what several share counts once. */
  bytes: number
}

/** What this environment (the main thread, or a worker) holds. */
function memory(): MemoryUsage {
  return native.memory()
}

/**
 * LibTorch as PyTorch's users know it: creation, operations, autograd.
 *
 * @example
 * const x = torch.randn([2, 3], { requiresGrad: true })
 * x.mul(x).sum().backward()
 * console.log(x.grad)
 */
export const torch = {
  ...functions,
  ...creation,
  tidy,
  noGrad,
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  autocast,
  isAutocastEnabled,
  getAutocastDtype,
  offload,
  device,
  cuda,
  backends,
  setFloat32MatmulPrecision,
  getFloat32MatmulPrecision,
  useDeterministicAlgorithms,
  areDeterministicAlgorithmsEnabled,
  isDeterministicAlgorithmsWarnOnlyEnabled,
  Tensor,
  isTensor,
  keep,
  slice,
  ops: operators,
  amp: { GradScaler },
  autograd: { backward, grad, gradcheck, gradgradcheck },
  load,
  loadSync,
  jit: { load: script.load, loadSync: script.loadSync },
  manualSeed,
  getNumThreads,
  setNumThreads,
  memory,
  setPrintOptions,
  getPrintOptions,
  /** The version of LibTorch in use. */
  version: libTorchVersion(),
}
