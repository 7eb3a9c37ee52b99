// How requests become batches, with an engine whose batches end when the test says so.
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { torchError } from '../../lib/errors.ts'
import { Batcher } from '../../lib/serve/batcher.ts'
import { Counters } from '../../lib/serve/metrics.ts'
import { readOptions, type ServeOptions } from '../../lib/serve/options.ts'
import { type Limits, Request } from '../../lib/serve/request.ts'
import { expectRejection } from '../support/error.ts'
import { FakeEngine, turns } from './fake-engine.ts'

function setUp(options: ServeOptions = {}) {
  const settings = readOptions(options)
  const engine = new FakeEngine()
  const all = new Counters()
  const batcher = new Batcher(engine, settings, all)
  const ask = (value: number, limits: Limits & { priority?: number } = {}): Promise<Float32Array> => {
    const now = performance.now()
    const order = now - (limits.priority ?? 0) * settings.queue.aging
    const sequence = { data: Float32Array.of(value), steps: 1 }
    const request = new Request(sequence, order, all.requests, limits, settings.queue.timeout, now)
    batcher.add(request, now)
    return request.promise
  }
  return {
    engine,
    counters: all.requests,
    all,
    batcher,
    ask,
    sizes: () => engine.batches.map(({ first }) => first.length),
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('batches', () => {
  test('are what came in one turn, and then what came while the last one ran', async () => {
    const { engine, counters, all, ask } = setUp({ batch: { max: 4 } })
    const first = [ask(1), ask(2)]
    expect(engine.batches).toEqual([])
    await turns()
    const next = [3, 4, 5, 6, 7].map((value) => ask(value))
    await turns()
    expect(engine.batches.map(({ first }) => first)).toEqual([[1, 2]])
    expect([counters.queued, counters.running]).toEqual([5, 2])
    engine.batches[0]?.finish()
    expect(await Promise.all(first)).toEqual([Float32Array.of(1), Float32Array.of(2)])
    expect(engine.batches.map(({ first }) => first)).toEqual([
      [1, 2],
      [3, 4, 5, 6],
    ])
    engine.batches[1]?.finish()
    await turns()
    engine.batches[2]?.finish()
    expect((await Promise.all(next)).map(([value]) => value)).toEqual([3, 4, 5, 6, 7])
    expect([...all.sizes]).toEqual([
      [2, 1],
      [4, 1],
      [1, 1],
    ])
    expect(counters).toMatchObject({ queued: 0, running: 0, served: 7, batches: 3 })
  })

  test('of as many lanes as there are run at the same time', async () => {
    const { engine, ask } = setUp({ batch: { max: 1 }, lanes: 3 })
    const asked = [1, 2, 3, 4, 5].map((value) => ask(value))
    await turns()
    expect(engine.batches.length).toBe(3)
    // Of shorter ones, the next one would be handed over already.
    await pause(20)
    engine.batches[1]?.finish()
    await asked[1]
    expect(engine.batches.length).toBe(4)
    for (const batch of engine.batches) batch.finish()
    await turns()
    engine.batches[4]?.finish()
    await Promise.all(asked)
  })

  test('that are full and short are ready before a lane is free, one at a time', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { engine, counters, ask, sizes } = setUp({ batch: { max: 2 } })
    const answers = (...values: number[]): void => {
      for (const value of values) void ask(value)
    }
    answers(1)
    await turns()
    vi.advanceTimersByTime(1)
    engine.batches[0]?.finish()
    await turns()
    answers(2, 3)
    await turns()
    answers(4)
    await turns()
    expect(sizes()).toEqual([1, 2])
    answers(5, 6, 7)
    await turns()
    expect(sizes()).toEqual([1, 2, 2])
    expect([counters.running, counters.queued]).toEqual([4, 2])
    vi.advanceTimersByTime(2)
    engine.batches[1]?.finish()
    await turns()
    expect(sizes()).toEqual([1, 2, 2, 2])
    vi.advanceTimersByTime(3)
    engine.batches[2]?.finish()
    await turns()
    // Each is computed when the one before is done.
    expect(counters.compute.histogram()).toMatchObject({ count: 3, sum: 6 })
    engine.batches[3]?.finish()
    await turns()
    vi.useRealTimers()
  })

  test.each<[string, ServeOptions, number]>([
    ['take long', { batch: { max: 2 } }, 20],
    ['have a goal of latency', { batch: { max: 2, latency: 1000 } }, 1],
  ])('that %s are not ready before a lane is free', async (_, options, ms) => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { engine, ask, sizes } = setUp(options)
    const first = [ask(1), ask(2)]
    await turns()
    vi.advanceTimersByTime(ms)
    engine.batches[0]?.finish()
    await Promise.all(first)
    const others = [3, 4, 5, 6].map((value) => ask(value))
    await turns()
    expect(sizes()).toEqual([2, 2])
    engine.batches[1]?.finish()
    await turns()
    engine.batches[2]?.finish()
    await Promise.all(others)
    vi.useRealTimers()
  })

  test('wait for company as long as they are told, unless they are full', async () => {
    const { engine, ask, sizes } = setUp({ batch: { max: 3, wait: 200 } })
    const start = performance.now()
    const asked = [ask(1)]
    await pause(10)
    asked.push(ask(2))
    await turns()
    expect(engine.batches).toEqual([])
    await vi.waitFor(() => expect(sizes()).toEqual([2]), { interval: 1 })
    const waited = performance.now() - start
    expect(waited).toBeGreaterThan(198)
    engine.batches[0]?.finish()
    await Promise.all(asked)
    const full = [ask(3), ask(4), ask(5)]
    await turns()
    expect(sizes()).toEqual([2, 3])
    engine.batches[1]?.finish()
    await Promise.all(full)
  })

  test('shrink when they take more than half of the latency, and grow again', async () => {
    const { engine, batcher, ask } = setUp({ batch: { max: 16, latency: 20 }, queue: { max: 1e4 } })
    const asked = Array.from({ length: 200 }, (_, i) => ask(i))
    const limits: number[] = []
    vi.useFakeTimers({ toFake: ['performance'] })
    // A millisecond for each request: 10 are the most that take no longer than 10 ms.
    for (let i = 0; i < 16; i++) {
      await turns()
      const batch = engine.batches.at(-1)
      vi.advanceTimersByTime((batch?.first.length as number) - 0.5)
      batch?.finish()
      await turns(1)
      limits.push(batcher.limit)
    }
    vi.useRealTimers()
    // 16 and 12 take too long, 9 and 10 do not, 11 does again.
    expect(limits).toEqual([12, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11])
    batcher.clear(new Error('enough'))
    engine.batches.at(-1)?.finish()
    await Promise.allSettled(asked)
  })
})

