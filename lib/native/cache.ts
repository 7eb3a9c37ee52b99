import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { PINNED } from './version.ts'

function userCache(): string {
  if (process.env.XDG_CACHE_HOME) return process.env.XDG_CACHE_HOME
  if (process.platform === 'win32') return process.env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local')
  return process.platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : join(homedir(), '.cache')
}

/** The per-user folder of fetched LibTorches, one folder `<version>-<cpu|cuda>` each. */
export function cacheFolder(): string {
  return join(userCache(), 'libtorch-rnn', 'libtorch')
}

/** The folders in the cache: {@link PINNED} first, then the newest; of one version CUDA first: who fetched it wants it. */
export function cachedLibTorches(): string[] {
  const folder = cacheFolder()
  let names: string[]
  try {
    names = readdirSync(folder).filter((name) => /^\d+\.\d+\.\d+-(cpu|cuda)$/.test(name))
  } catch {
    return []
  }
  const pinned = (name: string): number => Number(name.startsWith(`${PINNED}-`))
  return names
    .sort((a, b) => pinned(b) - pinned(a) || b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => join(folder, name))
}
