import { describe, expect, test } from 'vitest'
import { TorchError } from '../../lib/errors.ts'
import { failure } from '../../lib/tensor/failure.ts'

/** The code of what a native call throws with this class and these words. */
function codeOf(kind: string, message: string): string | undefined {
  const error = failure(Object.assign(new Error(message), { kind }))
  return error instanceof TorchError ? error.code : undefined
}

// Sentences of LibTorch 2.11 to 2.14, and the classes that some of them throw. There are more where no device is needed
// to see them: these only a GPU says.
describe('the code of what LibTorch says on a GPU', () => {
  const CUBLAS =
    'Deterministic behavior was enabled with either `torch.use_deterministic_algorithms(True)` or `at::Context::setDeterministicAlgorithms(true)`, but this operation is not deterministic because it uses CuBLAS and you have CUDA >= 10.2. To enable deterministic behavior in this case, you must set an environment variable before running your PyTorch application: CUBLAS_WORKSPACE_CONFIG=:4096:8 or CUBLAS_WORKSPACE_CONFIG=:16:8. For more information, go to https://docs.nvidia.com/cuda/cublas/index.html#results-reproducibility'
  const KERNEL =
    "cumsum_cuda_kernel does not have a deterministic implementation, but you set 'torch.use_deterministic_algorithms(True)'. You can turn off determinism just for this operation, or you can use the 'warn_only=True' option, if that's acceptable for your application."

  test.each([
    ['value', "Both events must be created with argument 'enable_timing=True'.", 'ERR_TORCH_RUNTIME'],
    ['runtime', "Both events must be created with argument 'enable_timing=True'.", 'ERR_TORCH_RUNTIME'],
    ['value', 'Both events must be recorded before calculating elapsed time.', 'ERR_TORCH_RUNTIME'],
    ['runtime', 'Both events must be completed before calculating elapsed time.', 'ERR_TORCH_RUNTIME'],
    ['runtime', CUBLAS, 'ERR_TORCH_RUNTIME'],
    ['runtime', KERNEL, 'ERR_TORCH_RUNTIME'],
    ['runtime', 'CUDA error: an illegal memory access was encountered', 'ERR_TORCH_DEVICE'],
    [
      'runtime',
      'Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!',
      'ERR_TORCH_DEVICE',
    ],
    ['outOfMemory', 'CUDA out of memory. Tried to allocate 20.00 GiB.', 'ERR_TORCH_OUT_OF_MEMORY'],
    ['value', 'shape must be positive', 'ERR_TORCH_VALUE'],
  ])('%s: %s', (kind, message, code) => {
    expect(codeOf(kind, message)).toBe(code)
  })
})
