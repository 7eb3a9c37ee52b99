import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { SequenceDataset } from '../../lib/data/index.ts'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { MAE } from '../../lib/metrics/index.ts'
import { RNNModel } from '../../lib/models/index.ts'
import { Callbacks } from '../../lib/train/callback.ts'
import { Ending } from '../../lib/train/ending.ts'
import {
  type Callback,
  checkpoint,
  csvLogger,
  earlyStopping,
  learningRateMonitor,
  type Run,
  Trainer,
  type TrainerOptions,
  tensorBoard,
} from '../../lib/train/index.ts'
import { expectRejection } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'
import { series } from '../support/series.ts'

const quiet: TrainerOptions = { progress: false, sequenceLength: 10, batchSize: 8 }

beforeEach(() => {
  torch.manualSeed(0)
})

const HOOKS = ['onFitStart', 'onEpochStart', 'onStepEnd', 'onValidationEnd', 'onEpochEnd', 'onFitEnd'] as const

/** A callback that does the same in each hook. */
function everywhere(fn: (hook: (typeof HOOKS)[number], run: Run) => unknown): Callback {
  return { everySteps: 1, ...Object.fromEntries(HOOKS.map((hook) => [hook, (run: Run) => fn(hook, run)])) }
}

const later = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 2))

test('is called in order, with the run at hand', async () => {
  const log: unknown[] = []
  const callback = everywhere((hook, { epoch, batch, step, epochs, batches, history }) => {
    log.push([hook, epoch, batch, step, history.epochs.length])
    expect([epochs, batches]).toEqual([2, 3])
  })
  const trainer = new Trainer(new RNNModel(1, 4, 1), { ...quiet, epochs: 2, callbacks: [callback] })
  const history = await trainer.fit(series(30), { validation: series(20) })
  expect(log).toEqual([
    ['onFitStart', 1, 0, 0, 0],
    ['onEpochStart', 1, 0, 0, 0],
    ['onStepEnd', 1, 1, 1, 0],
    ['onStepEnd', 1, 2, 2, 0],
    ['onStepEnd', 1, 3, 3, 0],
    ['onValidationEnd', 1, 0, 3, 1],
    ['onEpochEnd', 1, 0, 3, 1],
    ['onEpochStart', 2, 0, 3, 1],
    ['onStepEnd', 2, 1, 4, 1],
    ['onStepEnd', 2, 2, 5, 1],
    ['onStepEnd', 2, 3, 6, 1],
    ['onValidationEnd', 2, 0, 6, 2],
    ['onEpochEnd', 2, 0, 6, 2],
    ['onFitEnd', 3, 0, 6, 2],
  ])
  expect(history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2])
})

test('is awaited, one after another', async () => {
  const log: string[] = []
  const slow = (name: string) =>
    everywhere(async (hook) => {
      log.push(`${name} begins ${hook}`)
      await later()
      log.push(`${name} ends ${hook}`)
    })
  const callbacks = [slow('a'), slow('b')]
  await new Trainer(new RNNModel(1, 4, 1), { ...quiet, epochs: 1, callbacks }).fit(series(30))
  for (const [i, line] of log.entries()) if (i % 2 === 1) expect(line).toBe(log[i - 1]?.replace('begins', 'ends'))
  expect(log).toHaveLength(2 * 2 * 7)
})

describe('an error', () => {
  test.each(HOOKS)('in %s rejects fit', async (when) => {
    for (const isAsync of [false, true]) {
      const seen: unknown[] = []
      const failing = everywhere((hook) => {
        if (hook !== when) return undefined
        if (isAsync) return later().then(() => Promise.reject(new Error('the disk is full')))
        throw new Error('the disk is full')
      })
      const other: Callback = { onException: (_, error) => seen.push((error as Error).message) }
      const trainer = new Trainer(new RNNModel(1, 4, 1), { ...quiet, epochs: 2, callbacks: [failing, other] })
      const options = { validation: series(20) }
      await expect(trainer.fit(series(30), options)).rejects.toThrow('the disk is full')
      expect(seen).toEqual(['the disk is full'])
      const epochs = when === 'onFitEnd' ? 2 : when === 'onEpochEnd' || when === 'onValidationEnd' ? 1 : 0
      expect(trainer.history?.epochs.length).toBe(epochs)
      expect(torch.offload.pending).toBe(0)
    }
  })

  test('in onException does not hide the first', async () => {
    const callbacks: Callback[] = [
      {
        onException() {
          throw new Error('second')
        },
      },
      { onException: () => Promise.reject(new Error('third')) },
    ]
    const loss = (): Tensor => {
      throw new Error('first')
    }
    const trainer = new Trainer(new RNNModel(1, 4, 1), { ...quiet, loss, callbacks })
    await expect(trainer.fit(series(30))).rejects.toThrow('first')
  })
})

