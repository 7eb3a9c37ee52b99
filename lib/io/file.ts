import { Buffer } from 'node:buffer'
import fs, { type Stats } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isNativeError } from 'node:util/types'
import { invalid } from '../check.ts'
import { TorchError, torchError } from '../errors.ts'
import { type Coroutine, perform } from './coroutine.ts'

/** The most bytes read or written at once, and the memory that a file needs besides its tensors. */
export const CHUNK = 1 << 22

/** The same check as in Node.js, which accepts URLs of another realm. */
export function isURL(value: unknown): value is URL {
  return typeof value === 'object' && value !== null && 'href' in value && 'protocol' in value
}

/** The path that the caller of the function `name` gave. */
export function pathOf(name: string, path: unknown): string {
  if (typeof path === 'string' && path !== '') return path
  if (!isURL(path)) {
    throw invalid(name, 'path', 'a string or a file: URL', path)
  }
  try {
    return fileURLToPath(path)
  } catch (cause) {
    throw fileError(name, cause)
  }
}

/** An error of the operating system about a file, as an error of this library. */
export function fileError(name: string, cause: unknown): unknown {
  // Node's errors belong to another realm if a test runner evaluates this file in a separate context.
  if (cause instanceof TorchError || !isNativeError(cause)) return cause
  return torchError('ERR_TORCH_FILE', `${name}: ${cause.message}`, { op: name, cause })
}

/** The error for a file of the wrong format, or a damaged one. */
export function formatError(name: string, path: string, problem: string): TorchError {
  return torchError('ERR_TORCH_FORMAT', `${name}: ${path}: ${problem}`, { op: name })
}

export function* statOf(path: string): Coroutine<Stats | undefined> {
  return yield* perform(
    () => fs.statSync(path, { throwIfNoEntry: false }),
    () =>
      fs.promises.stat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined
        throw error
      }),
  )
}

/** A file being read, with a window of {@link CHUNK} bytes. */
export class FileReader {
  /** The name of the reading function, for its errors. */
  readonly name: string
  readonly path: string
  readonly size: number
  readonly #fd: number
  #window: Buffer = Buffer.alloc(0)
  #start = 0

  constructor(name: string, path: string, size: number, fd: number) {
    this.name = name
    this.path = path
    this.size = size
    this.#fd = fd
  }

  /** Throws: the content is wrong. */
  reject(problem: string): never {
    throw formatError(this.name, this.path, problem)
  }

  /** The bytes from `position` on, valid until the next call. All must be within the file. */
  *read(position: number, length: number): Coroutine<Uint8Array> {
    if (position + length > this.size) this.reject('the file ends early')
    if (position < this.#start || position + length > this.#start + this.#window.length) {
      const size = Math.max(length, Math.min(CHUNK, this.size - position))
      if (this.#window.buffer.byteLength < size) this.#window = Buffer.allocUnsafeSlow(size)
      this.#window = Buffer.from(this.#window.buffer, 0, size)
      this.#start = Number.POSITIVE_INFINITY
      for (let done = 0; done < size; ) {
        const read = yield* this.#readSome(done, position + done)
        if (read === 0) this.reject('the file was truncated while it was read')
        done += read
      }
      this.#start = position
    }
    return this.#window.subarray(position - this.#start, position - this.#start + length)
  }

  /** Passes the bytes from `position` on to `use`, in pieces of whole multiples of `unit` bytes. */
  *stream(
    position: number,
    length: number,
    unit: number,
    use: (piece: Uint8Array, offset: number) => void,
  ): Coroutine<void> {
    const most = CHUNK - (CHUNK % unit)
    for (let offset = 0; offset < length; ) {
      const piece = yield* this.read(position + offset, Math.min(most, length - offset))
      use(piece, offset)
      offset += piece.length
    }
  }

  *#readSome(offset: number, position: number): Coroutine<number> {
    const [window, length] = [this.#window, this.#window.length - offset]
    return yield* perform(
      () => fs.readSync(this.#fd, window, offset, length, position),
      () =>
        new Promise<number>((resolve, reject) => {
          fs.read(this.#fd, window, offset, length, position, (error, read) => (error ? reject(error) : resolve(read)))
        }),
    )
  }
}

export function* open(path: string, flags: string, mode?: number): Coroutine<number> {
  return yield* perform(
    () => fs.openSync(path, flags, mode),
    () =>
      new Promise<number>((resolve, reject) => {
        fs.open(path, flags, mode, (error, fd) => (error ? reject(error) : resolve(fd)))
      }),
  )
}

export function* close(fd: number): Coroutine<void> {
  yield* perform(
    () => fs.closeSync(fd),
    () =>
      new Promise<void>((resolve, reject) => {
        fs.close(fd, (error) => (error ? reject(error) : resolve()))
      }),
  )
}

/** Opens a file for `work`, for the function `name`, and closes it. */
export function* readFile<T>(name: string, given: unknown, work: (file: FileReader) => Coroutine<T>): Coroutine<T> {
  const path = pathOf(name, given)
  try {
    const stats = yield* statOf(path)
    // Opening a pipe would wait for its other end.
    if (stats !== undefined && !stats.isFile()) {
      throw torchError('ERR_TORCH_FILE', `${name}: ${path} is not a regular file`, { op: name })
    }
    const fd = yield* open(path, 'r')
    try {
      const { size } = fs.fstatSync(fd)
      return yield* work(new FileReader(name, path, size, fd))
    } finally {
      yield* close(fd)
    }
  } catch (cause) {
    throw fileError(name, cause)
  }
}
