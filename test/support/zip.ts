import { writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'

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

/** Writes a zip archive, uncompressed. `mode` is the Unix mode of its entries. */
export function writeZip(file: string, entries: Record<string, string | Uint8Array>, mode = 0o100644): string {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, text] of Object.entries(entries)) {
    const [path, data] = [Buffer.from(name), Buffer.from(text as string)]
    const common = [
      [2, 20],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, crc32(data)],
      [4, data.length],
      [4, data.length],
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
