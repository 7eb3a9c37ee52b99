import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c, encodeEvent } from '../../lib/train/event-file.ts'
import { readEvents } from '../support/event-file.ts'

test.each([
  // https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['increasing bytes', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ['decreasing bytes', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ['digits', Buffer.from('123456789'), 0xe3069283],
])('CRC-32C of %s', (_, data, expected) => {
  expect(crc32c(data)).toBe(expected)
})

test('the bytes of an event are those that TensorBoard writes', () => {
  // EventFileWriter of tensorboard 2.21.0: Event(wall_time=1.5, step=300, summary=…(tag='a/b', simple_value=0.25)).
  const expected = '1a00000000000000129bd82d09000000000000f83f10ac022a0c0a0a0a03612f62150000803ef9cde7ed'
  const event = { wallTime: 1.5, step: 300, scalars: { 'a/b': 0.25 } }
  expect(encodeEvent(event).toString('hex')).toBe(expected)
})

test('whatever is written is read', () => {
  const event = fc.record({
    wallTime: fc.double({ noNaN: true }),
    step: fc.maxSafeNat(),
    scalars: fc.dictionary(fc.string({ minLength: 1, maxLength: 300 }), fc.float(), { maxKeys: 5 }),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 5 }), (events) => {
      expect(readEvents(Buffer.concat(events.map(encodeEvent)))).toEqual(
        events.map(({ scalars, ...event }) => ({ ...event, scalars: { ...scalars } })),
      )
    }),
  )
})

test('the first event of a file, and the start of a session', () => {
  const file = Buffer.concat([encodeEvent({ fileVersion: 'brain.Event:2' }), encodeEvent({ step: 3, isStart: true })])
  expect(readEvents(file)).toEqual([
    { wallTime: 0, step: 0, fileVersion: 'brain.Event:2' },
    { wallTime: 0, step: 3, isStart: true },
  ])
})
