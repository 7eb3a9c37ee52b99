import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { torchError } from '../errors.ts'
import { native } from '../tensor/binding.ts'
import { type Coroutine, perform } from './coroutine.ts'
import { close, fileError, open, pathOf, readFile, statOf } from './file.ts'

const BUFFER = 1 << 22
const PIECE = 1 << 20
const HOUR = 3_600_000
const PREFIX = '.libtorch-rnn-'
const SUFFIX = '.tmp'

/** The boot ID of this machine, the same in all its containers; empty if there is none. */
const BOOT = (() => {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').replaceAll('-', '').trim()
  } catch {
    return ''
  }
})()

/** Temporary files that a process.exit() would leave behind. */
const unfinished = new Set<string>()

function removeUnfinished(): void {
  for (const path of unfinished) fs.rmSync(path, { force: true })
}

function remember(path: string): void {
  if (unfinished.size === 0) process.on('exit', removeUnfinished)
  unfinished.add(path)
}

function forget(path: string): void {
  unfinished.delete(path)
  if (unfinished.size === 0) process.off('exit', removeUnfinished)
}

/** A buffered writer, so that many small tensors need few writes. */
export class FileWriter {
  readonly #fd: number
  // A file of a known, small size needs no large one.
  readonly #buffer: Buffer
  #used = 0

