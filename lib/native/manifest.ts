import { createReadStream, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'

/** The record of an installed file. */
export interface FileRecord {
  bytes: number
  crc32: number
}

/** The files of an entry of the cache, by path inside it. */
export type Manifest = Record<string, FileRecord>

const NAME = 'manifest.json'

/** Records the files installed in `entry`. */
export function writeManifest(entry: string, files: Manifest): void {
  writeFileSync(join(entry, NAME), `${JSON.stringify({ files })}\n`)
}

function readManifest(entry: string): Manifest | undefined {
  const file = join(entry, NAME)
  if (!existsSync(file)) return undefined
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { files: Manifest }).files
  } catch {
    return {}
  }
}

/**
 * What is missing or truncated in an entry of the cache, worded to follow a colon; `undefined` if all files still have
 * their installed sizes. A process that opens a truncated library dies of SIGBUS.
 */
export function truncationOf(entry: string): string | undefined {
  const files = readManifest(entry)
  if (files === undefined) return undefined
  for (const [name, { bytes }] of Object.entries(files)) {
    const found = statSync(join(entry, name), { throwIfNoEntry: false })?.size
    if (found === undefined) return `damaged, ${name} is missing`
    if (found !== bytes) return `damaged, ${name} has ${found} of ${bytes} bytes`
  }
  return Object.keys(files).length === 0 ? `damaged, ${NAME} lists no files` : undefined
}

/** The CRC-32 of a file. */
export async function crc32Of(file: string): Promise<number> {
  let sum = 0
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) sum = crc32(chunk as Buffer, sum)
  return sum
}

/** Like {@link truncationOf}, but also reads all files to find changed ones. */
export async function damageOf(entry: string): Promise<string | undefined> {
  const truncation = truncationOf(entry)
  if (truncation !== undefined) return truncation
  for (const [name, record] of Object.entries(readManifest(entry) ?? {})) {
    if ((await crc32Of(join(entry, name))) !== record.crc32) return `damaged, ${name} differs from the installed file`
  }
  return undefined
}
