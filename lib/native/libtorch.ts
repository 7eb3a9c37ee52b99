import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LibTorchError } from '../errors.ts'
import { cachedLibTorches, cacheFolder } from './cache.ts'
import { hasHeaders, inspectLibTorch, type LibTorch } from './layout.ts'
import { PACKAGE } from './package.ts'
import { findPyTorch, pythons } from './python.ts'
import { inRange, PINNED, showRange, type VersionRange } from './version.ts'

/** A place that was searched, and the outcome. */
export interface Attempt {
  place: string
  outcome: string
}

export interface Search {
  found: LibTorch | undefined
  tried: Attempt[]
  /** Whether the user named the place, so that no other was searched. */
  named: boolean
}

interface Place {
  place: string
  /** The folder to inspect, or why there is none. */
  directory: string | { none: string }
}

function installedPyTorch(place: string): Place {
  const directory = findPyTorch()?.folder
  if (directory) return { place: `${place}, ${directory}`, directory }
  return { place, directory: { none: `no PyTorch was found by ${pythons().join(', ')}` } }
}

/** The setup script notes here which LibTorch it built against. */
export const BUILD_NOTE = join(PACKAGE, 'build', 'libtorch.json')

function builtAgainst(): Place[] {
  if (!existsSync(BUILD_NOTE)) return []
  const { root } = JSON.parse(readFileSync(BUILD_NOTE, 'utf8')) as { root: string }
  return [{ place: `the LibTorch that the addon was built with, ${root}`, directory: root }]
}

function* places(build: boolean): Generator<Place> {
  yield { place: 'LIBTORCH', directory: { none: 'not set' } }
  yield { place: 'LIBTORCH_USE_PYTORCH', directory: { none: 'not set' } }
  const cached = cachedLibTorches()
  if (typeof cached === 'string') yield { place: cacheFolder(), directory: { none: cached } }
  else for (const directory of cached) yield { place: directory, directory }
  if (cached.length === 0) yield { place: cacheFolder(), directory: { none: 'nothing is installed there' } }
  yield* builtAgainst()
  if (build) yield installedPyTorch('the installed PyTorch')
}

const YES = ['1', 'true', 'yes', 'on']
const NO = ['', '0', 'false', 'no', 'off']

function namesPyTorch(): boolean {
  const value = (process.env.LIBTORCH_USE_PYTORCH ?? '').toLowerCase()
  if (YES.includes(value)) return true
  if (NO.includes(value)) return false
  throw new LibTorchError(
    `LIBTORCH_USE_PYTORCH must be 1 to use the PyTorch of the active Python, or 0; got '${process.env.LIBTORCH_USE_PYTORCH}'.`,
  )
}

/** The place that the user names, if any. */
function namedPlace(): Place | undefined {
  const { LIBTORCH, LIBTORCH_USE_PYTORCH } = process.env
  if (LIBTORCH) return { place: `LIBTORCH=${LIBTORCH}`, directory: LIBTORCH }
  return namesPyTorch() ? installedPyTorch(`LIBTORCH_USE_PYTORCH=${LIBTORCH_USE_PYTORCH}`) : undefined
}

/**
 * Searches for a LibTorch of a version in `range`: `LIBTORCH`; the installed PyTorch if `LIBTORCH_USE_PYTORCH=1`; the
 * per-user cache; in a source checkout, the one that the addon was built with; and, for a `build`, which needs headers,
 * the installed PyTorch. A place that the user names is not skipped: if it does not fit, the search ends. The system's
 * default library path is never searched.
 */
export function searchLibTorch(range: VersionRange, { build = false } = {}): Search {
  const tried: Attempt[] = []
  const named = namedPlace()
  for (const { place, directory } of named ? [named] : places(build)) {
    let result = typeof directory === 'string' ? inspectLibTorch(directory, range) : directory.none
    if (build && typeof result === 'object' && !hasHeaders(result)) result = 'it has no headers to build with'
    const found = typeof result === 'string' ? undefined : result
    tried.push({ place, outcome: typeof result === 'string' ? result : `LibTorch ${result.version}` })
    if (found) return { found, tried, named: named !== undefined }
  }
  return { found: undefined, tried, named: named !== undefined }
}

/** The commands that lead to a LibTorch of a version in `range`. */
export function remedies(range: VersionRange): string {
  const needed = showRange(range)
  const fetch = 'run: npx libtorch-rnn install   (with --cuda for an NVIDIA GPU)'
  const fetched = inRange(PINNED, range)
  if (process.env.LIBTORCH) {
    return `Set LIBTORCH to the folder of a LibTorch ${needed}${fetched ? `, or unset it and ${fetch}` : '.'}`
  }
  if (namesPyTorch())
    return `Install PyTorch ${needed}, or unset LIBTORCH_USE_PYTORCH${fetched ? ` and ${fetch}` : '.'}`
  const set = `set LIBTORCH to the folder of a LibTorch ${needed}, or LIBTORCH_USE_PYTORCH=1 to use an installed PyTorch.`
  return fetched ? `To fetch it, ${fetch}\nOr ${set}` : `To continue, ${set}`
}

/** The variable that hides the cache, with its value; `undefined` if there is none. */
export function hidingVariable(): string | undefined {
  return namedPlace()?.place.split(', ')[0]
}

/** The message if CUDA is asked for and LibTorch is a CPU build. */
export const WITHOUT_CUDA =
  'Torch not compiled with CUDA enabled: this LibTorch runs only on the CPU. `npx libtorch-rnn install --cuda` installs the CUDA build.'

/** The message of the setup script if it cannot build the CUDA addon, and of the functions that need it. */
export const WITHOUT_HEADERS =
  "libtorch-rnn was built without CUDA's headers, so it has no CUDA graphs and no device properties. Install the CUDA toolkit of LibTorch's version, or set CUDA_HOME to its folder, and in a source checkout run: npm run setup"

/** The error to throw if {@link searchLibTorch} found none. */
export function notFound(search: Search, range: VersionRange): LibTorchError {
  const [first] = search.tried
  const what =
    search.named && first
      ? `${first.place} cannot be used: ${first.outcome}.`
      : `LibTorch ${showRange(range)} was not found.`
  const tried = search.tried.map(({ place, outcome }) => `  ${place}: ${outcome}`)
  return new LibTorchError([what, ...(search.named ? [] : ['Tried:', ...tried]), remedies(range)].join('\n'))
}