describe('priorities', () => {
  test('go first', async () => {
    const { engine, ask } = setUp({ batch: { max: 2 } })
    void ask(0)
    await turns()
    const asked = [ask(1), ask(2, { priority: 1 }), ask(3, { priority: -1 }), ask(4, { priority: 2 })]
    engine.batches[0]?.finish()
    await turns()
    engine.batches[1]?.finish()
    await turns()
    engine.batches[2]?.finish()
    await Promise.all(asked)
    expect(engine.batches.map(({ first }) => first)).toEqual([[0], [4, 2], [1, 3]])
  })

  test('do not starve what waits for longer than their advantage', async () => {
    const { engine, ask } = setUp({ batch: { max: 1 }, queue: { aging: 20 } })
    void ask(0)
    await turns()
    const low = ask(1)
    await pause(30)
    const high = ask(2, { priority: 1 })
    for (let i = 0; i < 3; i++) {
      engine.batches[i]?.finish()
      await turns()
    }
    await Promise.all([low, high])
    expect(engine.batches.map(({ first }) => first[0])).toEqual([0, 1, 2])
  })
})

describe('limits of time', () => {
  test('a request that waits too long is not computed', async () => {
    const { engine, counters, ask } = setUp({ queue: { timeout: 150 } })
    const first = ask(1)
    await turns()
    await expectRejection(ask(2), 'ERR_TORCH_TIMEOUT', /it waited \d+ ms and had not begun/)
    engine.batches[0]?.finish()
    // What has begun may take its time.
    expect(await first).toEqual(Float32Array.of(1))
    await turns()
    expect(engine.batches.length).toBe(1)
    expect(counters).toMatchObject({ served: 1, timedOut: 1, queued: 0, running: 0 })
  })

  test('a deadline ends what waits and what runs', async () => {
    const { engine, counters, ask } = setUp({ batch: { max: 1 } })
    const start = performance.now()
    const running = ask(1, { deadline: Date.now() + 150 })
    const waiting = ask(2, { deadline: Date.now() + 155 })
    await expectRejection(running, 'ERR_TORCH_TIMEOUT', /being computed when its deadline passed/)
    await expectRejection(
      waiting,
      'ERR_TORCH_TIMEOUT',
      /^predict: it had not begun when its deadline passed, 15\d ms after the call$/,
    )
    expect(performance.now() - start).toBeGreaterThan(150)
    expect(counters).toMatchObject({ timedOut: 2, queued: 0, running: 0 })
    const late = ask(3, { deadline: Date.now() - 1 })
    await expectRejection(late, 'ERR_TORCH_TIMEOUT', /^predict: its deadline had passed \d+ ms before the call$/)
    engine.batches[0]?.finish()
    await turns()
    expect(engine.batches.length).toBe(1)
    expect(counters).toMatchObject({ served: 0, timedOut: 3 })
  })

  test('a late timer does not let an overdue request through', async () => {
    const { engine, ask } = setUp({ queue: { timeout: 100 } })
    const first = ask(1)
    await turns()
    const late = ask(2)
    engine.batches[0]?.finish()
    // The event loop is blocked: the batch is made before the timer fires.
    const end = performance.now() + 120
    while (performance.now() < end);
    await first
    await expectRejection(late, 'ERR_TORCH_TIMEOUT', /had not begun/)
    expect(engine.batches.length).toBe(1)
  })

  test('a slow turn of the event loop is no wait while a lane is free', async () => {
    const { engine, counters, ask } = setUp({ batch: { max: 2 }, queue: { timeout: 100 } })
    const asked = [ask(1), ask(2), ask(3), ask(4, { deadline: Date.now() + 100 }), ask(5)]
    const end = performance.now() + 130
    while (performance.now() < end);
    await expectRejection(asked[3] as Promise<unknown>, 'ERR_TORCH_TIMEOUT', /had not begun when its deadline passed/)
    await turns()
    engine.batches[0]?.finish()
    await turns()
    // The third did not fit into the first batch, and waits from then on.
    engine.batches[1]?.finish()
    expect(await Promise.all([asked[0], asked[1], asked[2], asked[4]])).toEqual(
      [1, 2, 3, 5].map((value) => Float32Array.of(value)),
    )
    expect(engine.batches.map(({ first }) => first)).toEqual([
      [1, 2],
      [3, 5],
    ])
    expect(counters).toMatchObject({ served: 4, timedOut: 1, queued: 0, running: 0 })
  })

  test('what does not fit into the first batch waits no longer than it may from then on', async () => {
    const { engine, ask } = setUp({ batch: { max: 1 }, queue: { timeout: 150 } })
    const first = ask(1)
    const second = ask(2)
    const start = performance.now()
    await expectRejection(
      second,
      'ERR_TORCH_TIMEOUT',
      /it waited \d+ ms and had not begun, since others were computed: .* queue.timeout, 150 ms, is too short/,
    )
    expect(performance.now() - start).toBeGreaterThan(148)
    engine.batches[0]?.finish()
    expect(await first).toEqual(Float32Array.of(1))
  })

  test('a batch that waits for company longer than the timeout is computed', async () => {
    const { engine, ask } = setUp({ batch: { wait: 60 }, queue: { timeout: 20 } })
    const asked = ask(1)
    await vi.waitFor(() => expect(engine.batches.length).toBe(1), { interval: 1 })
    engine.batches[0]?.finish()
    expect(await asked).toEqual(Float32Array.of(1))
  })
})

