import { existsSync, rmSync } from 'node:fs'
import { LibTorchError } from '../errors.ts'
import { cacheFolder } from '../native/cache.ts'

/**
 * Removes everything that `install` has put into the cache of this user. Running programs are not affected.
 * @returns the folder that was removed, or `undefined` if there was none
 * @throws {LibTorchError} if it cannot be removed.
 */
export function uninstall(): string | undefined {
  const cache = cacheFolder()
  if (!existsSync(cache)) return undefined
  try {
    rmSync(cache, { recursive: true })
  } catch (cause) {
    throw new LibTorchError(`${cache} cannot be removed: ${(cause as Error).message}.`, { cause })
  }
  return cache
}
