import { randomUUID } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolderSync } from '../io/folder.ts'
import { requireHere } from '../native/package.ts'

// It has no type declarations.
const { tryLock } = requireHere('fs-native-extensions') as { tryLock(fd: number): boolean }

const SIGNALS: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

/**
 * Takes the lock on `file`, which the kernel releases when the process ends; `undefined` if another process holds it.
 */
function lock(file: string, flags: 'wx' | 'r+'): number | undefined {
  const fd = openSync(file, flags)
  if (tryLock(fd)) return fd
  closeSync(fd)
  return undefined
}

/** Removes the folders of processes that have ended. Process IDs do not help: each container has its own. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    const id = /^(partial-.+)\.lock$/.exec(name)?.[1]
    if (id === undefined) continue
    try {
      const fd = lock(join(parent, name), 'r+')
      if (fd === undefined) continue
      rmSync(join(parent, id), { recursive: true, force: true })
      rmSync(join(parent, name), { force: true })
      closeSync(fd)
    } catch (error) {
      // Another process was faster, or the folder belongs to another user.
      if (!['ENOENT', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
}

/**
 * Runs `work` with a temporary folder inside `parent`, on the same file system, and removes it afterwards, also on a
 * signal. If a process is killed, the next one removes its folder.
 */
export async function withStaging<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  makeFolderSync(parent)
  removeAbandoned(parent)
  const folder = join(parent, `partial-${randomUUID()}`)
  const lockFile = `${folder}.lock`
  const fd = lock(lockFile, 'wx')
  const clean = (): void => {
    rmSync(folder, { recursive: true, force: true })
    rmSync(lockFile, { force: true })
  }
  const stop = (signal: NodeJS.Signals): void => {
    clean()
    process.exit(128 + (SIGNALS[signal] ?? 0))
  }
  // Another process may have removed the file as abandoned between its creation and the lock.
  if (fd === undefined || statSync(lockFile, { throwIfNoEntry: false }) === undefined) {
    if (fd !== undefined) closeSync(fd)
    return withStaging(parent, work)
  }
  mkdirSync(folder)
  for (const signal of Object.keys(SIGNALS)) process.once(signal, stop)
  try {
    return await work(folder)
  } finally {
    for (const signal of Object.keys(SIGNALS)) process.off(signal, stop)
    clean()
    closeSync(fd)
  }
}
