import { dirname, join } from 'node:path'
import { LibTorchError } from '../errors.ts'
import { BUNDLED } from './here.cjs'
import { isInstalled, PACKAGE, requireHere } from './package.ts'

/** The files of the addons. */
export interface Binaries {
  addon: string
  loader: string
  /** Built only with a LibTorch for CUDA. */
  cuda: string
}

/** Whether Node runs on musl, for which there is no LibTorch. */
function isMusl(): boolean {
  if (process.platform !== 'linux') return false
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime === undefined
}

/** The variable for a package of this name that tells node-gyp-build which folder has `build/` and `prebuilds/`. */
const ELSEWHERE = 'LIBTORCH_RNN_PREBUILD'

/** The addons of this package: built in `build/`, else prebuilt in `prebuilds/`. */
export function findBinaries(): Binaries {
  if (!isInstalled()) throw new LibTorchError(BUNDLED)
  const nodeGypBuild = requireHere('node-gyp-build') as { resolve(root: string): string }
  try {
    const addon = nodeGypBuild.resolve(PACKAGE)
    // In a separate folder, because node-gyp-build takes the first .node file that it finds.
    const folder = dirname(addon)
    return {
      addon,
      loader: join(folder, 'loader', 'loader.node'),
      cuda: join(folder, 'cuda', 'libtorch_rnn_cuda.node'),
    }
  } catch (cause) {
    throw new LibTorchError(missing(), { cause })
  }
}

function missing(): string {
  if (isMusl()) {
    return 'LibTorch has no build for musl (Alpine Linux), so libtorch-rnn cannot run here.\nUse a Linux with glibc 2.28 or later, such as the container image node:22-slim.'
  }
  const elsewhere = process.env[ELSEWHERE]
  const root = elsewhere || PACKAGE
  return [
    `libtorch-rnn has no compiled addon for ${process.platform}-${process.arch}.`,
    `Tried: ${join(root, 'build', 'Release')}, ${join(root, 'prebuilds')}`,
    elsewhere
      ? `These are named by ${ELSEWHERE}=${elsewhere}: unset it to use the package's own.`
      : 'In a source checkout, build it with: npm run setup',
  ].join('\n')
}
