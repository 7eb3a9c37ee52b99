import { existsSync } from 'node:fs'
import { messageOf } from '../errors.ts'
import { native } from './addon.ts'
import { findBinaries } from './binaries.ts'
import { WITHOUT_HEADERS } from './libtorch.ts'
import { requireHere } from './package.ts'
import { inRange, sameMinor } from './version.ts'

/** `native/cuda/addon.cpp` */
interface CudaAddon {
  /** The LibTorch whose headers it was compiled with. */
  torchVersion: string
  /** The CUDA whose headers it was compiled with: 13000 for 13.0. */
  cudaVersion: number
  library: object
}

const major = (version: number): number => Math.floor(version / 1000)

function connect(): string | null {
  const { cuda } = findBinaries()
  const { runtime } = native.cudaState()
  if (!existsSync(cuda)) return WITHOUT_HEADERS
  // LibTorch has already opened everything that the addon needs.
  let addon: CudaAddon
  try {
    addon = requireHere(cuda) as CudaAddon
  } catch (error) {
    return `${cuda} cannot be loaded: ${messageOf(error)}`
  }
  const { torchVersion } = native.buildInfo()
  if (!inRange(addon.torchVersion, sameMinor(torchVersion))) {
    return `${cuda} was built for LibTorch ${addon.torchVersion}, and the main addon for ${torchVersion}: rebuild both with: npm run setup`
  }
  if (runtime !== null && major(addon.cudaVersion) !== major(runtime)) {
    return `${cuda} was built with the headers of CUDA ${major(addon.cudaVersion)}, and LibTorch with those of CUDA ${major(runtime)}: set CUDA_HOME to the folder of that version and run: npm run setup`
  }
  native.connectCuda(addon.library)
  return null
}

let reason: string | null | undefined

/**
 * Loads, once, the addon for functions that need CUDA's own classes. Returns why it cannot, or `null`. Only for CUDA
 * builds of LibTorch.
 */
export function whyNotConnected(): string | null {
  if (reason === undefined) reason = connect()
  return reason
}
