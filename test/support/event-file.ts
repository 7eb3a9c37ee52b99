import { expect } from 'vitest'
import { crc32c, type Event, type Histogram, type Image } from '../../lib/train/event-file.ts'

/** The events of an event file of TensorBoard, whose checksums must be right. */
export function readEvents(file: Buffer): Event[] {
  const events: Event[] = []
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at))
    expect(file.readUInt32LE(at + 8)).toBe(masked(file.subarray(at, at + 8)))
    const data = file.subarray(at + 12, at + 12 + length)
    expect(file.readUInt32LE(at + 12 + length)).toBe(masked(data))
    events.push(eventOf(data))
    at += length + 16
  }
  return events
}

/** As `masked_crc` of TensorFlow. */
function masked(data: Buffer): number {
  const crc = BigInt(crc32c(data))
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn)
}

function eventOf(data: Buffer): Event {
  const event: Event = {}
  for (const [field, value] of fieldsOf(data)) {
    if (field === 1) event.wallTime = (value as Buffer).readDoubleLE()
    else if (field === 2) event.step = value as number
    else if (field === 3) event.fileVersion = String(value)
    else if (field === 5) Object.assign(event, summaryOf(value as Buffer))
    else if (field === 7) event.isStart = fieldsOf(value as Buffer).join() === '1,1'
    else throw new Error(`unexpected field ${field}`)
  }
  return event
}

/** The values of a summary, by kind and tag; scalars also if there are none, unless there is something else. */
function summaryOf(data: Buffer): Event {
  const event: Event = {}
  const values = fieldsOf(data).map(([, value]) => Object.fromEntries(fieldsOf(value as Buffer)))
  for (const { 1: name, 2: number, 4: image, 5: histogram, 8: tensor, 9: metadata } of values) {
    const tag = String(name)
    if (number !== undefined) event.scalars = { ...event.scalars, [tag]: (number as Buffer).readFloatLE() }
    else if (image !== undefined) event.images = { ...event.images, [tag]: imageOf(image as Buffer) }
    else if (histogram !== undefined)
      event.histograms = { ...event.histograms, [tag]: histogramOf(histogram as Buffer) }
    else {
      const { 8: text } = Object.fromEntries(fieldsOf(tensor as Buffer))
      expect(String(metadata)).toContain('text')
      event.texts = { ...event.texts, [tag.replace(/\/text_summary$/, '')]: String(text) }
    }
  }
  return values.length === 0 ? { scalars: {} } : event
}

function imageOf(data: Buffer): Image {
  const { 1: height, 2: width, 3: channels, 4: png } = Object.fromEntries(fieldsOf(data))
  return { height, width, channels, png } as Image
}

function histogramOf(data: Buffer): Histogram {
  const { 6: limits, 7: counts, ...numbers } = Object.fromEntries(fieldsOf(data)) as Record<number, Buffer>
  const [min, max, num, sum, sumSquares] = [1, 2, 3, 4, 5].map((field) => numbers[field]?.readDoubleLE() ?? 0)
  return { min, max, num, sum, sumSquares, limits: doublesOf(limits), counts: doublesOf(counts) } as Histogram
}

function doublesOf(data: Buffer | undefined): number[] {
  return Array.from({ length: (data?.length ?? 0) / 8 }, (_, i) => (data as Buffer).readDoubleLE(8 * i))
}

/** The fields of a protocol buffer message; all but integers as bytes. */
function fieldsOf(data: Buffer): [number, number | Buffer][] {
  let at = 0
  const integer = (): number => {
    let [value, factor] = [0, 1]
    for (; ; factor *= 128) {
      const byte = data[at++] as number
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  const fields: [number, number | Buffer][] = []
  while (at < data.length) {
    const key = integer()
    const length = { 0: 0, 1: 8, 2: -1, 5: 4 }[key & 7] as number
    if (length === 0) {
      fields.push([key >> 3, integer()])
      continue
    }
    const size = length === -1 ? integer() : length
    fields.push([key >> 3, data.subarray(at, at + size)])
    at += size
  }
  return fields
}
