import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { torch } from '../../../lib/index.ts'
import { GRUModel } from '../../../lib/models/index.ts'
import type { Event } from '../../../lib/train/event-file.ts'
import {
  type Callback,
  checkpoint,
  type TensorBoardOptions,
  Trainer,
  type TrainerOptions,
  tensorBoard,
} from '../../../lib/train/index.ts'
import { expectError, expectRejection } from '../../support/error.ts'
import { readEvents } from '../../support/event-file.ts'
import { temporaryFolder } from '../../support/folder.ts'

const x = torch.ones([12, 4, 1])

function trainer(options: TrainerOptions): Trainer {
  torch.manualSeed(0)
  return new Trainer(new GRUModel(1, 4, 1, { batchFirst: true }), {
    progress: false,
    batchSize: 2,
    epochs: 3,
    seed: 0,
    ...options,
  })
}

/** The events of each file, in the order of the files. */
function eventsIn(folder: string): Event[][] {
  return readdirSync(folder)
    .filter((name) => name.startsWith('events.out.tfevents.'))
    .sort()
    .map((name) => readEvents(readFileSync(join(folder, name))))
}

/** What TensorBoard shows: a session start drops what earlier files have for its step and later ones. */
function curves(files: readonly Event[][]): Record<string, [number, number][]> {
  const shown: Record<string, [number, number][]> = {}
  for (const { step = 0, isStart = false, scalars = {} } of files.flat()) {
    if (isStart) for (const tag of Object.keys(shown)) shown[tag] = (shown[tag] ?? []).filter(([at]) => at < step)
    for (const [tag, value] of Object.entries(scalars)) {
      shown[tag] = [...(shown[tag] ?? []), [step, value]]
    }
  }
  return shown
}

test('has the results of the epochs, and learning rate and loss at intervals', async () => {
  const folder = join(temporaryFolder(), 'runs', 'a')
  const losses: [number, number][] = []
  const own: Callback = { everySteps: 4, onStepEnd: async (run) => losses.push([run.step, await run.loss()]) }
  const decay: Callback = {
    onEpochEnd: ({ optimizer }) => {
      for (const group of optimizer.paramGroups) group.lr /= 2
    },
  }
  const callbacks = [tensorBoard(folder, { everySteps: 4 }), own, decay]
  const before = Date.now() / 1000
  const { epochs } = await trainer({ callbacks, metrics: ['mae'], lr: 0.5 }).fit([x, x], { validation: [x, x] })
  const [events = []] = eventsIn(folder)
  expect(events.slice(0, 2)).toMatchObject([{ fileVersion: 'brain.Event:2' }, { isStart: true, step: 1 }])
  for (const { wallTime } of events) {
    expect(wallTime).toBeGreaterThanOrEqual(before)
    expect(wallTime).toBeLessThanOrEqual(Date.now() / 1000)
  }
  const expected = Object.fromEntries(
    Object.keys(epochs[0] ?? {}).map((name) => [
      name === 'epoch' ? name : `epoch/${name}`,
      epochs.map((result, i) => [6 * (i + 1), Math.fround(result[name] as number)]),
    ]),
  )
  expect(curves([events])).toEqual({
    ...expected,
    'step/loss': losses.map(([step, loss]) => [step, Math.fround(loss)]),
    'step/lr': [4, 8, 12, 16].map((step) => [step, 0.5 / 2 ** Math.floor((step - 1) / 6)]),
  })
  expect(Object.keys(expected)).toEqual(expect.arrayContaining(['epoch/validationMae', 'epoch/trainLoss', 'epoch/lr']))
})