test('stop ends the epoch after the step: it is validated, and fit resolves', async () => {
  const stopping: Callback = {
    everySteps: 1,
    onStepEnd: (run) => {
      if (run.step === 5) run.stop('enough')
    },
  }
  const ends: unknown[] = []
  const callbacks: Callback[] = [stopping, { onFitEnd: ({ step, stopReason }) => ends.push([step, stopReason]) }]
  const trainer = new Trainer(new RNNModel(1, 4, 1), { ...quiet, epochs: 9, callbacks })
  const { epochs } = await trainer.fit(series(30), { validation: series(20) })
  expect(epochs).toHaveLength(2)
  expect(epochs[1]?.validationLoss).toBe((await trainer.evaluate(series(20))).loss)
  expect(ends).toEqual([[5, 'enough']])
})

test.each([
  [{ maxSteps: 4 }, 4, 2],
  [{ maxSteps: 3 }, 3, 1],
  [{ epochs: 2, maxSteps: 100 }, 6, 2],
  [{ epochs: 3, accumulateGradBatches: 2 }, 6, 3],
] as const)('%j makes %i steps in %i epochs', async (options, steps, epochs) => {
  const ends: number[] = []
  const callbacks: Callback[] = [{ onFitEnd: ({ step }) => ends.push(step) }]
  const trainer = new Trainer(new RNNModel(1, 4, 1), { ...quiet, ...options, callbacks })
  expect((await trainer.fit(series(30))).epochs).toHaveLength(epochs)
  expect(ends).toEqual([steps])
})

test('maxSeconds ends a fit', async () => {
  const start = performance.now()
  const { epochs } = await new Trainer(new RNNModel(1, 4, 1), { ...quiet, maxSeconds: 0.2 }).fit(series(30))
  expect(epochs.length).toBeGreaterThan(0)
  expect(performance.now() - start).toBeGreaterThan(190)
})

test('an aborted signal may be a regular end', async () => {
  const controller = new AbortController()
  const callbacks: Callback[] = [{ everySteps: 4, onStepEnd: () => controller.abort(new Error('the shift is over')) }]
  const reasons: unknown[] = []
  callbacks.push({ onFitEnd: ({ stopReason }) => reasons.push(stopReason) })
  const trainer = new Trainer(new RNNModel(1, 4, 1), { ...quiet, epochs: 9, callbacks })
  const { signal } = controller
  const { epochs } = await trainer.fit(series(30), { signal, onAbort: 'resolve' })
  expect(epochs).toHaveLength(2)
  expect(reasons).toEqual(['aborted: the shift is over'])
  await expect(trainer.fit(series(30), { onAbort: 'ignore' as never })).rejects.toThrow(
    "onAbort must be 'reject' or 'resolve'",
  )
})

test('a signal that is aborted between epochs ends the fit there', async () => {
  for (const hook of ['onFitStart', 'onEpochStart', 'onEpochEnd'] as const) {
    const controller = new AbortController()
    const callbacks: Callback[] = [{ [hook]: () => controller.abort(new Error('enough')) }]
    const trainer = new Trainer(new RNNModel(1, 4, 1), { ...quiet, epochs: 3, callbacks })
    const { epochs } = await trainer.fit(series(30), { signal: controller.signal, onAbort: 'resolve' })
    expect(epochs.length, hook).toBe(hook === 'onEpochEnd' ? 1 : 0)
  }
})

test('evaluate does not touch the metrics of a fit', async () => {
  const failures: unknown[] = []
  const evaluating: Callback = {
    onStepEnd: async () => {
      await trainer.evaluate(series(20)).catch((error: Error) => failures.push(error.message))
    },
  }
  const trainer = new Trainer(new RNNModel(1, 4, 1), { ...quiet, epochs: 1, metrics: ['mae'], callbacks: [evaluating] })
  await trainer.fit(series(30))
  expect(failures[0]).toMatch('the metrics are in use by a running fit')
})

test('two trainers cannot use one callback with a state at the same time', async () => {
  const logged: number[] = []
  const logger: Callback = { onEpochEnd: ({ epoch }) => logged.push(epoch) }
  const shared = [earlyStopping({ patience: 5 }), logger]
  const make = (callbacks: Callback[]) => new Trainer(new RNNModel(1, 4, 1), { ...quiet, epochs: 2, callbacks })
  const other = make(shared)
  const running = make(shared).fit(series(30))
  const sentence =
    "Trainer: the callback 'earlyStopping' has a state, and is in use by a running fit of another Trainer: give each"
  await expectRejection(other.fit(series(30)), 'ERR_TORCH_RUNTIME', sentence)
  // One without a state may be shared.
  await make([earlyStopping(), logger]).fit(series(30))
  expect((await running).epochs).toHaveLength(2)
  expect(logged.toSorted()).toEqual([1, 1, 2, 2])
  expect((await other.fit(series(30))).epochs).toHaveLength(2)
  const failing: Callback = {
    onEpochStart: () => {
      throw new Error('enough')
    },
  }
  await expect(make([...shared, failing]).fit(series(30))).rejects.toThrow('enough')
  expect((await other.fit(series(30))).epochs).toHaveLength(2)
})

