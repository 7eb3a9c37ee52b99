import { closeSync, mkdtempSync, openSync, rmSync, write as writeCallback, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf, torchError } from '../../errors.ts'
import { type Coroutine, perform, ready } from '../../io/coroutine.ts'
import { tidy } from '../../tensor/context.ts'
import { empty, tensor } from '../../tensor/creation.ts'
import { tensorOp } from '../../tensor/packet.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { BLOCK, pacing } from './pace.ts'

const OWNER = 'Series.from'

/** Takes numbers block after block. */
export interface Sink<Block, Result> {
  append(block: Block): Coroutine<void>
  finish(): Coroutine<Result>
  /** Frees what there is, after an error. */
  abort(): void
}

/** Where the columns and the tensors of a series are. */
export interface Storage {
  /** The folder for what does not fit into memory while rows are sorted. */
  readonly folder: string
  /** A column of float64. */
  column(): Sink<Float64Array, Float64Array>
  /** A float32 tensor (rows, width); blocks are of whole rows. */
  tensor(rows: number, width: number): Sink<Float32Array, Tensor>
}

const narrow = tensorOp('aten::narrow')
const copy = tensorOp('aten::copy_')
const fromFile = tensorOp('aten::from_file')
const writeTo = promisify(writeCallback)

/** A column of `length` numbers. `fill` writes one block after the other, whose first number is the `start`-th. */
export function* columnOf(
  storage: Storage,
  length: number,
  fill: (block: Float64Array, start: number) => void,
): Coroutine<Float64Array> {
  const sink = storage.column()
  const pace = pacing()
  try {
    const block = new Float64Array(Math.min(BLOCK, length))
    for (let start = 0; start < length; start += BLOCK) {
      const part = block.subarray(0, length - start)
      fill(part, start)
      yield* sink.append(part)
      yield* pace()
    }
    return yield* sink.finish()
  } catch (error) {
    sink.abort()
    throw error
  }
}

/** In memory. */
export const MEMORY: Storage = {
  folder: tmpdir(),
  column() {
    // Full but for the last one.
    const chunks: Float64Array[] = []
    let length = 0
    return {
      append(block) {
        for (let start = 0; start < block.length; ) {
          const filled = length % BLOCK
          if (filled === 0) chunks.push(new Float64Array(BLOCK))
          const part = block.subarray(start, start + BLOCK - filled)
          chunks.at(-1)?.set(part, filled)
          length += part.length
          start += part.length
        }
        return ready(undefined)
      },
      *finish() {
        const all = new Float64Array(length)
        const pace = pacing()
        for (let start = 0; start < length; start += BLOCK) {
          // A chunk is freed as soon as it is copied.
          const chunk = chunks.shift() as Float64Array
          all.set(chunk.subarray(0, length - start), start)
          yield* pace()
        }
        return all
      },
      abort: () => {},
    }
  },
  tensor(rows, width) {
    const all = empty([rows, width])
    let position = 0
    return {
      append(block) {
        const length = block.length / width
        tidy(() => void copy(narrow(all, 0, position, length), tensor(block, { shape: [length, width] })))
        position += length
        return ready(undefined)
      },
      finish: () => ready(all),
      abort: () => all.dispose(),
    }
  },
}

/**
 * In files of a folder that are mapped into memory: the system reads what is used, and takes the memory back when it
 * needs it. The files are deleted as soon as they are mapped, so that nothing is left when the process ends.
 */
export class MappedStorage implements Storage {
  readonly folder: string

  constructor(folder: string = tmpdir()) {
    this.folder = folder
  }

  column(): Sink<Float64Array, Float64Array> {
    const file = new TemporaryFile(this.folder)
    const buffer = new Float64Array(BLOCK)
    let filled = 0
    let length = 0
    function* flush(): Coroutine<void> {
      yield* file.write(buffer.subarray(0, filled))
      filled = 0
    }
    return {
      *append(block) {
        length += block.length
        for (let start = 0; start < block.length; ) {
          const part = block.subarray(start, start + BLOCK - filled)
          buffer.set(part, filled)
          filled += part.length
          start += part.length
          if (filled === BLOCK) yield* flush()
        }
      },
      *finish() {
        yield* flush()
        const mapped = file.map(length, 'float64')
        // The array keeps the memory.
        const column = mapped.toTypedArray({ copy: false }) as Float64Array
        mapped.dispose()
        return column
      },
      abort: () => file.delete(),
    }
  }

  tensor(rows: number, width: number): Sink<Float32Array, Tensor> {
    const file = new TemporaryFile(this.folder)
    return {
      append: (block) => file.write(block),
      finish: () => ready(tidy(() => file.map(rows * width, 'float32').view([rows, width]))),
      abort: () => file.delete(),
    }
  }
}

/** A file in a folder of its own, which nobody else can change. */
class TemporaryFile {
  readonly #folder: string
  readonly #path: string
  #fd: number | undefined
  #position = 0

  constructor(folder: string) {
    try {
      this.#folder = mkdtempSync(join(folder, 'libtorch-rnn-'))
    } catch (cause) {
      throw unwritable(folder, cause)
    }
    this.#path = join(this.#folder, 'data')
    this.#fd = openSync(this.#path, 'wx', 0o600)
  }

  *write(block: Float32Array | Float64Array): Coroutine<void> {
    // Written, and not only mapped: a full disk is an error here, but would end the process at an access to the memory.
    const bytes = new Uint8Array(block.buffer, block.byteOffset, block.byteLength)
    const fd = this.#fd as number
    try {
      for (let done = 0; done < bytes.length; ) {
        const [from, at] = [done, this.#position]
        done += yield* perform(
          () => writeSync(fd, bytes, from, bytes.length - from, at),
          async () => (await writeTo(fd, bytes, from, bytes.length - from, at)).bytesWritten,
        )
        this.#position = at + done - from
      }
    } catch (cause) {
      throw unwritable(this.#folder, cause)
    }
  }

  map(length: number, dtype: 'float32' | 'float64'): Tensor {
    try {
      if (length === 0) return empty([0], { dtype })
      return fromFile(this.#path, true, length, { dtype })
    } finally {
      this.delete()
    }
  }

  delete(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function unwritable(folder: string, cause: unknown): Error {
  return torchError(
    'ERR_TORCH_FILE',
    `${OWNER}: mmap cannot write to ${folder}: ${messageOf(cause)}. Name a folder on a disk with enough space, { mmap: 'folder' }`,
    { op: OWNER, cause },
  )
}
