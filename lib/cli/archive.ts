import { createWriteStream } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import { type Entry, openPromise, type ZipFile } from 'yauzl'
import { LibTorchError } from '../errors.ts'
import { makeFolder } from '../io/folder.ts'
import type { Manifest } from '../native/manifest.ts'

// The files in a wheel of PyTorch or NVIDIA, or in a libtorch archive.
const LIBRARIES = /^((lib)?torch\/lib\/|torch\/version\.py$|libtorch\/build-version$|nvidia\/.+\/(lib|bin)\/)/
const HEADERS = /^(lib)?torch\/include\//
// Files that only Python, PyTorch's own tests or static linking need.
const NOT_NEEDED =
  /\.(a|py)$|\/libshm\/|\/(lib)?(torch_python|shm|torchbind_test|aoti_custom_ops|backend_with_compiler|jitbackend_test)\./
const SYMBOLIC_LINK = 0o12

/** Whether a file of an unpacked LibTorch is needed: to run, or with `headers` also to build against it. */
export function isNeeded(name: string, headers: boolean): boolean {
  if (/^torch\/version\.py$/.test(name)) return true
  return (LIBRARIES.test(name) && !NOT_NEEDED.test(name)) || (headers && HEADERS.test(name))
}

/** Whether a file is listed in the {@link Manifest}: there are too many headers to check. */
export function isListed(name: string): boolean {
  return !HEADERS.test(name)
}

async function open(archive: string): Promise<ZipFile> {
  try {
    return await openPromise(archive, { autoClose: false })
  } catch (cause) {
    throw new LibTorchError(
      `${archive} is not a zip archive or a wheel: ${(cause as Error).message.replace(/\.$/, '')}.`,
      { cause },
    )
  }
}

/** The text of the first entry whose name matches `name`; empty if there is none. */
export async function readText(archive: string, name: RegExp): Promise<string> {
  const zip = await open(archive)
  try {
    for await (const entry of zip.eachEntry()) {
      if (name.test(entry.fileName)) return (await buffer(await zip.openReadStreamPromise(entry))).toString()
    }
    return ''
  } finally {
    zip.close()
  }
}

/** @throws {LibTorchError} if the file system of `folder` has less than `bytes` of free space. */
export async function requireSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const [needed, free] = [bytes, bavail * bsize].map((size) => Math.ceil(size / 1e6))
  if (bytes > bavail * bsize) {
    throw new LibTorchError(`LibTorch needs ${needed} MB in ${folder}, where ${free} MB are free.`)
  }
}

async function unpackEntry(zip: ZipFile, entry: Entry, folder: string): Promise<void> {
  if (entry.externalFileAttributes >>> 28 === SYMBOLIC_LINK) throw new Error(`${entry.fileName} is a symbolic link`)
  const target = join(folder, entry.fileName)
  await makeFolder(dirname(target))
  let sum = 0
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sum = crc32(chunk, sum)
      done(null, chunk)
    },
  })
  await pipeline(await zip.openReadStreamPromise(entry), check, createWriteStream(target))
  // yauzl compares only the size.
  if (sum !== entry.crc32) throw new Error(`${entry.fileName} is damaged (its CRC-32 differs)`)
}

/**
 * Unpacks the files that LibTorch needs at run time, and with `headers` those to build against it. yauzl rejects names
 * that lead out of the folder, and data that is longer than the archive says.
 */
export async function unpack(archive: string, folder: string, headers: boolean): Promise<Manifest> {
  const zip = await open(archive)
  const files: Manifest = {}
  try {
    const entries: Entry[] = []
    for await (const entry of zip.eachEntry()) {
      if (!entry.fileName.endsWith('/') && isNeeded(entry.fileName, headers)) entries.push(entry)
    }
    await requireSpace(
      folder,
      entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0),
    )
    for (const entry of entries) {
      await unpackEntry(zip, entry, folder)
      if (isListed(entry.fileName)) {
        files[entry.fileName] = { bytes: entry.uncompressedSize, crc32: entry.crc32 }
      }
    }
    return files
  } catch (cause) {
    if (cause instanceof LibTorchError) throw cause
    throw new LibTorchError(`${archive} cannot be unpacked: ${(cause as Error).message}.`, { cause })
  } finally {
    zip.close()
  }
}
