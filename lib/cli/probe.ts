// Loads LibTorch, computes something and tells about it as JSON: a child process, because a crash in here must not take
// its parent along.

/** What the probe tells. */
export interface ProbeReport {
  version: string
  cpuCapability: string
  threads: number
  interopThreads: number
  cudaDevices: number
  /** Why CUDA cannot be used; null where it can. */
  cudaWhyNot: string | null
}

async function probe(): Promise<ProbeReport> {
  const { native } = await import('../native/addon.ts')
  const { torch } = await import('../torch.ts')
  const { cpuCapability, threads, interopThreads, cudaBuilt, cudaDevices } = native.runtimeInfo()
  const compute = (device: 'cpu' | 'cuda'): unknown =>
    torch
      .eye(8, { device })
      .matmul(torch.ones([8, 8], { device }))
      .toArray()
  compute('cpu')
  let cudaWhyNot = cudaBuilt ? null : 'this LibTorch is a build for the CPU'
  try {
    if (cudaBuilt) compute('cuda')
  } catch (error) {
    cudaWhyNot = (error as Error).message
  }
  return { version: torch.version, cpuCapability, threads, interopThreads, cudaDevices, cudaWhyNot }
}

try {
  console.log(JSON.stringify(await probe()))
} catch (error) {
  console.error(error instanceof Error && 'code' in error ? error.message : error)
  process.exitCode = 1
}
