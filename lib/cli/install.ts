import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LibTorchError } from '../errors.ts'
import { findBinaries } from '../native/binaries.ts'
import { cacheFolder } from '../native/cache.ts'
import { hasHeaders, inspectLibTorch, type LibTorch, UNKNOWN } from '../native/layout.ts'
import { hidingVariable, searchLibTorch } from '../native/libtorch.ts'
import { loadLoader } from '../native/load.ts'
import { damageOf, writeManifest } from '../native/manifest.ts'
import {
  BUILDABLE,
  inRange,
  PINNED,
  publicVersion,
  sameMinor,
  showRange,
  type VersionRange,
} from '../native/version.ts'
import { testLoad } from './doctor.ts'
import { obtainFrom, obtainWheels } from './obtain.ts'
import { withStaging } from './staging.ts'

export interface InstallOptions {
  /** The build of LibTorch for NVIDIA GPUs; default `false`. */
  cuda?: boolean | undefined
  /** A folder, a wheel or a libtorch archive, or the URL of one; default: PyTorch's wheel. */
  from?: string | undefined
  /** The SHA-256 of the archive, in hexadecimal; needed for a download. */
  sha256?: string | undefined
  /**
   * An index of Python packages to take PyTorch's CPU wheel from; default PyTorch's own, then pip's configured sources.
   */
  indexUrl?: string | undefined
  /** Also keep the headers, which are only needed for building; default `false`. */
  headers?: boolean | undefined
  /** Download it even if it is installed and works; default `false`. */
  force?: boolean | undefined
  /** The version to fetch; default {@link PINNED}. */
  version?: string | undefined
  /** Try it in a separate process before it is put in place. Default: if there is an addon to try it with. */
  probe?: boolean | undefined
  /** The acceptable versions. Default: those the addon runs with; without an addon, those it compiles with. */
  range?: VersionRange | undefined
}

function inspectWhole(folder: string, what: string, range: VersionRange): LibTorch {
  const libtorch = inspectLibTorch(folder, range)
  const why = typeof libtorch === 'string' ? libtorch : 'its version is not written in it, or cannot be read'
  if (typeof libtorch === 'string' || libtorch.version === UNKNOWN) {
    throw new LibTorchError(`${what} cannot be used: ${why}.`)
  }
  return libtorch
}

/** Made only from parsed parts, so that text in an archive cannot lead to another folder. */
function entryName({ version, cuda }: LibTorch): string {
  return `${publicVersion(version)}-${cuda ? 'cuda' : 'cpu'}`
}

function checkChoice({ cuda, from, sha256, indexUrl }: InstallOptions): void {
  if (from !== undefined && cuda) {
    throw new LibTorchError('--cuda cannot be combined with --from, whose archive shows whether it is a CUDA build.')
  }
  if (indexUrl !== undefined && (from !== undefined || cuda)) {
    throw new LibTorchError('--index-url is only for downloading the CPU wheel, not for --from or --cuda.')
  }
  if (indexUrl !== undefined && !(URL.canParse(indexUrl) && /^https?:/.test(indexUrl))) {
    throw new LibTorchError(`--index-url takes an http or https URL, got '${indexUrl}'.`)
  }
  if (sha256 === undefined) return
  if (from === undefined) {
    throw new LibTorchError("--sha256 is only for an archive given with --from; PyTorch's wheel is checked without it.")
  }
  if (!/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new LibTorchError(`--sha256 takes 64 hexadecimal digits, got '${sha256}'.`)
  }
}

/** The version of LibTorch that the addon runs with; `undefined` if no addon is built. */
function addonVersion(): string | undefined {
  try {
    return loadLoader(findBinaries()).builtFor
  } catch (error) {
    if (error instanceof LibTorchError) return undefined
    throw error
  }
}

/** Why an installed LibTorch is not acceptable, worded to follow a colon; `undefined` if it is. */
async function faultOf(libtorch: LibTorch, headers: boolean, probe: boolean): Promise<string | undefined> {
  if (headers && !hasHeaders(libtorch)) return 'it has no headers'
  return (await damageOf(dirname(libtorch.root))) ?? (probe ? failureOf(libtorch) : undefined)
}