test('two trainers cannot use one metric at the same time', async () => {
  const shared = new MAE()
  const make = () => new Trainer(new RNNModel(1, 4, 1), { ...quiet, epochs: 2, metrics: [shared] })
  const [one, other] = [make(), make()]
  const running = one.fit(series(30))
  const sentence =
    "Trainer: the metric 'mae' is in use by a running fit of another Trainer: give each Trainer an instance"
  for (const use of [
    other.fit(series(30)),
    other.evaluate(series(30)),
    other.dryRun(series(30)),
    other.findBatchSize(new SequenceDataset(...series(30), { sequenceLength: 10 })),
  ]) {
    await expectRejection(use, 'ERR_TORCH_RUNTIME', sentence)
  }
  const { epochs } = await running
  // One after another, they can.
  const alone = await other.evaluate(series(30))
  expect(alone.mae).toBeGreaterThan(0)
  expect(epochs[1]?.trainMae).toBeGreaterThan(0)
  const [first, second] = await Promise.allSettled([one.evaluate(series(30)), one.evaluate(series(30))])
  expect([first.status, second.status]).toEqual(['fulfilled', 'rejected'])
  expect(await other.evaluate(series(30))).toEqual(alone)
})

test('a run that is over saves nothing', async () => {
  let last: Run | undefined
  const folder = temporaryFolder()
  const trainer = new Trainer(new RNNModel(1, 4, 1), {
    ...quiet,
    epochs: 1,
    callbacks: [
      {
        onFitStart: (run) => {
          last = run
        },
        // Not awaited.
        onFitEnd: (run) => void run.save(join(folder, 'end.safetensors')),
      },
    ],
  })
  await trainer.fit(series(30))
  const run = last as unknown as Run
  await expectRejection(run.save(join(folder, 'late.safetensors')), 'ERR_TORCH_RUNTIME', 'Run.save: the fit is over')
  await expectRejection(run.loss(), 'ERR_TORCH_RUNTIME', 'Run.loss: the fit is over')
  await expectRejection(run.save(3 as never), 'ERR_TORCH_TYPE', 'path must be a string')
  expect(readdirSync(folder)).toEqual(['end.safetensors'])
  const resumed = await trainer.fit(series(30), { resume: join(folder, 'end.safetensors') })
  expect(resumed.epochs).toHaveLength(1)
})

test.each([
  [[{ onEpoch: () => {} }], /a callback has the unknown hook 'onEpoch'; hooks are onFitStart/],
  [[{ onEpochEnd: 3 }], /onEpochEnd must be a function, got 3/],
  [[3], /callbacks must be an array of objects with hooks/],
  [{}, /callbacks must be an array of callbacks/],
  [[{ everySteps: 0, onStepEnd: () => {} }], /everySteps must be a positive integer, got 0/],
  [[{ stateDict: () => ({}) }], /a callback with a stateDict needs a name/],
])('refuses %j', (callbacks, message) => {
  expect(() => new Trainer(new RNNModel(1, 2, 1), { callbacks: callbacks as never })).toThrow(message)
})

test('two callbacks of one name are refused', async () => {
  const trainer = new Trainer(new RNNModel(1, 2, 1), { ...quiet, callbacks: [{ name: 'a' }, { name: 'a' }] })
  await expect(trainer.fit(series(30))).rejects.toThrow("two callbacks have the name 'a'")
})

test('a class with hooks is a callback', async () => {
  class Counter implements Callback {
    count = 0
    onEpochEnd(): void {
      this.count++
    }
  }
  const counter = new Counter()
  await new Trainer(new nn.Linear(1, 1), { progress: false, epochs: 3, callbacks: [counter] }).fit(series(30))
  expect(counter.count).toBe(3)
})

test('no callback begins its files before a folder of checkpoints is refused', async () => {
  const path = temporaryFolder()
  const [folder, table, events] = ['a', 'a.csv', 'events'].map((name) => join(path, name)) as [string, string, string]
  const callbacks = (): Callback[] => [csvLogger(table), tensorBoard(events), checkpoint(folder)]
  const model = new RNNModel(1, 4, 1)
  await new Trainer(model, { ...quiet, epochs: 1, callbacks: [checkpoint(folder)] }).fit(series(30))
  const again = new Trainer(model, { ...quiet, epochs: 1, callbacks: callbacks() }).fit(series(30))
  await expectRejection(again, 'ERR_TORCH_FILE', 'has checkpoints of another fit')
  expect(readdirSync(path)).toEqual(['a'])
})

test('the learning rates are noted without waiting for the steps that are queued', async () => {
  const monitor = learningRateMonitor()
  const run = { step: 1, optimizer: { paramGroups: [{ lr: 0.5 }] } } as unknown as Run
  let settled = 0
  const wait = async (): Promise<void> => void settled++
  expect(new Callbacks([monitor], new Ending()).stepEnd(run, wait)).toBeUndefined()
  expect([settled, monitor.entries]).toEqual([0, [{ step: 1, rates: [0.5] }]])
  // Beside one that may read what a step computes, they keep their order.
  const other: Callback = { everySteps: 1, onStepEnd: () => expect(monitor.entries).toHaveLength(2) }
  const changed = { step: 2, optimizer: { paramGroups: [{ lr: 0.25 }] } } as unknown as Run
  await new Callbacks([monitor, other], new Ending()).stepEnd(changed, wait)
  expect(settled).toBe(1)
})
