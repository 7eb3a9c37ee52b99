import { Buffer } from 'node:buffer'
import type { FileReader } from './file.ts'
import type { Steps } from './steps.ts'

// Why not yauzl, which unpacks LibTorch: it has no form that blocks, as the Sync functions need. What is read here is
// only what torch.save writes: one disk, nothing compressed or encrypted.

/** A file in an archive, as its directory describes it. */
export interface ZipEntry {
  name: string
  size: number
  /** 0 where it is stored as it is. */
  method: number
  /** Where its local header begins. */
  position: number
}

const END = 0x06054b50
const END_64 = 0x06064b50
const END_64_LOCATOR = 0x07064b50
const ENTRY = 0x02014b50
const LOCAL = 0x04034b50
const LARGE = 0xffffffff
const EXTRA_64 = 1
const LONGEST_COMMENT = 65_535
/** More than a hundred thousand tensors. */
const LARGEST_DIRECTORY = 64 << 20

/** Whether a file begins as a zip archive with something in it does. */
export function isZip(start: Uint8Array): boolean {
  return start.length >= 4 && Buffer.from(start.buffer, start.byteOffset, 4).readUInt32LE() === LOCAL
}

interface Directory {
  position: number
  size: number
  count: number
}

function* findDirectory(file: FileReader): Steps<Directory> {
  const length = Math.min(file.size, 22 + LONGEST_COMMENT)
  const tail = Buffer.from(yield* file.read(file.size - length, length))
  let end = tail.length - 22
  while (end >= 0 && tail.readUInt32LE(end) !== END) end--
  if (end < 0) file.reject('the zip archive has no directory: the file is cut, or no archive')
  const [count, size, position] = [
    tail.readUInt16LE(end + 10),
    tail.readUInt32LE(end + 12),
    tail.readUInt32LE(end + 16),
  ]
  if (count !== 0xffff && size !== LARGE && position !== LARGE) return { count, size, position }
  const locator = end - 20
  if (locator < 0 || tail.readUInt32LE(locator) !== END_64_LOCATOR) return { count, size, position }
  const start = safe(file, tail.readBigUInt64LE(locator + 8))
  const record = Buffer.from(yield* file.read(start, 56))
  if (record.readUInt32LE() !== END_64) file.reject('the zip archive has a damaged directory')
  return {
    count: safe(file, record.readBigUInt64LE(32)),
    size: safe(file, record.readBigUInt64LE(40)),
    position: safe(file, record.readBigUInt64LE(48)),
  }
}

/** A number that must be a place or a size within the file. */
function safe(file: FileReader, value: bigint): number {
  if (value > BigInt(file.size)) file.reject('the zip archive has a damaged directory')
  return Number(value)
}

/** The sizes and the place that are too large for their fields, in the order in which the extra field has them. */
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
export function* readDirectory(file: FileReader): Steps<Map<string, ZipEntry>> {
  const { count, size, position } = yield* findDirectory(file)
  const damaged = (): never => file.reject('the zip archive has a damaged directory')
  if (position + size > file.size || size > LARGEST_DIRECTORY || count * 46 > size) damaged()
  const directory = Buffer.from(yield* file.read(position, size))
  const entries = new Map<string, ZipEntry>()
  for (let at = 0, i = 0; i < count; i++) {
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
    const entry = { name, size: uncompressed, method: directory.readUInt16LE(at + 10), position: field(at + 42) }
    if (entries.has(name)) file.reject(`the zip archive has two files called ${name}`)
    if (entry.method === 0 && compressed !== uncompressed) damaged()
    entries.set(name, entry)
    at = extraEnd + directory.readUInt16LE(at + 32)
  }
  return entries
}

/** Where the bytes of an entry begin. All of them are within the file. */
export function* locate(file: FileReader, { name, size, method, position }: ZipEntry): Steps<number> {
  if (method !== 0) file.reject(`${name} is compressed, which torch.save never does`)
  const local = Buffer.from(yield* file.read(position, 30))
  const start = position + 30 + local.readUInt16LE(26) + local.readUInt16LE(28)
  if (local.readUInt32LE() !== LOCAL || start + size > file.size) file.reject(`${name} is damaged`)
  return start
}
