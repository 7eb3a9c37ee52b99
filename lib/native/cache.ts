import { readdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { PINNED } from './version.ts'

function userCache(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  // The XDG specification says to ignore relative paths.
  if (XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME)) return XDG_CACHE_HOME
  if (process.platform === 'win32') return LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local')
  return process.platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : join(homedir(), '.cache')
}

/** The per-user folder of installed LibTorches, with one folder `<version>-<cpu|cuda>` for each. */
export function cacheFolder(): string {
  return join(userCache(), 'libtorch-rnn', 'libtorch')
}

/** The per-user folder of packed weights, which processes share. */
export function weightsFolder(): string {
  return join(userCache(), 'libtorch-rnn', 'weights')
}

/** The files of packed weights, and the bytes that they have. */
export function cachedWeights(): { files: number; bytes: number } {
  const folder = weightsFolder()
  let names: string[]
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.weights'))
  } catch {
    return { files: 0, bytes: 0 }
  }
  const sizes = names.map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0)
  return { files: names.length, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}

const ENTRY = /^\d+\.\d+\.\d+[a-z0-9.]*-(cpu|cuda)$/

/**
 * The folders in the cache: {@link PINNED} first, then the newest. Within a version, CUDA comes first, because whoever
 * installed it wants it. A string says why the cache cannot be read.
 */
export function cachedLibTorches(): string[] | string {
  const folder = cacheFolder()
  let names: string[]
  try {
    names = readdirSync(folder).filter((name) => ENTRY.test(name))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? [] : `it cannot be read (${code ?? message})`
  }
  const pinned = (name: string): number => Number(name.startsWith(`${PINNED}-`))
  return names
    .sort((a, b) => pinned(b) - pinned(a) || b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => join(folder, name))
}
