// The files that TensorBoard reads: TFRecords of the protocol buffer message `Event`. Both forms are frozen, and only a
// few fields of them are needed here.
// https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
// https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto
// https://protobuf.dev/programming-guides/encoding/

import { Buffer } from 'node:buffer'

/** An entry of an event file. */
export interface Event {
  /** Seconds since 1970. */
  wallTime?: number
  step?: number
  /** Of the first event of a file: the version of its form. */
  fileVersion?: string
  /** By tag, saved as float32. */
  scalars?: Readonly<Record<string, number>>
  /** By tag. */
  histograms?: Readonly<Record<string, Histogram>>
  /** By tag: Markdown. */
  texts?: Readonly<Record<string, string>>
  /** By tag. */
  images?: Readonly<Record<string, Image>>
  /** The start of a session: readers drop earlier events of its step and later ones. */
  isStart?: boolean
}

/** How values are distributed. */
export interface Histogram {
  readonly min: number
  readonly max: number
  /** The number of values. */
  readonly num: number
  readonly sum: number
  readonly sumSquares: number
  /** The upper limit of each bucket. */
  readonly limits: readonly number[]
  /** The number of values in each bucket. */
  readonly counts: readonly number[]
}

export interface Image {
  readonly width: number
  readonly height: number
  /** The number of channels: 1 is grey, 2 grey and transparency, 3 colours, 4 colours and transparency. */
  readonly channels: number
  /** The file, in the format PNG. */
  readonly png: Uint8Array
}

/** An event as a record of an event file. */
export function encodeEvent(event: Event): Buffer {
  const { wallTime = 0, step = 0, fileVersion, isStart = false } = event
  const fields = [double(1, wallTime), varint(2, step)]
  if (fileVersion !== undefined) fields.push(bytes(3, Buffer.from(fileVersion)))
  const values = summary(event)
  if (values !== undefined) fields.push(bytes(5, values))
  // SessionLog.START
  if (isStart) fields.push(bytes(7, varint(1, 1)))
  return record(Buffer.concat(fields))
}

/** The message `Summary`: a list of tags and values; `undefined` if the event has none. */
function summary({ scalars, histograms, texts, images }: Event): Buffer | undefined {
  if ([scalars, histograms, texts, images].every((part) => part === undefined)) return undefined
  const values = [
    ...Object.entries(scalars ?? {}).map(([tag, value]) => [text(1, tag), float(2, value)]),
    ...Object.entries(histograms ?? {}).map(([tag, one]) => [text(1, tag), bytes(5, histogram(one))]),
    // In the order of the fields, as other writers have it.
    ...Object.entries(texts ?? {}).map(([tag, one]) => [
      text(1, `${tag}/text_summary`),
      bytes(8, textTensor(one)),
      TEXT,
    ]),
    ...Object.entries(images ?? {}).map(([tag, one]) => [text(1, tag), bytes(4, image(one))]),
  ]
  return Buffer.concat(values.map((fields) => bytes(1, Buffer.concat(fields))))
}

function histogram({ min, max, num, sum, sumSquares, limits, counts }: Histogram): Buffer {
  const numbers = [min, max, num, sum, sumSquares].map((value, i) =>
    value === 0 ? Buffer.alloc(0) : double(i + 1, value),
  )
  return Buffer.concat([...numbers, bytes(6, doubles(limits)), bytes(7, doubles(counts))])
}

function image({ height, width, channels, png }: Image): Buffer {
  return Buffer.concat([varint(1, height), varint(2, width), varint(3, channels), bytes(4, Buffer.from(png))])
}

/** The message `TensorProto` of one string: its dtype DT_STRING, its shape (1), its value. */
function textTensor(value: string): Buffer {
  return Buffer.concat([varint(1, 7), bytes(2, bytes(2, varint(1, 1))), text(8, value)])
}

/** A TFRecord: length, its checksum, data, its checksum. */
function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(data.length))
  return Buffer.concat([length, checksum(length), data, checksum(data)])
}

function checksum(data: Uint8Array): Buffer {
  const crc = crc32c(data)
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
  const result = Buffer.alloc(4)
  result.writeUInt32LE(masked)
  return result
}

const CRC32C = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  // The polynomial of Castagnoli, its bits reversed.
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** The checksum CRC-32C. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) crc = (crc >>> 8) ^ (CRC32C[(crc ^ byte) & 0xff] as number)
  return (crc ^ 0xffffffff) >>> 0
}

const VARINT = 0
const FIXED_64 = 1
const DELIMITED = 2
const FIXED_32 = 5

function key(field: number, wireType: number): Buffer {
  return Buffer.of((field << 3) | wireType)
}

function base128(value: number): Buffer {
  const digits: number[] = []
  let rest = value
  // Not by shifts, which have 32 bits.
  for (; rest >= 128; rest = Math.floor(rest / 128)) digits.push((rest % 128) + 128)
  return Buffer.of(...digits, rest)
}

function varint(field: number, value: number): Buffer {
  return Buffer.concat([key(field, VARINT), base128(value)])
}

function double(field: number, value: number): Buffer {
  const data = Buffer.alloc(8)
  data.writeDoubleLE(value)
  return Buffer.concat([key(field, FIXED_64), data])
}

function float(field: number, value: number): Buffer {
  const data = Buffer.alloc(4)
  data.writeFloatLE(value)
  return Buffer.concat([key(field, FIXED_32), data])
}

function bytes(field: number, data: Buffer): Buffer {
  return Buffer.concat([key(field, DELIMITED), base128(data.length), data])
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value))
}

/** A packed list of doubles. */
function doubles(values: readonly number[]): Buffer {
  const data = Buffer.alloc(8 * values.length)
  for (const [i, value] of values.entries()) data.writeDoubleLE(value, 8 * i)
  return data
}

/** The metadata of a value that the plugin for texts shows. */
const TEXT = bytes(9, bytes(1, text(1, 'text')))
