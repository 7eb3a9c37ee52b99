// PNG files of pixels: https://www.w3.org/TR/png-3/
import { Buffer } from 'node:buffer'
import { promisify } from 'node:util'
import { crc32, deflate } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** The colour types of 1 to 4 channels: grey, grey with alpha, RGB, RGBA. */
const COLOUR_TYPES = [0, 4, 2, 6]

export interface Pixels {
  readonly width: number
  readonly height: number
  /** 1 to 4. */
  readonly channels: number
  /** Row by row, pixel by pixel: height · width · channels bytes. */
  readonly data: Uint8Array
}

/** Pixels as a PNG file with 8 bits per channel, without interlacing. */
export async function encodePng({ width, height, channels, data }: Pixels): Promise<Buffer> {
  const size = width * channels
  // Each row starts with the number of its filter: 0, none.
  const rows = Buffer.alloc(height * (size + 1))
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * size, (y + 1) * size), y * (size + 1) + 1)
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, COLOUR_TYPES[channels - 1] as number, 0, 0, 0], 8)
  const compressed = await promisify(deflate)(rows)
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', compressed), chunk('IEND', Buffer.alloc(0))])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(data.length, 0)
  ends.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
}

/** The size of a PNG file, and its channels; `undefined` if it is none. A palette has colours. */
export function pngHeader(file: Uint8Array): Omit<Pixels, 'data'> | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  if (bytes.length < 33 || !bytes.subarray(0, 8).equals(SIGNATURE)) return undefined
  const channels = COLOUR_TYPES.indexOf(bytes[25] as number) + 1
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20), channels: channels === 0 ? 3 : channels }
}
