import { Buffer } from 'node:buffer'
import { crc32, inflateRaw, inflateRawSync } from 'node:zlib'
import { Budget } from './budget.ts'
import { type Coroutine, pause, perform } from './coroutine.ts'
import { CHUNK, type FileReader } from './file.ts'

// Why not yauzl, which unpacks LibTorch: it has no blocking form, which the Sync functions need. This reads only the
// kind of archive that PyTorch writes: one disk, no encryption, and no compression except for the code of a TorchScript
// archive.

/** A file in an archive, as described by the archive's directory. */
export interface ZipEntry {
  name: string
  size: number
  /** Its bytes in the archive. */
  compressed: number
  /** 0 if stored, 8 if deflated. */
  method: number
  /** The CRC-32 of its content; also 0 if PyTorch was told to compute none (`set_crc32_options(False)`). */
  crc: number
  /** The start of its local header. */
  position: number
}

// The signatures of the parts of an archive.
export const DIRECTORY_END = 0x06054b50
export const DIRECTORY_END_64 = 0x06064b50
export const LOCATOR_64 = 0x07064b50
export const ENTRY = 0x02014b50
export const LOCAL = 0x04034b50
/** The value of a 32-bit field whose real value is in the extra field {@link EXTRA_64}, or the 64-bit end. */
export const LARGE = 0xffffffff
export const EXTRA_64 = 1
const LONGEST_COMMENT = 65_535
/** Enough for more than a hundred thousand tensors. */
const LARGEST_DIRECTORY = 64 << 20
/** The memory that an entry needs once it is read, besides its name. */
const ENTRY_COST = 300
/** The number of entries read without a pause. */
const BATCH = 5000
const DEFLATED = 8
/** More than the code of any TorchScript program needs. */
const LARGEST_INFLATED = 1 << 28

/** Whether a file begins like a non-empty zip archive. */
export function isZip(start: Uint8Array): boolean {
  return start.length >= 4 && Buffer.from(start.buffer, start.byteOffset, 4).readUInt32LE() === LOCAL
}

/** Whether an archive is one of torch.jit.save, by the names of its files. */
export function isScript(names: Iterable<string>): boolean {
  return [...names].some((name) => /^[^/]+\/constants\.pkl$/.test(name))
}

interface Directory {
  position: number
  size: number
  count: number
}

function* findDirectory(file: FileReader): Coroutine<Directory> {
  const length = Math.min(file.size, 22 + LONGEST_COMMENT)
  const tail = Buffer.from(yield* file.read(file.size - length, length))
  let end = tail.length - 22
  while (end >= 0 && tail.readUInt32LE(end) !== DIRECTORY_END) end--
  if (end < 0) file.reject('the zip archive has no directory: the file is truncated, or not an archive')
  const [count, size, position] = [
    tail.readUInt16LE(end + 10),
    tail.readUInt32LE(end + 12),
    tail.readUInt32LE(end + 16),
  ]
  if (count !== 0xffff && size !== LARGE && position !== LARGE) return { count, size, position }
  const locator = end - 20
  if (locator < 0 || tail.readUInt32LE(locator) !== LOCATOR_64) return { count, size, position }
  const start = safe(file, tail.readBigUInt64LE(locator + 8))
  const record = Buffer.from(yield* file.read(start, 56))
  if (record.readUInt32LE() !== DIRECTORY_END_64) file.reject('the zip archive has a damaged directory')
  return {
    count: safe(file, record.readBigUInt64LE(32)),
    size: safe(file, record.readBigUInt64LE(40)),
    position: safe(file, record.readBigUInt64LE(48)),
  }
}

/** A number that must be an offset or a size within the file. */
function safe(file: FileReader, value: bigint): number {
  if (value > BigInt(file.size)) file.reject('the zip archive has a damaged directory')
  return Number(value)
}

/** The sizes and the offset that are too large for their fields, in the order of the extra field. */
function* large(extra: Buffer): Generator<bigint> {
  for (let at = 0; at + 4 <= extra.length; ) {
    const [id, size] = [extra.readUInt16LE(at), extra.readUInt16LE(at + 2)]
    if (id === EXTRA_64) {
      for (let field = at + 4; field + 8 <= Math.min(at + 4 + size, extra.length); field += 8) {
        yield extra.readBigUInt64LE(field)
      }
    }
    at += 4 + size
  }
}