/** Why a program could not use this LibTorch; `undefined` if it could. */
function failureOf(libtorch: LibTorch): string | undefined {
  const report = testLoad(libtorch.root)
  return typeof report === 'string' ? report : undefined
}

function systemFailure(error: unknown, cache: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new LibTorchError(
      `LibTorch cannot be installed: ${message}.\nThe cache is ${cache}; set XDG_CACHE_HOME to a folder that can be written to.`,
      { cause: error },
    )
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new LibTorchError(`LibTorch cannot be installed: no space is left on the disk of ${cache}.`, {
      cause: error,
    })
  }
  return error instanceof LibTorchError || code === undefined
    ? error
    : new LibTorchError(`LibTorch cannot be installed: ${message}.`, { cause: error })
}

/**
 * Installs LibTorch into the per-user cache and returns it. It is fetched, checked, unpacked and tried in a temporary
 * folder, which is renamed on success. An installed LibTorch that works is not fetched again.
 *
 * @throws {LibTorchError} if that fails, with the next command to run.
 */
export async function install(options: InstallOptions = {}): Promise<LibTorch> {
  checkChoice(options)
  const cache = cacheFolder()
  try {
    return await installInto(cache, options)
  } catch (error) {
    throw systemFailure(error, cache)
  }
}

async function installInto(cache: string, options: InstallOptions): Promise<LibTorch> {
  const { cuda = false, from, sha256, indexUrl, headers = false, force = false, version = PINNED } = options
  const addon = addonVersion()
  const range = options.range ?? (addon === undefined ? BUILDABLE : sameMinor(addon))
  const probe = options.probe ?? addon !== undefined
  if (from === undefined && !inRange(version, range)) {
    throw new LibTorchError(
      `The addon was built for LibTorch ${showRange(range)}, but the version to install is LibTorch ${version}.\nGive one that fits: npx libtorch-rnn install --from <file>`,
    )
  }
  const place = join(cache, `${version}-${cuda ? 'cuda' : 'cpu'}`)
  const present = from === undefined && existsSync(place) ? inspectLibTorch(place, range) : undefined
  if (present !== undefined && !force) {
    const fault = typeof present === 'string' ? present : await faultOf(present, headers, probe)
    if (fault === undefined) {
      console.error(`LibTorch ${version} is installed already in ${place}`)
      if (probe) console.error('A test load works.')
      return present as LibTorch
    }
    console.error(`The LibTorch in ${place} is replaced: ${fault}`)
  }
  return withStaging(cache, async (scratch) => {
    const target = join(scratch, 'libtorch')
    mkdirSync(target)
    const room = { target, scratch, headers }
    const files =
      from === undefined
        ? await obtainWheels(room, version, cuda, indexUrl)
        : await obtainFrom(room, from, sha256, range)
    writeManifest(target, files)
    const obtained = inspectWhole(target, from ?? "PyTorch's wheel", range)
    if (from === undefined && obtained.cuda !== cuda) {
      throw new LibTorchError(
        `The downloaded LibTorch is a build ${cuda ? 'without' : 'with'} CUDA, which was not asked for.`,
      )
    }
    const failure = probe ? failureOf(obtained) : undefined
    if (failure !== undefined) {
      throw new LibTorchError(`${from ?? "PyTorch's wheel"} is not installed, because a test load failed.\n${failure}`)
    }
    const entry = join(cache, entryName(obtained))
    if (existsSync(entry)) renameSync(entry, join(scratch, 'replaced'))
    renameSync(target, entry)
    const installed = inspectWhole(entry, entry, range)
    console.error(`LibTorch ${installed.version} is installed in ${installed.root}`)
    if (probe) console.error('A test load works.')
    return installed
  })
}

/**
 * Makes sure that programs find the LibTorch that was installed.
 * @throws {LibTorchError} if they use another one, with the reason.
 */
export function requireFound({ root }: LibTorch): void {
  const addon = addonVersion()
  if (addon === undefined) return
  const hiding = hidingVariable()
  if (hiding !== undefined) {
    throw new LibTorchError(`It is in place, but programs do not use it: ${hiding} comes first. Unset it.`)
  }
  const { found } = searchLibTorch(sameMinor(addon))
  if (found !== undefined && found.root !== root) {
    throw new LibTorchError(
      `It is in place, but programs use LibTorch ${found.version} in ${found.root}, which comes first.`,
    )
  }
}
