import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Tensor, torch } from '../../lib/index.ts'
import { RNNModel } from '../../lib/models/index.ts'
import { Ending, GRACE_MS } from '../../lib/train/ending.ts'
import { type Callback, type Run, Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { series } from '../support/series.ts'

const never = (): Promise<never> => new Promise(() => {})

describe('what is waited for', () => {
  test('settles, or fails, in its own time while nobody asks for the end', async () => {
    const ending = new Ending(1)
    expect(await ending.settled(() => pause(20))).toBe(true)
    expect(await ending.settled(() => 3)).toBe(true)
    await expect(ending.settled(() => Promise.reject(new Error('late')))).rejects.toThrow('late')
    const fail = () => {
      throw new Error('at once')
    }
    await expect(ending.settled(fail)).rejects.toThrow('at once')
  })

  test('has the time of grace when the end is asked for', async () => {
    const ending = new Ending(40)
    const [short, long] = [ending.settled(() => pause(20)), ending.settled(never)]
    const start = performance.now()
    ending.ask()
    ending.ask()
    expect(await Promise.all([short, long])).toEqual([true, false])
    expect(performance.now() - start).toBeGreaterThan(35)
  })

  test('later has it only if the end was demanded', async () => {
    const ending = new Ending(10)
    ending.ask()
    expect(await ending.settled(() => pause(40))).toBe(true)
    ending.demand()
    expect(await ending.settled(() => pause(40))).toBe(false)
    expect(await ending.settled(() => {})).toBe(true)
  })

  test('is waited for if it asks itself', async () => {
    const ending = new Ending(5)
    const work = async () => {
      ending.ask()
      await pause(30)
    }
    expect(await ending.settled(work)).toBe(true)
  })
})

const quiet: TrainerOptions = { progress: false, sequenceLength: 10, batchSize: 8, epochs: 3 }
const trainer = (options: TrainerOptions) => new Trainer(new RNNModel(1, 4, 1), { ...quiet, ...options })

describe('a fit that is to end', () => {
  const warnings: string[] = []
  const listen = (warning: Error) => warnings.push(warning.message)

  beforeEach(() => {
    torch.manualSeed(0)
    warnings.length = 0
    process.on('warning', listen)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    clock = setInterval(() => {
      asks.shift()?.()
      // Ten seconds pass at once.
      if (vi.getTimerCount() > 0) vi.advanceTimersByTime(GRACE_MS)
    }, 5)
  })

  afterEach(async () => {
    clearInterval(clock)
    vi.useRealTimers()
    // Warnings are emitted later.
    await new Promise(setImmediate)
    process.off('warning', listen)
  })

  let clock: NodeJS.Timeout
  const asks: (() => void)[] = []

  /** Calls `ask` soon after a hook that never settles was called. */
  const hanging = (hook: keyof Callback, ask: (run: Run) => void): Callback => ({
    name: 'hanging',
    everySteps: 1,
    [hook]: (run: Run) => {
      asks.push(() => ask(run))
      return never()
    },
  })

  test.each(['onFitStart', 'onEpochStart', 'onStepEnd', 'onValidationEnd', 'onEpochEnd', 'onFitEnd'] as const)(
    'does, although %s never settles',
    async (hook) => {
      const isLast = hook === 'onFitEnd'
      const isFirst = hook === 'onFitStart' || hook === 'onEpochStart'
      const ended: (string | undefined)[] = []
      const other: Callback = { onFitEnd: ({ stopReason }) => ended.push(stopReason) }
      const stopped = trainer({ callbacks: [hanging(hook, (run) => run.stop('enough')), other] })
      const { epochs } = await stopped.fit(series(30), { validation: series(20) })
      expect(epochs).toHaveLength(isLast ? 3 : isFirst ? 0 : 1)
      expect(ended).toEqual(['enough'])

      const controller = new AbortController()
      const abort = () => controller.abort(new Error('the shift is over'))
      const { signal } = controller
      const options = { validation: series(20), signal, onAbort: 'resolve' as const }
      const resolved = await trainer({ callbacks: [hanging(hook, abort), other] }).fit(series(30), options)
      expect(resolved.epochs).toHaveLength(isLast ? 3 : isFirst ? 0 : 1)
      // A fit that is over anyway is not ended by its signal.
      expect(ended[1]).toBe(isLast ? undefined : 'aborted: the shift is over')

      const again = new AbortController()
      const rejected = trainer({ callbacks: [hanging(hook, () => again.abort(new Error('enough')))] })
      const fit = rejected.fit(series(30), { validation: series(20), signal: again.signal })
      if (isLast) expect((await fit).epochs).toHaveLength(3)
      else await expect(fit).rejects.toThrow('enough')
      expect(torch.offload.pending).toBe(0)
      await new Promise(setImmediate)
      const sentence = `Trainer: ${hook} of the callback 'hanging' has not settled in time, and the fit is to end: it goes on without this callback`
      expect(warnings).toEqual([sentence, sentence, sentence])
    },
  )

  test('does when its time is over', async () => {
    const { epochs } = await trainer({ maxSeconds: 0.001, callbacks: [{ onFitStart: never }] }).fit(series(30))
    expect(epochs).toHaveLength(0)
  })

  test('rejects, although onException never settles', async () => {
    const callbacks: Callback[] = [{ onException: never }, { onException: (_, error) => seen.push(error) }]
    const seen: unknown[] = []
    const loss = (): Tensor => {
      throw new Error('first')
    }
    await expect(trainer({ loss, callbacks }).fit(series(30))).rejects.toThrow('first')
    expect(seen).toHaveLength(1)
  })

  test('waits for a hook that stops it and goes on', async () => {
    const log: string[] = []
    const uploading: Callback = {
      async onEpochEnd(run) {
        run.stop('good enough')
        await pause(60)
        log.push('uploaded')
      },
    }
    await trainer({ callbacks: [uploading] }).fit(series(30))
    expect(log).toEqual(['uploaded'])
    expect(warnings).toEqual([])
  })

  /** Batches of which one never comes. */
  const stalling = (batches: number, onStall: () => void) => ({
    async *[Symbol.asyncIterator]() {
      for (let i = 0; i < batches; i++) {
        const x = torch.full([3, 1, 1], i)
        yield [x, x] as [Tensor, Tensor]
      }
      asks.push(onStall)
      await never()
    },
  })

  test('does, although data never come', async () => {
    for (const batches of [0, 2]) {
      const controller = new AbortController()
      const abort = () => controller.abort(new Error('enough'))
      const { signal } = controller
      const steps: number[] = []
      const callbacks: Callback[] = [{ onFitEnd: ({ step }) => steps.push(step) }]
      const resolved = await trainer({ callbacks }).fit(stalling(batches, abort), { signal, onAbort: 'resolve' })
      expect(resolved.epochs).toHaveLength(batches === 0 ? 0 : 1)
      expect(steps).toEqual([batches])

      const again = new AbortController()
      const data = stalling(batches, () => again.abort(new Error('enough')))
      await expect(trainer({}).fit(data, { signal: again.signal })).rejects.toThrow('enough')
      expect(torch.offload.pending).toBe(0)
    }
  })

  test('does, although data for the validation never come: the epoch has no result', async () => {
    const controller = new AbortController()
    const validation = stalling(1, () => controller.abort())
    const { signal } = controller
    const { epochs } = await trainer({ patience: 1 }).fit(series(30), { validation, signal, onAbort: 'resolve' })
    expect(epochs).toEqual([])
  })
})

test('a reason without any text', async () => {
  const controller = new AbortController()
  const reasons: (string | undefined)[] = []
  const callbacks: Callback[] = [
    { onEpochEnd: () => controller.abort(Object.create(null)), onFitEnd: ({ stopReason }) => reasons.push(stopReason) },
  ]
  const { signal } = controller
  const { epochs } = await trainer({ callbacks }).fit(series(30), { signal, onAbort: 'resolve' })
  expect(epochs).toHaveLength(1)
  expect(reasons).toEqual(['aborted: an object'])
  await expect(trainer({}).fit(series(30), { signal })).rejects.toBe(signal.reason)
})
