import { checkOptions, requireBoolean, requireChoice } from '../check.ts'
import { native } from './binding.ts'

/** The precision of float32 matrix products, on CUDA and (with bfloat16) on some CPUs. */
export type MatmulPrecision = 'highest' | 'high' | 'medium'

const PRECISIONS = ['highest', 'high', 'medium'] as const satisfies MatmulPrecision[]

function set(name: string, value: boolean): void {
  requireBoolean('torch.backends', name, value)
  native.setBackendSwitch(name, value)
}

/**
 * Settings of LibTorch's backend libraries. They apply to the whole process, including workers. Within `offload`, a
 * change is queued in order with the operations.
 *
 * @see https://docs.pytorch.org/docs/stable/backends.html
 */
export const backends = {
  cuda: {
    matmul: {
      /** Whether float32 products on CUDA may use TF32, which rounds the factors to 10 bits. Default `false`. */
      get allowTf32(): boolean {
        return native.backendSwitch('cuda.matmul.allowTf32')
      },
      set allowTf32(allow: boolean) {
        set('cuda.matmul.allowTf32', allow)
      },
    },
  },
  cudnn: {
    /** Whether recurrent networks and convolutions on CUDA use cuDNN. Default `true`. */
    get enabled(): boolean {
      return native.backendSwitch('cudnn.enabled')
    },
    set enabled(enabled: boolean) {
      set('cudnn.enabled', enabled)
    },
    /** Whether cuDNN tries several algorithms for a convolution and keeps the fastest. Default `false`. */
    get benchmark(): boolean {
      return native.backendSwitch('cudnn.benchmark')
    },
    set benchmark(benchmark: boolean) {
      set('cudnn.benchmark', benchmark)
    },
    /** Whether cuDNN uses only deterministic algorithms. Default `false`. */
    get deterministic(): boolean {
      return native.backendSwitch('cudnn.deterministic')
    },
    set deterministic(deterministic: boolean) {
      set('cudnn.deterministic', deterministic)
    },
    /** Whether cuDNN may use TF32 for float32, recurrent networks included. Default `true`, as in PyTorch. */
    get allowTf32(): boolean {
      return native.backendSwitch('cudnn.allowTf32')
    },
    set allowTf32(allow: boolean) {
      set('cudnn.allowTf32', allow)
    },
    /** Whether this LibTorch was built with cuDNN. */
    isAvailable(): boolean {
      return native.cudnnVersion() !== null
    },
    /** The version of cuDNN: `91002` for 9.10.2, `null` if LibTorch was built without cuDNN. */
    version(): number | null {
      return native.cudnnVersion()
    },
  },
}

/**
 * `'highest'` multiplies float32 matrices in float32, `'high'` in TF32 on CUDA, `'medium'` in bfloat16 if a fast
 * implementation exists. Default `'highest'`. `backends.cuda.matmul.allowTf32` is the same setting: `true` for the last
 * two.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.set_float32_matmul_precision.html
 */
export function setFloat32MatmulPrecision(precision: MatmulPrecision): void {
  requireChoice('setFloat32MatmulPrecision', 'precision', precision, PRECISIONS)
  native.setMatmulPrecision(precision)
}

/** The current setting of {@link setFloat32MatmulPrecision}. Default `'highest'`. */
export function getFloat32MatmulPrecision(): MatmulPrecision {
  return native.matmulPrecision()
}

/**
 * Makes operations use only deterministic algorithms, and throw (or warn, with `warnOnly`) if there is none. On CUDA,
 * RNN, LSTM and GRU are deterministic only if the environment variable `CUBLAS_WORKSPACE_CONFIG` was set to `:4096:2`
 * or `:16:8` when the process started. If it was not, nothing throws.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
 */
export function useDeterministicAlgorithms(
  on: boolean,
  options: { warnOnly?: boolean } = {},
  ...none: undefined[]
): void {
  requireBoolean('useDeterministicAlgorithms', 'mode', on)
  checkOptions('useDeterministicAlgorithms', options, ['warnOnly'], none)
  const { warnOnly = false } = options
  requireBoolean('useDeterministicAlgorithms', 'warnOnly', warnOnly)
  native.useDeterministicAlgorithms(on, warnOnly)
}

/** Whether {@link useDeterministicAlgorithms} is on. */
export function areDeterministicAlgorithmsEnabled(): boolean {
  return native.deterministicAlgorithms()[0]
}

/** Whether {@link useDeterministicAlgorithms} was set to warn instead of throwing. */
export function isDeterministicAlgorithmsWarnOnlyEnabled(): boolean {
  return native.deterministicAlgorithms()[1]
}