describe('signals', () => {
  const reason = new Error('no longer wanted')

  test('take out what waits, which is not computed, and let go of what runs', async () => {
    const { engine, counters, ask } = setUp({ batch: { max: 2 } })
    const controllers = Array.from({ length: 4 }, () => new AbortController())
    const asked = controllers.map(({ signal }, i) => ask(i, { signal }))
    await turns()
    controllers[0]?.abort(reason)
    controllers[3]?.abort(reason)
    await expect(asked[0]).rejects.toBe(reason)
    await expect(asked[3]).rejects.toBe(reason)
    engine.batches[0]?.finish()
    await asked[1]
    await turns()
    engine.batches[1]?.finish()
    await asked[2]
    expect(engine.batches.map(({ first }) => first)).toEqual([[0, 1], [2]])
    expect(counters).toMatchObject({ served: 2, aborted: 2, queued: 0, running: 0 })
    // Too late.
    controllers[1]?.abort(reason)
    expect(await asked[1]).toEqual(Float32Array.of(1))
    expect(counters.aborted).toBe(2)
  })

  test('one signal of many requests has one listener', async () => {
    const warnings: Error[] = []
    const listen = (warning: Error): unknown => warnings.push(warning)
    process.on('warning', listen)
    const { counters, ask } = setUp()
    const controller = new AbortController()
    const add = vi.spyOn(controller.signal, 'addEventListener')
    const asked = Array.from({ length: 50 }, (_, i) => ask(i, { signal: controller.signal }))
    expect(add).toHaveBeenCalledTimes(1)
    controller.abort(reason)
    for (const { status } of await Promise.allSettled(asked)) expect(status).toBe('rejected')
    await pause(5)
    expect(warnings).toEqual([])
    process.off('warning', listen)
    expect(counters).toMatchObject({ aborted: 50, queued: 0, running: 0 })
  })
})

