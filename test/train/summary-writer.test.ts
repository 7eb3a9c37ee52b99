import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { torch } from '../../lib/index.ts'
import type { Event } from '../../lib/train/event-file.ts'
import { SummaryWriter } from '../../lib/train/index.ts'
import { encodePng } from '../../lib/train/png.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { readEvents } from '../support/event-file.ts'
import { temporaryFolder } from '../support/folder.ts'

function eventsIn(folder: string): Event[] {
  const [name = ''] = readdirSync(folder)
  return readEvents(readFileSync(join(folder, name)))
}

/** The pixels of a PNG file without filters. */
function pixelsOf(png: Uint8Array): { width: number; height: number; type: number; rows: number[][] } {
  const file = Buffer.from(png)
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)]
  const parts: Buffer[] = []
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at)) {
    if (file.toString('latin1', at + 4, at + 8) !== 'IDAT') continue
    parts.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)))
  }
  const data = inflateSync(Buffer.concat(parts))
  const size = data.length / height
  const rows = Array.from({ length: height }, (_, y) => [...data.subarray(y * size, (y + 1) * size)])
  expect(rows.map(([filter]) => filter)).toEqual(rows.map(() => 0))
  return { width, height, type: file[25] as number, rows: rows.map((row) => row.slice(1)) }
}

test('writes numbers, distributions, texts and images', async () => {
  const folder = join(temporaryFolder(), 'runs', 'a')
  const writer = new SummaryWriter(folder)
  expect(writer.logDir).toBe(folder)
  // Not awaited one by one, they keep their order.
  const png = await encodePng({ width: 1, height: 1, channels: 1, data: Uint8Array.of(7) })
  await Promise.all([
    writer.addScalar('loss', 0.25, 3),
    writer.addText('note', '# Title'),
    writer.addImage('chart', png, 2),
    writer.addHistogram('weights', torch.tensor([1, 2, 2]), 4),
  ])
  const [first, ...events] = eventsIn(folder)
  expect(first).toMatchObject({ fileVersion: 'brain.Event:2', step: 0 })
  expect(events).toHaveLength(4)
  const by = (kind: keyof Event): Event | undefined => events.find((event) => event[kind] !== undefined)
  expect(by('scalars')).toMatchObject({ step: 3, scalars: { loss: 0.25 } })
  expect(by('texts')).toMatchObject({ step: 0, texts: { note: '# Title' } })
  expect(by('images')).toMatchObject({ step: 2, images: { chart: { width: 1, height: 1, channels: 1, png } } })
  expect(by('histograms')).toMatchObject({
    step: 4,
    histograms: { weights: { min: 1, max: 2, num: 3, sum: 5, sumSquares: 9 } },
  })
})

test('takes back what earlier files have from a step on', async () => {
  const folder = temporaryFolder()
  await new SummaryWriter(folder, { purgeStep: 5 }).addScalar('a', 1, 5)
  expect(eventsIn(folder)[1]).toMatchObject({ step: 5, isStart: true })
})

describe('images of pixels', () => {
  const write = async (image: Parameters<SummaryWriter['addImage']>[1]) => {
    const folder = temporaryFolder()
    await new SummaryWriter(folder).addImage('a', image)
    const { images } = eventsIn(folder)[1] as Event
    return { ...images?.a, ...pixelsOf(images?.a?.png as Uint8Array) }
  }

  test('in colours, channels first', async () => {
    const pixels = torch.arange(18, { dtype: 'uint8' }).reshape([3, 2, 3])
    const { width, height, channels, type, rows } = await write(pixels)
    expect({ width, height, channels, type }).toEqual({ width: 3, height: 2, channels: 3, type: 2 })
    expect(rows).toEqual([
      [0, 6, 12, 1, 7, 13, 2, 8, 14],
      [3, 9, 15, 4, 10, 16, 5, 11, 17],
    ])
  })

  test('grey, from 0 to 1, and with transparency', async () => {
    const grey = await write(torch.tensor([[0, 0.5, 1, 1.5, -1]]))
    expect([grey.channels, grey.type, grey.rows]).toEqual([1, 0, [[0, 127, 255, 255, 0]]])
    const clear = await write(torch.ones([4, 1, 1]))
    expect([clear.channels, clear.type, clear.rows]).toEqual([4, 6, [[255, 255, 255, 255]]])
  })
})

describe('refuses', () => {
  // No file is made before the first event.
  const writer = new SummaryWriter('never')
  test.each([
    [() => writer.addScalar('', 1), 'ERR_TORCH_TYPE', /addScalar: tag must be a text that is not empty/],
    [() => writer.addScalar('a', '1' as never), 'ERR_TORCH_TYPE', /scalarValue must be a number, got '1'/],
    [() => writer.addScalar('a', 1, -1), 'ERR_TORCH_VALUE', /globalStep must be a non-negative integer/],
    [() => writer.addHistogram('a', [1] as never), 'ERR_TORCH_TYPE', /values must be a Tensor/],
    [() => writer.addHistogram('a', torch.zeros([0])), 'ERR_TORCH_VALUE', /no finite value/],
    [() => writer.addHistogram('a', torch.tensor([Number.NaN])), 'ERR_TORCH_VALUE', /no finite value/],
    [() => writer.addText('a', 1 as never), 'ERR_TORCH_TYPE', /textString must be a string/],
    [
      () => writer.addImage('a', 'a.png' as never),
      'ERR_TORCH_TYPE',
      /a Tensor or the bytes of a PNG file, got 'a.png'/,
    ],
    [() => writer.addImage('a', Uint8Array.of(1, 2)), 'ERR_TORCH_FORMAT', /these bytes are none/],
    [() => writer.addImage('a', torch.zeros([2, 4, 4])), 'ERR_TORCH_SHAPE', /with 1, 3 or 4 channels, got \(2, 4, 4\)/],
    [() => writer.addImage('a', torch.zeros([4, 4], { dtype: 'int64' })), 'ERR_TORCH_DTYPE', /got int64/],
  ] as const)('%s', async (call, code, message) => {
    await expectRejection(call(), code, message)
  })

  test('other arguments, and a folder that is a file', async () => {
    expectError(() => new SummaryWriter(1 as never), 'ERR_TORCH_TYPE', /logDir must be a string/)
    expectError(() => new SummaryWriter('a', { purge: 1 } as never), 'ERR_TORCH_OPTION', /unknown option 'purge'/)
    expectError(() => new SummaryWriter('a', { purgeStep: -1 }), 'ERR_TORCH_VALUE', /purgeStep must be/)
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    const writing = new SummaryWriter(file).addScalar('a', 1)
    await expectRejection(writing, 'ERR_TORCH_FILE', /SummaryWriter: cannot write to/)
    expect(() => JSON.stringify(writer)).toThrow('use logDir')
    expect(existsSync('never')).toBe(false)
  })
})