/** The entries of an archive by name. */
export function* readDirectory(file: FileReader): Coroutine<Map<string, ZipEntry>> {
  const { count, size, position } = yield* findDirectory(file)
  const damaged = (): never => file.reject('the zip archive has a damaged directory')
  if (position + size > file.size || size > LARGEST_DIRECTORY || count * 46 > size) damaged()
  const directory = Buffer.from(yield* file.read(position, size))
  const budget = new Budget(() => file.reject('the zip archive has more files than there is memory for'))
  budget.charge(ENTRY_COST * count + 2 * size)
  budget.close()
  const entries = new Map<string, ZipEntry>()
  let total = 0
  for (let at = 0, i = 0; i < count; i++) {
    if (i % BATCH === BATCH - 1) yield* pause()
    if (at + 46 > size || directory.readUInt32LE(at) !== ENTRY) damaged()
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28)
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30)
    if (extraEnd > size) damaged()
    const name = directory.toString('utf8', at + 46, nameEnd)
    const more = large(directory.subarray(nameEnd, extraEnd))
    const field = (offset: number): number => {
      const value = directory.readUInt32LE(offset)
      return value === LARGE ? safe(file, more.next().value ?? damaged()) : value
    }
    const [uncompressed, compressed] = [field(at + 24), field(at + 20)]
    const entry = {
      name,
      size: uncompressed,
      compressed,
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      position: field(at + 42),
    }
    if (entries.has(name)) file.reject(`the zip archive has two files called ${name}`)
    if (entry.method === 0 && compressed !== uncompressed) damaged()
    // Overlapping entries could turn a small file into terabytes.
    total += compressed
    if (total > file.size) file.reject('the files in the zip archive overlap')
    entries.set(name, entry)
    at = extraEnd + directory.readUInt16LE(at + 32)
  }
  return entries
}

/** The start of an entry's bytes, all of which are within the file. */
function* placeOf(file: FileReader, { name, compressed, position }: ZipEntry): Coroutine<number> {
  const local = Buffer.from(yield* file.read(position, 30))
  const start = position + 30 + local.readUInt16LE(26) + local.readUInt16LE(28)
  if (local.readUInt32LE() !== LOCAL || start + compressed > file.size) file.reject(`${name} is damaged`)
  return start
}

/** The start of the bytes of a stored entry. */
export function* locate(file: FileReader, entry: ZipEntry): Coroutine<number> {
  if (entry.method !== 0) file.reject(`${entry.name} is compressed, which torch.save never does`)
  return yield* placeOf(file, entry)
}

/** Throws unless `crc` is the checksum of the entry. */
export function requireChecksum(file: FileReader, entry: ZipEntry, crc: number): void {
  if (entry.crc === 0 || entry.crc === crc) return
  file.reject(`${entry.name} is damaged: its content does not match its checksum`)
}

function* inflate(file: FileReader, entry: ZipEntry): Coroutine<Buffer> {
  const { name, size, compressed } = entry
  if (size > LARGEST_INFLATED) file.reject(`${name} has ${size} bytes, more than ${LARGEST_INFLATED}`)
  const packed = yield* file.read(yield* placeOf(file, entry), compressed)
  const options = { maxOutputLength: Math.max(size, 1) }
  try {
    return yield* perform(
      () => inflateRawSync(packed, options),
      () =>
        new Promise<Buffer>((resolve, reject) => {
          inflateRaw(packed, options, (error, bytes) => (error ? reject(error) : resolve(bytes)))
        }),
    )
  } catch {
    return file.reject(`${name} is damaged: it cannot be decompressed`)
  }
}

/** Throws unless the content of an entry, stored or deflated, has its checksum. */
export function* check(file: FileReader, entry: ZipEntry): Coroutine<void> {
  let crc = 0
  if (entry.method === 0) {
    yield* file.stream(yield* placeOf(file, entry), entry.size, 1, (piece) => {
      crc = crc32(piece, crc)
    })
  } else if (entry.method === DEFLATED) {
    const bytes = yield* inflate(file, entry)
    if (bytes.length !== entry.size) file.reject(`${entry.name} is damaged: it has ${bytes.length} bytes`)
    crc = yield* checksum(bytes)
  } else {
    file.reject(`${entry.name} is compressed in a way that PyTorch does not use`)
  }
  requireChecksum(file, entry, crc)
}

/** The CRC-32 of a large block of bytes. */
export function* checksum(bytes: Uint8Array): Coroutine<number> {
  let crc = 0
  for (let start = 0; start < bytes.length; start += CHUNK) {
    if (start > 0) yield* pause()
    crc = crc32(bytes.subarray(start, start + CHUNK), crc)
  }
  return crc
}