describe('failures', () => {
  test('of a row are its own', async () => {
    const { engine, counters, ask } = setUp()
    const asked = [ask(1), ask(2), ask(3)]
    await turns()
    const error = torchError('ERR_TORCH_NON_FINITE', 'not finite')
    engine.batches[0]?.answer([Float32Array.of(1), error, Float32Array.of(3)])
    expect(await asked[0]).toEqual(Float32Array.of(1))
    await expect(asked[1]).rejects.toBe(error)
    expect(await asked[2]).toEqual(Float32Array.of(3))
    expect(counters).toMatchObject({ served: 2, failed: 1, running: 0 })
  })

  test('of a batch do not stop the next one', async () => {
    const { engine, counters, ask } = setUp({ batch: { max: 2 } })
    const asked = [ask(1), ask(2), ask(3)]
    await turns()
    engine.batches[0]?.fail(new Error('the lane broke'))
    await expectRejection(
      asked[0] as Promise<unknown>,
      'ERR_TORCH_RUNTIME',
      'predict: the model failed: the lane broke',
    )
    await expectRejection(asked[1] as Promise<unknown>, 'ERR_TORCH_RUNTIME', /the lane broke/)
    await turns()
    engine.batches[1]?.finish()
    expect(await asked[2]).toEqual(Float32Array.of(3))
    expect(counters).toMatchObject({ served: 1, failed: 2, running: 0, queued: 0 })
  })

  test('of an engine that throws at once are the same', async () => {
    const { engine, ask } = setUp()
    const run = vi.spyOn(engine, 'run').mockImplementationOnce(() => {
      throw torchError('ERR_TORCH_OUT_OF_MEMORY', 'no memory')
    })
    await expectRejection(ask(1), 'ERR_TORCH_OUT_OF_MEMORY', /no memory/)
    run.mockRestore()
    const next = ask(2)
    await turns()
    engine.batches[0]?.finish()
    expect(await next).toEqual(Float32Array.of(2))
  })

  test('of an engine that answers too few are told', async () => {
    const { engine, ask } = setUp()
    const asked = [ask(1), ask(2)]
    await turns()
    engine.batches[0]?.answer([Float32Array.of(1)])
    await expectRejection(asked[0] as Promise<unknown>, 'ERR_TORCH_RUNTIME', /1 outputs for 2/)
    await expectRejection(asked[1] as Promise<unknown>, 'ERR_TORCH_RUNTIME', /1 outputs for 2/)
  })
})

