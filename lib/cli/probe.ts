// Loads LibTorch, computes something and reports it as JSON. It runs as a child process, so that a crash does not take
// the parent down. An argument names the LibTorch to load; the default is the one that a program finds.
import { LibTorchError } from '../errors.ts'

/** The report of the probe. */
export interface ProbeReport {
  version: string
  cpuCapability: string
  /** The instruction set that the recurrent kernels use, of those that this processor has. */
  instructionSet: string
  instructionSets: string[]
  threads: number
  interopThreads: number
  cudaDevices: number
  /** LibTorch's error for a computation with CUDA; null if it works. */
  cudaFailure: string | null
}

async function probe(): Promise<ProbeReport> {
  const { native } = await import('../native/addon.ts')
  const { torch } = await import('../torch.ts')
  const { cpuCapability, threads, interopThreads, cudaDevices } = native.runtimeInfo()
  const compute = (device: 'cpu' | 'cuda'): unknown =>
    torch
      .eye(8, { device })
      .matmul(torch.ones([8, 8], { device }))
      .toArray()
  compute('cpu')
  let cudaFailure: string | null = null
  try {
    compute('cuda')
  } catch (error) {
    cudaFailure = (error as Error).message
  }
  return {
    version: torch.version,
    cpuCapability,
    instructionSet: native.instructionSet(),
    instructionSets: native.instructionSets(),
    threads,
    interopThreads,
    cudaDevices,
    cudaFailure,
  }
}

const [, , root] = process.argv
if (root !== undefined) {
  process.env.LIBTORCH = root
  delete process.env.LIBTORCH_USE_PYTORCH
}
probe().then(
  (report) => console.log(JSON.stringify(report)),
  (error: unknown) => {
    const message = error instanceof LibTorchError ? error.message : String(error)
    // The remedies in the message are for the user's own environment.
    console.error(root === undefined ? message : message.split('\n')[0])
    process.exitCode = 1
  },
)
