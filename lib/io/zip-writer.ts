import { Buffer } from 'node:buffer'
import type { FileWriter } from './atomic.ts'
import type { Coroutine } from './coroutine.ts'
import { DIRECTORY_END, DIRECTORY_END_64, ENTRY, EXTRA_64, LARGE, LOCAL, LOCATOR_64 } from './zip.ts'

// A library's writer has no blocking form, which the Sync functions need. This writes the kind of archive that PyTorch
// writes: nothing is compressed, and the content of each file starts at a multiple of 64 bytes, so that it can be mapped
// into memory.

const ALIGNMENT = 64
/** The extra field with which PyTorch fills the space before the content: `FB`. */
const EXTRA_FILL = 0x4246
/** Versions of the format that a reader must know: with and without 64-bit sizes. */
const VERSION = 20
const VERSION_64 = 45
/** 1980-01-01, the first day that the format knows: the same content has the same bytes at any time. */
const DATE = 0x21

/** An integer of 2, 4 or 8 bytes. */
type Field = readonly [bytes: 2 | 4 | 8, value: number]

function encode(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map(([bytes, value]) => {
      const part = Buffer.alloc(bytes)
      if (bytes === 8) part.writeBigUInt64LE(BigInt(value))
      else part.writeUIntLE(value, 0, bytes)
      return part
    }),
  )
}

/** The 64-bit extra field for those values that do not fit into 32 bits, in the order of the values. */
function extra64(values: readonly number[]): Buffer {
  const large = values.filter((value) => value >= LARGE)
  if (large.length === 0) return Buffer.alloc(0)
  return encode([[2, EXTRA_64], [2, 8 * large.length], ...large.map((value) => [8, value] as const)])
}

const capped = (value: number): Field => [4, Math.min(value, LARGE)]

/** The fields that a local header and an entry of the directory share. */
function common(size: number, crc: number): Field[] {
  const version = size >= LARGE ? VERSION_64 : VERSION
  return [[2, version], [2, 0], [2, 0], [2, 0], [2, DATE], [4, crc], capped(size), capped(size)]
}

/** The header of a file in an archive, at `position`. */
export function localHeader(name: string, size: number, crc: number, position: number): Buffer {
  const path = Buffer.from(name)
  const sizes = extra64([size, size])
  const end = position + 30 + path.length + sizes.length + 4
  const fill = (ALIGNMENT - (end % ALIGNMENT)) % ALIGNMENT
  return Buffer.concat([
    encode([[4, LOCAL], ...common(size, crc), [2, path.length], [2, sizes.length + 4 + fill]]),
    path,
    sizes,
    encode([
      [2, EXTRA_FILL],
      [2, fill],
    ]),
    Buffer.alloc(fill, 'Z'),
  ])
}

/** The entry of a file in the directory; its header is at `position`. */
export function directoryEntry(name: string, size: number, crc: number, position: number): Buffer {
  const path = Buffer.from(name)
  const extra = extra64([size, size, position])
  const rest: Field[] = [[2, path.length], [2, extra.length], [2, 0], [2, 0], [2, 0], [4, 0], capped(position)]
  return Buffer.concat([encode([[4, ENTRY], [2, VERSION_64], ...common(size, crc), ...rest]), path, extra])
}

/** The end of an archive with `count` files, whose directory of `size` bytes is at `position`. */
export function directoryEnd(count: number, size: number, position: number): Buffer {
  const isLarge = count >= 0xffff || size >= LARGE || position >= LARGE
  const end64: Field[] = [
    [4, DIRECTORY_END_64],
    [8, 44],
    [2, VERSION_64],
    [2, VERSION_64],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, size],
    [8, position],
    [4, LOCATOR_64],
    [4, 0],
    [8, position + size],
    [4, 1],
  ]
  const counted: Field = [2, Math.min(count, 0xffff)]
  return encode([
    ...(isLarge ? end64 : []),
    [4, DIRECTORY_END],
    [2, 0],
    [2, 0],
    counted,
    counted,
    capped(size),
    capped(position),
    [2, 0],
  ])
}

/** Writes files into an archive, one after the other. */
export class ZipWriter {
  readonly #file: FileWriter
  readonly #directory: Buffer[] = []
  #position = 0

  constructor(file: FileWriter) {
    this.#file = file
  }

  *#append(bytes: Buffer): Coroutine<void> {
    yield* this.#file.write(bytes.length, (target, offset) => bytes.copy(target, 0, offset, offset + target.length))
    this.#position += bytes.length
  }

  /** Adds a file of `size` bytes, which `fill` writes piece by piece to the given places. */
  *add(name: string, size: number, crc: number, fill: (target: Uint8Array, offset: number) => void): Coroutine<void> {
    this.#directory.push(directoryEntry(name, size, crc, this.#position))
    yield* this.#append(localHeader(name, size, crc, this.#position))
    yield* this.#file.write(size, fill)
    this.#position += size
  }

  *end(): Coroutine<void> {
    const [start, directory] = [this.#position, Buffer.concat(this.#directory)]
    yield* this.#append(directory)
    yield* this.#append(directoryEnd(this.#directory.length, directory.length, start))
  }
}