test('has distributions of weights and gradients, texts and images, if they are asked for', async () => {
  const folder = temporaryFolder()
  const seen: number[] = []
  const images: TensorBoardOptions['images'] = async ({ epoch }) => {
    seen.push(epoch)
    return { pixels: torch.full([2, 3], epoch / 10) }
  }
  const board = tensorBoard(folder, { histograms: true, texts: { note: 'a **try**' }, images })
  const own = trainer({ callbacks: [board], epochs: 2 })
  await own.fit([x, x])
  const [events = []] = eventsIn(folder)
  const [text] = events.filter(({ texts }) => texts !== undefined)
  expect(text).toMatchObject({ step: 0, texts: { note: 'a **try**' } })
  expect(text?.texts?.model).toMatch(/^ {4}GRUModel\(\n {6}\(gru\): GRU\(1, 4/)
  const ends = events.filter(({ histograms }) => histograms !== undefined)
  expect(ends.map(({ step }) => step)).toEqual([6, 12])
  expect(seen).toEqual([1, 2])
  const names = [...own.model.namedParameters()].map(([name]) => name)
  for (const { histograms = {}, images } of ends) {
    const tags = names.flatMap((name) => [`weights/${name}`, `gradients/${name}`])
    expect(new Set(Object.keys(histograms))).toEqual(new Set(tags))
    expect(images?.pixels).toMatchObject({ width: 3, height: 2, channels: 1 })
  }
  for (const [name, parameter] of own.model.namedParameters()) {
    for (const [tag, values] of [
      [`weights/${name}`, parameter],
      [`gradients/${name}`, parameter.grad],
    ] as const) {
      const { min, max, num, counts = [] } = ends[1]?.histograms?.[tag] ?? {}
      expect([min, max, num]).toEqual([values?.min().item(), values?.max().item(), values?.numel])
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(num)
    }
  }
})

test('run.loss is the mean of the epoch so far', async () => {
  const seen: number[] = []
  const callbacks: Callback[] = [{ everySteps: 1, onStepEnd: async (run) => seen.push(await run.loss()) }]
  const values = [1, 3, 8, 2]
  const batches = values.map((value) => [torch.zeros([1, 2, 1]), torch.full([1, 2, 1], Math.sqrt(value))] as const)
  const model = new GRUModel(1, 2, 1, { batchFirst: true })
  torch.noGrad(() => model.linear.weight.zero_())
  torch.noGrad(() => model.linear.bias?.zero_())
  await new Trainer(model, { progress: false, epochs: 2, lr: 1e-12, callbacks }).fit(batches as never)
  for (const [i, expected] of [1, 2, 4, 3.5, 1, 2, 4, 3.5].entries()) expect(seen[i]).toBeCloseTo(expected, 5)
})

test('a resumed fit continues the curves, another one begins anew', async () => {
  const whole = temporaryFolder()
  await trainer({ callbacks: [tensorBoard(whole, { everySteps: 1 })] }).fit([x, x])
  const withoutTime = ({ 'epoch/seconds': _, ...others }: Record<string, unknown>) => others
  const expected = withoutTime(curves(eventsIn(whole)))
  const folder = temporaryFolder()
  const fail: Callback = {
    everySteps: 1,
    onStepEnd({ step }) {
      if (step === 11) throw new Error('power failure')
    },
  }
  const saving = (): Callback[] => [tensorBoard(folder, { everySteps: 1 }), checkpoint(folder, { everySteps: 5 })]
  await expect(trainer({ callbacks: [...saving(), fail] }).fit([x, x])).rejects.toThrow('power failure')
  await trainer({ callbacks: saving() }).fit([x, x], { resume: folder })
  const files = eventsIn(folder)
  expect(files[0]?.at(-1)?.step).toBe(11)
  expect(files[1]?.[1]).toMatchObject({ step: 11, isStart: true })
  expect(withoutTime(curves(files))).toEqual(expected)
  await trainer({ callbacks: [tensorBoard(folder, { everySteps: 1 })] }).fit([x, x])
  expect(withoutTime(curves(eventsIn(folder)))).toEqual(expected)
  expect(eventsIn(folder).length).toBe(3)
})

test('what cannot be used is refused', async () => {
  expectError(() => tensorBoard(3 as never), 'ERR_TORCH_TYPE', 'tensorBoard: folder must be a string, got 3')
  expectError(() => tensorBoard('a', { every: 2 } as never), 'ERR_TORCH_OPTION', "unknown option 'every'")
  expectError(() => tensorBoard('a', { everySteps: 0 }), 'ERR_TORCH_VALUE', 'everySteps must be a positive integer')
  expectError(() => tensorBoard('a', { histograms: 1 } as never), 'ERR_TORCH_TYPE', 'histograms must be a boolean')
  expectError(() => tensorBoard('a', { texts: { a: 1 } } as never), 'ERR_TORCH_TYPE', 'texts.a must be a string')
  expectError(() => tensorBoard('a', { texts: 'a' } as never), 'ERR_TORCH_TYPE', 'texts must be an object of texts')
  expectError(() => tensorBoard('a', { images: [] } as never), 'ERR_TORCH_TYPE', 'images must be a function, got []')
  for (const [images, code, message] of [
    [() => 'a.png', 'ERR_TORCH_TYPE', "what images returns must be an object of images by tag, got 'a.png'"],
    [() => ({ a: 'a.png' }), 'ERR_TORCH_TYPE', 'image must be a Tensor or the bytes of a PNG file'],
  ] as const) {
    const callbacks = [tensorBoard(temporaryFolder(), { images } as never)]
    await expectRejection(trainer({ callbacks }).fit([x, x]), code, message)
  }
  const file = join(temporaryFolder(), 'file')
  writeFileSync(file, '')
  await expectRejection(
    trainer({ callbacks: [tensorBoard(file)] }).fit([x, x]),
    'ERR_TORCH_FILE',
    `tensorBoard: cannot write to ${file}: `,
  )
})