  constructor(fd: number, size = BUFFER) {
    this.#fd = fd
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(size, BUFFER)))
  }

  /** Appends `length` bytes; `fill` writes them piece by piece to the given places. */
  *write(length: number, fill: (target: Uint8Array, offset: number) => void): Coroutine<void> {
    for (let offset = 0; offset < length; ) {
      const size = Math.min(length - offset, this.#buffer.length - this.#used)
      fill(this.#buffer.subarray(this.#used, this.#used + size), offset)
      offset += size
      this.#used += size
      if (this.#used === this.#buffer.length) yield* this.flush()
    }
  }

  /** Lets `write` append to the file itself. There is only an asynchronous form. */
  *append(write: (fd: number) => Promise<void>): Coroutine<void> {
    yield* this.flush()
    yield* perform(
      () => {
        throw torchError('ERR_TORCH_RUNTIME', 'this file can be written only off the main thread')
      },
      () => write(this.#fd),
    )
  }

  *flush(): Coroutine<void> {
    for (let done = 0; done < this.#used; ) {
      const [from, length] = [done, this.#used - done]
      done += yield* perform(
        () => fs.writeSync(this.#fd, this.#buffer, from, length),
        () =>
          new Promise<number>((resolve, reject) => {
            fs.write(this.#fd, this.#buffer, from, length, null, (error, n) => (error ? reject(error) : resolve(n)))
          }),
      )
    }
    this.#used = 0
  }
}

function* fsync(fd: number): Coroutine<void> {
  yield* perform(
    () => fs.fsyncSync(fd),
    () =>
      new Promise<void>((resolve, reject) => {
        fs.fsync(fd, (error) => (error ? reject(error) : resolve()))
      }),
  )
}

/** Makes the new name of a file survive a power failure, if the operating system can. */
function* syncFolder(folder: string): Coroutine<void> {
  if (process.platform === 'win32') return
  try {
    const fd = yield* open(folder, 'r')
    try {
      yield* fsync(fd)
    } finally {
      yield* close(fd)
    }
  } catch {
    // The file is complete anyway. Some network file systems have no fsync for folders; some folders cannot be read.
  }
}

/** Removes a temporary file if nobody writes to it any more. */
function* removeIfAbandoned(path: string, isOld: boolean): Coroutine<void> {
  const fd = yield* open(path, 'r+')
  try {
    const locked = native.lockFile(fd)
    if (locked ?? isOld) fs.rmSync(path, { force: true })
  } finally {
    yield* close(fd)
  }
}

/**
 * Removes files that killed processes have left in the folder. The lock on a file ends with its process. For files that
 * another machine writes to a shared folder, or that this one wrote before a reboot, the lock may say nothing: they are
 * removed after an hour.
 */
function* removeAbandoned(folder: string): Coroutine<void> {
  let names: string[] = []
  try {
    names = yield* perform(
      () => fs.readdirSync(folder),
      () => fs.promises.readdir(folder),
    )
  } catch {
    // A folder that cannot be listed can still be written to.
  }
  for (const name of names) {
    if (!name.startsWith(PREFIX) || !name.endsWith(SUFFIX)) continue
    const path = join(folder, name)
    try {
      const stats = yield* statOf(path)
      if (stats === undefined) continue
      const isOld = Date.now() - stats.mtimeMs > HOUR
      const isOurs = BOOT !== '' && name.startsWith(`${PREFIX}${BOOT}-`)
      if (isOld || isOurs) yield* removeIfAbandoned(path, isOld)
    } catch {
      // It is already gone, or belongs to someone else.
    }
  }
}

/** A new file in the folder, locked as long as it is open. */
function* createTemporary(folder: string, mode: number): Coroutine<{ temporary: string; fd: number }> {
  for (;;) {
    const temporary = join(folder, `${PREFIX}${BOOT}-${randomUUID().replaceAll('-', '')}${SUFFIX}`)
    remember(temporary)
    try {
      const fd = yield* open(temporary, 'wx', mode)
      // Another save may have found it before it was locked, and removed it as abandoned.
      if (native.lockFile(fd) !== false && fs.existsSync(temporary)) return { temporary, fd }
      yield* close(fd)
    } catch (error) {
      forget(temporary)
      // The user knows only the folder.
      if (error instanceof Error) error.message = error.message.replace(temporary, folder)
      throw error
    }
    forget(temporary)
  }
}

/** The target of a path through symbolic links; the path itself if nothing exists there yet. */
function* resolved(path: string): Coroutine<string> {
  try {
    return yield* perform(
      () => fs.realpathSync(path),
      () => fs.promises.realpath(path),
    )
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return path
    throw error
  }
}

/**
 * Writes a file atomically: to a temporary file in the same folder, which replaces `given` when all of it is on the
 * disk. Until then, readers of `given` see the old file.
 *
 * @param size how much `work` writes, if that is known
 */
export function* writeFile(
  name: string,
  given: unknown,
  work: (file: FileWriter) => Coroutine<void>,
  size?: number,
): Coroutine<void> {
  const path = pathOf(name, given)
  try {
    const target = yield* resolved(path)
    const former = yield* statOf(target)
    if (former !== undefined && !former.isFile()) {
      throw torchError('ERR_TORCH_FILE', `${name}: ${path} is not a regular file`, { op: name })
    }
    const folder = dirname(target)
    yield* removeAbandoned(folder)
    const { temporary, fd } = yield* createTemporary(folder, former === undefined ? 0o666 : former.mode & 0o777)
    try {
      try {
        const writer = new FileWriter(fd, size)
        yield* work(writer)
        yield* writer.flush()
        yield* fsync(fd)
        // Before it is closed, which releases its lock.
        yield* perform(
          () => fs.renameSync(temporary, target),
          () => fs.promises.rename(temporary, target),
        )
      } finally {
        yield* close(fd)
      }
    } catch (error) {
      fs.rmSync(temporary, { force: true })
      throw error
    } finally {
      forget(temporary)
    }
    yield* syncFolder(folder)
  } catch (cause) {
    throw fileError(name, cause)
  }
}

/** Copies a file, as atomically as {@link writeFile}. */
export function copyFile(name: string, source: string, given: unknown): Coroutine<void> {
  return readFile(name, source, (from) => {
    const write = function* (to: FileWriter): Coroutine<void> {
      for (let offset = 0; offset < from.size; offset += PIECE) {
        const piece = yield* from.read(offset, Math.min(PIECE, from.size - offset))
        yield* to.write(piece.length, (target, start) => target.set(piece.subarray(start, start + target.length)))
      }
    }
    return writeFile(name, given, write, Math.min(PIECE, from.size))
  })
}
