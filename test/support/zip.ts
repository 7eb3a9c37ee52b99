import { writeFileSync } from 'node:fs'
import { crc32, deflateRawSync } from 'node:zlib'

interface Fields {
  signature: number
  sizes: readonly (readonly [bytes: 2 | 4, value: number])[]
}

function record({ signature, sizes }: Fields): Buffer {
  const parts = [[4, signature] as const, ...sizes].map(([bytes, value]) => {
    const part = Buffer.alloc(bytes)
    part.writeUIntLE(value, 0, bytes)
    return part
  })
  return Buffer.concat(parts)
}

interface ZipOptions {
  /** The Unix mode of the entries. */
  mode?: number
  /** Which entries are compressed. Default: none. */
  deflate?: (name: string) => boolean
}

/** Writes a zip archive. */
export function writeZip(
  file: string,
  entries: Record<string, string | Uint8Array>,
  { mode = 0o100644, deflate = () => false }: ZipOptions = {},
): string {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, text] of Object.entries(entries)) {
    const [path, content] = [Buffer.from(name), Buffer.from(text as string)]
    const data = deflate(name) ? deflateRawSync(content) : content
    const common = [
      [2, 20],
      [2, 0],
      [2, deflate(name) ? 8 : 0],
      [4, 0],
      [4, crc32(content)],
      [4, data.length],
      [4, content.length],
    ] as const
    const lengths = [
      [2, path.length],
      [2, 0],
    ] as const
    const local = Buffer.concat([record({ signature: 0x04034b50, sizes: [...common, ...lengths] }), path, data])
    const rest = [
      [2, 0],
      [2, 0],
      [2, 0],
      [4, mode * 0x10000],
      [4, offset],
    ] as const
    const sizes = [[2, 0x0314] as const, ...common, ...lengths, ...rest]
    directory.push(record({ signature: 0x02014b50, sizes }), path)
    locals.push(local)
    offset += local.length
  }
  const count = Object.keys(entries).length
  const central = Buffer.concat(directory)
  const sizes = [
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, central.length],
    [4, offset],
    [2, 0],
  ] as const
  writeFileSync(file, Buffer.concat([...locals, central, record({ signature: 0x06054b50, sizes })]))
  return file
}

/** The files in an uncompressed archive, as views of its bytes. */
export function readZip(bytes: Buffer): Record<string, Buffer> {
  const entries: Record<string, Buffer> = {}
  for (let at = bytes.readUInt32LE(bytes.length - 6); bytes.readUInt32LE(at) === 0x02014b50; ) {
    const nameEnd = at + 46 + bytes.readUInt16LE(at + 28)
    const local = bytes.readUInt32LE(at + 42)
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28)
    entries[bytes.toString('utf8', at + 46, nameEnd)] = bytes.subarray(start, start + bytes.readUInt32LE(at + 24))
    at = nameEnd + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32)
  }
  return entries
}
