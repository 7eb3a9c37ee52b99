import { mkdirSync, statSync } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder, and those that it lies in, unless they exist. Node's own recursive mkdir never ends in a folder that
 * exists and answers ENOENT, such as /proc.
 *
 * @param mode the permissions of a folder that is made. Default: those of the process
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  try {
    await mkdirIfMissing(path, mode)
  } catch (error) {
    const parent = dirname(resolve(path))
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === resolve(path)) throw error
    await makeFolder(parent, mode)
    await mkdirIfMissing(path, mode)
  }
}

/** Blocking form of {@link makeFolder}. */
export function makeFolderSync(path: string): void {
  try {
    mkdirIfMissingSync(path)
  } catch (error) {
    const parent = dirname(resolve(path))
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === resolve(path)) throw error
    makeFolderSync(parent)
    mkdirIfMissingSync(path)
  }
}

async function mkdirIfMissing(path: string, mode: number | undefined): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (!(await isFolder(path))) throw error
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}

function mkdirIfMissingSync(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error
  }
}
