import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder, and those that it lies in, unless they exist. Node's own recursive mkdir never ends in a folder that
 * exists and answers ENOENT, such as /proc.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdirIfMissing(path)
  } catch (error) {
    const parent = dirname(resolve(path))
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === resolve(path)) throw error
    await makeFolder(parent)
    await mkdirIfMissing(path)
  }
}

async function mkdirIfMissing(path: string): Promise<void> {
  try {
    await mkdir(path)
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