test('an answer is an array of this realm', async () => {
  const { engine, ask } = setUp()
  const asked = ask(1)
  await turns()
  engine.batches[0]?.answer([runInNewContext('Float32Array.of(7)') as Float32Array])
  expect(await asked).toBeInstanceOf(Float32Array)
  expect(await asked).toEqual(Float32Array.of(7))
})

test('it is drained when nothing waits and nothing runs', async () => {
  const { engine, batcher, ask } = setUp({ batch: { max: 1 } })
  await batcher.drained()
  const controller = new AbortController()
  const asked = [ask(1), ask(2, { signal: controller.signal })]
  let isDrained = 0
  for (let i = 0; i < 2; i++) void batcher.drained().then(() => isDrained++)
  await turns()
  engine.batches[0]?.finish()
  await asked[0]
  await turns()
  expect(isDrained).toBe(0)
  controller.abort()
  engine.batches[1]?.finish()
  await asked[1]?.catch(() => {})
  await turns()
  expect(isDrained).toBe(2)
})

test('clear gives up what waits, not what runs', async () => {
  const { engine, batcher, counters, ask } = setUp({ batch: { max: 1 } })
  const asked = [ask(1), ask(2), ask(3)]
  await turns()
  const error = torchError('ERR_TORCH_CLOSED', 'closed')
  batcher.clear(error)
  await expect(asked[1]).rejects.toBe(error)
  await expect(asked[2]).rejects.toBe(error)
  engine.batches[0]?.finish()
  expect(await asked[0]).toEqual(Float32Array.of(1))
  expect(counters).toMatchObject({ served: 1, rejected: 2, queued: 0, running: 0 })
})

test('whatever happens, each request ends once, and none that was given up before is computed', async () => {
  const event = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('ask' as const), priority: fc.integer({ min: -2, max: 2 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('finish' as const), which: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), which: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('abort' as const), which: fc.nat(60) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 10, maxLength: 80 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 3 }),
      async (events, max, lanes) => {
        const { engine, counters, ask } = setUp({ batch: { max }, lanes })
        const controllers: AbortController[] = []
        const outcomes: Promise<string>[] = []
        const given = new Set<number>()
        const ended = new Set<number>()
        const computed = (): number[] => engine.batches.flatMap(({ first }) => first)
        const end = (which: number, how: 'finish' | 'fail'): void => {
          const open = engine.batches.map((_, i) => i).filter((i) => !ended.has(i))
          const index = open[which % Math.max(1, open.length)]
          if (index === undefined) return
          ended.add(index)
          if (how === 'finish') engine.batches[index]?.finish()
          else engine.batches[index]?.fail(new Error('broken'))
        }
        for (const one of events) {
          if (one.kind === 'ask') {
            const controller = new AbortController()
            const number = controllers.push(controller) - 1
            const asked = ask(number, { signal: controller.signal, priority: one.priority })
            outcomes.push(
              asked.then(
                ([value]) => (value === number ? 'served' : 'wrong'),
                (error: Error) => (error.name === 'AbortError' ? 'aborted' : 'failed'),
              ),
            )
          } else if (one.kind === 'turn') await turns(1)
          else if (one.kind === 'abort') {
            if (controllers.length === 0) continue
            const which = one.which % controllers.length
            if (!computed().includes(which)) given.add(which)
            controllers[which]?.abort()
          } else end(one.which, one.kind)
          expect(counters.running).toBeLessThanOrEqual(max * (lanes + 1))
        }
        for (let i = 0; i < controllers.length + 2; i++) {
          end(0, 'finish')
          await turns(2)
        }
        const all = await Promise.all(outcomes)
        const count = (kind: string): number => all.filter((outcome) => outcome === kind).length
        expect(count('wrong')).toBe(0)
        expect(counters).toMatchObject({
          queued: 0,
          running: 0,
          served: count('served'),
          failed: count('failed'),
          aborted: count('aborted'),
        })
        expect(computed().filter((number) => given.has(number))).toEqual([])
        expect(new Set(computed()).size).toBe(computed().length)
      },
    ),
    { numRuns: 60 },
  )
})

afterEach(() => {
  vi.restoreAllMocks()
})
