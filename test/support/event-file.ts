import { expect } from 'vitest'
import { crc32c, type Event } from '../../lib/train/event-file.ts'

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
    else if (field === 5) event.scalars = scalarsOf(value as Buffer)
    else if (field === 7) event.isStart = fieldsOf(value as Buffer).join() === '1,1'
    else throw new Error(`unexpected field ${field}`)
  }
  return event
}

function scalarsOf(data: Buffer): Record<string, number> {
  const entries = fieldsOf(data).map(([, value]) => {
    const { 1: tag, 2: number } = Object.fromEntries(fieldsOf(value as Buffer))
    return [String(tag), (number as Buffer).readFloatLE()] as const
  })
  return Object.fromEntries(entries)
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
