import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { type Entry, openPromise, type ZipFile } from 'yauzl'
import { LibTorchError } from '../errors.ts'

// Of a wheel of PyTorch or of NVIDIA, or of a libtorch archive: the libraries, the headers, the version.
const NEEDED =
  /^((lib)?torch\/(lib|include|share\/cmake)\/|torch\/version\.py$|libtorch\/build-version$|nvidia\/.+\/(lib|bin)\/)/
const NOT_NEEDED = /\.a$|\/libtorch_python\./
const SYMBOLIC_LINK = 0o12

/** The SHA-256 of a file, in hexadecimal. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
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

/** The text of the first entry whose name matches `name`; empty where there is none. */
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

async function unpackEntry(zip: ZipFile, entry: Entry, folder: string): Promise<void> {
  if (entry.externalFileAttributes >>> 28 === SYMBOLIC_LINK) throw new Error(`${entry.fileName} is a symbolic link`)
  const target = join(folder, entry.fileName)
  await mkdir(dirname(target), { recursive: true })
  await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target))
}

/** Unpacks what LibTorch needs at run time and to build against. yauzl refuses names that lead out of the folder. */
export async function unpack(archive: string, folder: string): Promise<void> {
  const zip = await open(archive)
  try {
    for await (const entry of zip.eachEntry()) {
      const { fileName } = entry
      if (fileName.endsWith('/') || !NEEDED.test(fileName) || NOT_NEEDED.test(fileName)) continue
      await unpackEntry(zip, entry, folder)
    }
  } catch (cause) {
    throw new LibTorchError(`${archive} cannot be unpacked: ${(cause as Error).message}.`, { cause })
  } finally {
    zip.close()
  }
}
