import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Series, type SeriesOptions } from '../../../lib/data/index.ts'
import { columnOf, MappedStorage, MEMORY } from '../../../lib/data/series/storage.ts'
import { run, runSync } from '../../../lib/io/coroutine.ts'
import { GRUModel } from '../../../lib/models/index.ts'
import { torch } from '../../../lib/torch.ts'
import { Trainer } from '../../../lib/train/index.ts'
import { expectRejection } from '../../support/error.ts'
import { temporaryFolder } from '../../support/folder.ts'

const sql = (rows: number): string =>
  `SELECT to_timestamp(3600 * i) AS t, CASE WHEN i % 10 = 3 THEN NULL ELSE sin(i / 7) END AS a, i % 5 AS b, i // ${rows / 2} AS g
   FROM range(${rows}) rows(i) WHERE i % 100 <> 7`
const options: SeriesOptions = { time: 't', targets: 'a', inputs: 'b', calendar: 'hour', groups: 'g' }

describe('columns', () => {
  const length = 200_001
  const fill = (block: Float64Array, start: number): void => {
    for (let i = 0; i < block.length; i++) block[i] = start + i
  }

  const bytes = ({ buffer, byteOffset, byteLength }: Float64Array): Uint8Array =>
    new Uint8Array(buffer, byteOffset, byteLength)

  test('hold what was written, in memory and in mapped files', async () => {
    const folder = temporaryFolder()
    const wanted = Float64Array.from({ length }, (_, i) => i)
    for (const storage of [MEMORY, new MappedStorage(folder)]) {
      const column = runSync(columnOf(storage, length, fill))
      const later = await run(columnOf(storage, length, fill))
      for (const one of [column, later]) expect(Buffer.compare(bytes(one), bytes(wanted))).toBe(0)
      column[length - 1] = -1
      expect(column[length - 1]).toBe(-1)
      expect(runSync(columnOf(storage, 0, fill))).toEqual(new Float64Array(0))
    }
    expect(readdirSync(folder)).toEqual([])
  })

  test('are deleted after an error', async () => {
    const folder = temporaryFolder()
    const failing = (_: Float64Array, start: number): void => {
      if (start > 0) throw new Error('half')
    }
    await expect(run(columnOf(new MappedStorage(folder), length, failing))).rejects.toThrow('half')
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('mmap', () => {
  test.each(['mask', 'forward', 'interpolate', 'drop'] as const)(
    'gives the same series, batches and forecasts inputs, with missing: %s',
    async (missing) => {
      const folder = temporaryFolder()
      for (const gaps of missing === 'drop' ? (['break'] as const) : (['break', 'fill'] as const)) {
        const all = { ...options, missing, gaps }
        const wanted = await Series.from({ sql: sql(4000) }, all)
        const series = await Series.from({ sql: sql(4000) }, { ...all, mmap: folder })
        expect(series.gaps).toEqual(wanted.gaps)
        expect(series.times).toEqual(wanted.times)
        for (const name of ['a', 'b']) expect(series.column(name)).toEqual(wanted.column(name))
        const size = { past: 6, horizon: 2, validation: 0.2 } as const
        const [mapped, held] = [await series.split(size), await wanted.split(size)]
        expect(mapped.train.scaler.config).toEqual(held.train.scaler.config)
        expect(mapped.validation.length).toBe(held.validation.length)
        const indices = Array.from({ length: held.train.length }, (_, i) => i)
        const [batch, other] = [mapped.train.batch(indices, true), held.train.batch(indices, true)]
        expect(Object.keys(batch)).toEqual(Object.keys(other))
        for (const [name, part] of Object.entries(batch)) {
          expect([name, (part as typeof batch.input).equal(other[name] as typeof batch.input)]).toEqual([name, true])
        }
        expect(readdirSync(folder)).toEqual([])
      }
    },
  )

  test('trains as a series in memory does, bit for bit', async () => {
    const folder = temporaryFolder()
    const losses: unknown[] = []
    for (const mmap of [false, pathToFileURL(folder)]) {
      const series = await Series.from({ sql: sql(600) }, { ...options, missing: 'forward', mmap })
      const { train } = await series.split({ past: 6 })
      torch.manualSeed(0)
      const model = new GRUModel(train.inputSize, 4, 1, { output: 'last', horizon: 1, batchFirst: true })
      const history = await new Trainer(model, { epochs: 2, batchSize: 16, seed: 1 }).fit(train)
      losses.push(history.trainLosses)
    }
    expect(losses[0]).toHaveLength(2)
    expect(losses[1]).toEqual(losses[0])
  })

  // Other systems do not tell which memory is that of mapped files.
  test.runIf(process.platform === 'linux')('takes no memory of its own for what is mapped', async () => {
    const anonymous = (): number => {
      const [, kilobytes] = /RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
      return Number(kilobytes) / 1024
    }
    const folder = join(process.cwd(), 'build', `mmap-${process.pid}`)
    mkdirSync(folder, { recursive: true })
    const columns = Array.from({ length: 6 }, (_, i) => `i % ${i + 2} AS c${i}`)
    const source = { sql: `SELECT i * 1000 AS t, ${columns.join(', ')} FROM range(1500000) rows(i)` }
    const inputs = columns.map((_, i) => `c${i}`).slice(1)
    // What DuckDB and the first operations need is there before.
    await (await Series.from({ sql: sql(200) }, { ...options, missing: 'forward', mmap: folder })).split({ past: 2 })
    const before = anonymous()
    const series = await Series.from(source, { time: 't', targets: 'c0', inputs, mmap: folder })
    const { train } = await series.split({ past: 24 })
    const taken = anonymous() - before
    // 84 MB of columns, and 42 MB of tensors.
    expect(series.length * (7 * 8 + 7 * 4)).toBeGreaterThan(120e6)
    expect(train.length).toBe(1_500_000 - 24)
    expect(taken).toBeLessThan(60)
  })

  test('refuses what it has no effect on, and folders that are none', async () => {
    const columns = { t: [1, 2, 3], x: [1, 2, 3] }
    const plain: SeriesOptions = { time: 't', targets: 'x' }
    await expectRejection(
      Series.from(columns, { ...plain, mmap: true }),
      'ERR_TORCH_OPTION',
      'the columns are in memory already',
    )
    const source = { sql: 'SELECT 1 AS t, 2 AS x' }
    await expectRejection(Series.from(source, { ...plain, mmap: 1 as never }), 'ERR_TORCH_TYPE', 'mmap must be')
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    await expectRejection(
      Series.from(source, { ...plain, mmap: file }),
      'ERR_TORCH_FILE',
      /mmap cannot write to .*file: .*Name a folder on a disk/,
    )
  })
})
