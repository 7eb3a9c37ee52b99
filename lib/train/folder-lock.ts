import { closeSync, openSync, realpathSync } from 'node:fs'
import { torchError } from '../errors.ts'
import { native } from '../tensor/binding.ts'

/** The folders that are locked by this thread. */
const locked = new Set<string>()

/**
 * A folder that one `fit` at a time may write into: two would remove the files of each other. It is locked against other
 * processes and threads where the file system can tell, and free again when the process ends, however that is.
 */
export class FolderLock {
  readonly #path: string
  readonly #fd: number | undefined

  /** @throws {TorchError} `ERR_TORCH_FILE` if another one has locked the folder. */
  constructor(owner: string, folder: string) {
    this.#path = realpathSync(folder)
    this.#fd = opened(this.#path)
    if (!locked.has(this.#path) && (this.#fd === undefined || native.lockFile(this.#fd) !== false)) {
      locked.add(this.#path)
      return
    }
    if (this.#fd !== undefined) closeSync(this.#fd)
    throw torchError(
      'ERR_TORCH_FILE',
      `${owner}: another fit is writing into ${folder}: give each fit a folder of its own`,
    )
  }

  release(): void {
    if (!locked.delete(this.#path)) return
    if (this.#fd !== undefined) closeSync(this.#fd)
  }
}

/** A folder's file descriptor, where folders can be opened. */
function opened(folder: string): number | undefined {
  try {
    return openSync(folder, 'r')
  } catch {
    return undefined
  }
}
