import { existsSync, rmSync } from 'node:fs'
import { LibTorchError } from '../errors.ts'
import { cacheFolder, weightsFolder } from '../native/cache.ts'

/**
 * Removes everything that `install` and served models have put into the cache of this user. Running programs are not
 * affected.
 * @returns the folders that were removed
 * @throws {LibTorchError} if one cannot be removed.
 */
export function uninstall(): string[] {
  const folders = [cacheFolder(), weightsFolder()].filter((folder) => existsSync(folder))
  for (const folder of folders) {
    try {
      rmSync(folder, { recursive: true })
    } catch (cause) {
      throw new LibTorchError(`${folder} cannot be removed: ${(cause as Error).message}.`, { cause })
    }
  }
  return folders
}
