import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LibTorchError, messageOf } from '../errors.ts'
import { type Binaries, findBinaries } from './binaries.ts'
import { type LibTorch, libraryName, UNKNOWN } from './layout.ts'
import { notFound, remedies, searchLibTorch } from './libtorch.ts'
import { requireHere } from './package.ts'
import { inRange, sameMinor, showRange } from './version.ts'

/** `native/loader/loader.c` */
interface Loader {
  /** The LibTorch version whose headers the addons were compiled with. */
  builtFor: string
  loaded(): string | null
  open(path: string): void
}

function load(file: string): unknown {
  try {
    return requireHere(file)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED') {
      throw new LibTorchError(
        "Node was started without addons, but libtorch-rnn is one: omit --no-addons, and with Node's permission model add --allow-addons.",
        { cause },
      )
    }
    const next = 'To see more: npx libtorch-rnn doctor\nIn a source checkout, rebuild it with: npm run setup'
    throw new LibTorchError(`The addon of libtorch-rnn cannot be loaded: ${messageOf(cause)}\n${next}`, { cause })
  }
}

/** The loader addon, which needs no LibTorch. */
export function loadLoader(binaries: Binaries = findBinaries()): Loader {
  return load(binaries.loader) as Loader
}

/** Why a library cannot be mapped into memory; the system's message does not say. */
function mappingHint(message: string): string {
  if (process.platform !== 'linux' || !/failed to map segment|cannot allocate memory/i.test(message)) return ''
  const limit = /^Max address space\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return limit === undefined
    ? 'The file system that it is on may be mounted noexec: install it elsewhere (XDG_CACHE_HOME), or set LIBTORCH.'
    : `The process may use ${Math.round(Number(limit) / 1e6)} MB of address space (\`ulimit -v\`); LibTorch needs 2,000 MB or more.`
}

function openLibrary(loader: Loader, libtorch: LibTorch, name: string): void {
  try {
    loader.open(join(libtorch.lib, libraryName(name)))
  } catch (cause) {
    throw new LibTorchError(
      [
        `LibTorch ${libtorch.version} in ${libtorch.root} cannot be opened: ${messageOf(cause)}.`,
        mappingHint(messageOf(cause)),
        libtorch.cuda ? 'A CUDA build needs the nvidia packages beside it: npx libtorch-rnn install --cuda' : '',
        'To see more: npx libtorch-rnn doctor',
        remedies(sameMinor(loader.builtFor)),
      ]
        .filter(Boolean)
        .join('\n'),
      { cause },
    )
  }
}

/** Throws unless the LibTorch in this process is of the version that the addon was built for. */
function checkVersion(loader: Loader, whose: string): void {
  const version = loader.loaded() ?? UNKNOWN
  const range = sameMinor(loader.builtFor)
  if (inRange(version, range)) return
  const is = version === '0.0.0' ? 'too old to tell its version' : version
  throw new LibTorchError(
    `libtorch-rnn was built for LibTorch ${showRange(range)}, but ${whose} is ${is}.\n${remedies(range)}`,
  )
}

function openLibTorch(loader: Loader): void {
  const range = sameMinor(loader.builtFor)
  const search = searchLibTorch(range)
  if (!search.found) throw notFound(search, range)
  // c10 first: a library path in the environment could load another one.
  openLibrary(loader, search.found, 'c10')
  openLibrary(loader, search.found, 'torch_cpu')
  checkVersion(loader, `the LibTorch in ${search.found.lib}`)
  // Before the first query about CUDA: LibTorch caches the answer.
  if (search.found.cuda) openLibrary(loader, search.found, 'torch_cuda')
}

/**
 * Opens LibTorch, checks its version, then loads the main addon.
 *
 * @throws {LibTorchError} if LibTorch is missing or does not fit, with the places tried and the command to run next.
 */
export function loadAddon(): unknown {
  const binaries = findBinaries()
  const loader = loadLoader(binaries)
  if (loader.loaded() === null) openLibTorch(loader)
  else checkVersion(loader, 'the LibTorch that is in this process already')
  return load(binaries.addon)
}

/** The version of the LibTorch in this process: `2.13.0`. Only after {@link loadAddon}. */
export function libTorchVersion(): string {
  return loadLoader().loaded() ?? ''
}
