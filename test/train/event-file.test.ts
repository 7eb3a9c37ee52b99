import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { torch } from '../../lib/index.ts'
import { crc32c, encodeEvent } from '../../lib/train/event-file.ts'
import { histogramsOf } from '../../lib/train/histogram.ts'
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

describe('as SummaryWriter of PyTorch 2.13 writes it', () => {
  // Event(wall_time=1.5, step=7, summary=torch.utils.tensorboard.summary.….
  const at = { wallTime: 1.5, step: 7 }

  test('a histogram', async () => {
    const values = torch.tensor([0.5, 0.52, 0.75], { dtype: 'float64' })
    const event = encodeEvent({ ...at, histograms: await histogramsOf({ w: values }) })
    expect(event.toString('hex')).toBe(
      'a800000000000000fcd8de2d09000000000000f83f10072a9a010a97010a01772a910109000000000000e03f11000000000000e83f1900000000000008402152b81e85eb51fc3f29166a4df38e53f13f3230fae55a25d31fde3fb03125ee8091e03f0f1d5c6ca739e23f2b53652a380ce43f16756ffb700de63f3267c747fc41e83f3a300000000000000000000000000000f03f000000000000f03f00000000000000000000000000000000000000000000f03feaa3078c',
    )
  })

  test('a histogram of both signs and 0, in 1,000 buckets', async () => {
    const values = torch.tensor(
      Array.from({ length: 200 }, (_, i) => (((i * 37) % 101) - 50) / 8),
      { dtype: 'float64' },
    )
    const event = encodeEvent({ ...at, histograms: await histogramsOf({ w: values }) })
    expect(createHash('sha256').update(event).digest('hex')).toBe(
      '4601f4412267ea4e77819e1139e74b6cbe73fde3b30dc0080cdb2d1d955d6a54',
    )
  })

  test('a text', () => {
    const expected =
      '420000000000000079f36eaa09000000000000f83f10072a350a330a116e6f74652f746578745f73756d6d61727942140807120412020801420a61202a2a622a2a20c3bc4a080a060a04746578743b16d30b'
    expect(encodeEvent({ ...at, texts: { note: 'a **b** ü' } }).toString('hex')).toBe(expected)
  })
})

test('histograms leave out what is not finite, of any shape and dtype', async () => {
  const values = torch.tensor(
    [
      [1, Number.NaN],
      [Number.POSITIVE_INFINITY, -2],
    ],
    { dtype: 'bfloat16' },
  )
  const found = await histogramsOf({
    a: values,
    b: torch.full([3], Number.NaN),
    c: torch.zeros([2, 2]),
    d: torch.tensor(5),
  })
  expect(Object.keys(found)).toEqual(['a', 'c', 'd'])
  expect(found.a).toMatchObject({ min: -2, max: 1, num: 2, sum: -1, sumSquares: 5 })
  const bucket = (name: string): [above: number, upTo: number, count: number][] => {
    const { limits = [], counts = [] } = found[name] ?? {}
    return counts.flatMap((count, i) =>
      count > 0 ? [[limits[i - 1] as number, limits[i] as number, count]] : [],
    ) as never
  }
  for (const [i, value] of [-2, 1].entries()) {
    const [above = 0, upTo = 0, count] = bucket('a')[i] ?? []
    expect(above <= value && value < upTo).toBe(true)
    expect(count).toBe(1)
  }
  expect(bucket('c')).toEqual([[0, 1e-12, 4]])
  expect(found.d?.counts).toEqual([0, 1])
  expect(await histogramsOf({})).toEqual({})
})
