import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { LibTorchError } from '../errors.ts'
import { cacheFolder } from '../native/cache.ts'
import { inspectLibTorch, type LibTorch, UNKNOWN } from '../native/layout.ts'
import { BUILDABLE, PINNED, type VersionRange } from '../native/version.ts'
import { obtainFrom, obtainWheels } from './obtain.ts'
import { withStaging } from './staging.ts'

export interface InstallOptions {
  /** The build of LibTorch for NVIDIA GPUs; default `false`. */
  cuda?: boolean | undefined
  /** A folder, a wheel or a libtorch archive, or the URL of one; default: PyTorch's wheel, by pip. */
  from?: string | undefined
  /** The SHA-256 of the archive, in hexadecimal; needed for a download. */
  sha256?: string | undefined
  /** The version to fetch with pip; default {@link PINNED}. */
  version?: string | undefined
  /** The versions that will do; default all that the addon compiles with. */
  range?: VersionRange | undefined
}

function entryName(version: string, cuda: boolean): string {
  return `${version}-${cuda ? 'cuda' : 'cpu'}`
}

function inspectWhole(folder: string, what: string, range: VersionRange): LibTorch {
  const libtorch = inspectLibTorch(folder, range)
  const why = typeof libtorch === 'string' ? libtorch : 'its version is not written in it'
  if (typeof libtorch === 'string' || libtorch.version === UNKNOWN) {
    throw new LibTorchError(`${what} cannot be used: ${why}.`)
  }
  return libtorch
}

function checkChoice({ cuda, from, sha256 }: InstallOptions): void {
  if (from !== undefined && cuda) {
    throw new LibTorchError('--cuda is for what pip fetches; whether --from is a CUDA build is seen in it.')
  }
  if (sha256 === undefined) return
  if (from === undefined) {
    throw new LibTorchError('--sha256 is for an archive given with --from; pip checks what it fetches itself.')
  }
  if (!/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new LibTorchError(`--sha256 takes 64 hexadecimal digits, got '${sha256}'.`)
  }
}

/**
 * Puts LibTorch into the per-user cache and returns it: fetched, checked and unpacked in a temporary folder, which is
 * renamed when whole. What is there already is not fetched again.
 *
 * @throws {LibTorchError} where it cannot be had, with the next command.
 */
export async function install(options: InstallOptions = {}): Promise<LibTorch> {
  const { cuda = false, from, sha256, version = PINNED, range = BUILDABLE } = options
  checkChoice(options)
  const cache = cacheFolder()
  const present = from === undefined ? inspectLibTorch(join(cache, entryName(version, cuda)), range) : undefined
  if (typeof present === 'object') {
    console.error(`LibTorch ${present.version} is installed already in ${present.root}`)
    return present
  }
  return withStaging(cache, async (scratch) => {
    const target = join(scratch, 'libtorch')
    mkdirSync(target)
    if (from === undefined) await obtainWheels({ target, scratch }, version, cuda)
    else await obtainFrom({ target, scratch }, from, sha256, range)
    const obtained = inspectWhole(target, from ?? "PyTorch's wheel", range)
    if (from === undefined && obtained.cuda !== cuda) {
      throw new LibTorchError(`pip fetched a build ${cuda ? 'without' : 'with'} CUDA, which was not asked for.`)
    }
    const entry = join(cache, entryName(obtained.version.split('+')[0] ?? '', obtained.cuda))
    if (existsSync(entry)) renameSync(entry, join(scratch, 'replaced'))
    renameSync(target, entry)
    const installed = inspectWhole(entry, entry, range)
    console.error(`LibTorch ${installed.version} is installed in ${installed.root}`)
    return installed
  })
}
