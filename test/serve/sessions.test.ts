// Sessions with an engine whose states are the sums of their samples, and whose groups of steps end when the test says so.
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { TorchError } from '../../lib/errors.ts'
import { Batcher } from '../../lib/serve/batcher.ts'
import { MemoryStore, type Session, type SessionStore } from '../../lib/serve/index.ts'
import { Counters } from '../../lib/serve/metrics.ts'
import { readOptions, type ServeOptions } from '../../lib/serve/options.ts'
import { Sessions } from '../../lib/serve/sessions.ts'
import { encodeState } from '../../lib/serve/state.ts'
import { Stepper } from '../../lib/serve/stepper.ts'
import type { Version } from '../../lib/serve/version.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { FakeEngine, turns } from './fake-engine.ts'

function setUp(options: ServeOptions = {}, stateKind = 'sums') {
  const settings = readOptions(options)
  const all = new Counters()
  const counters = all.steps
  const make = (kind = stateKind): Version & { engine: FakeEngine } => {
    const engine = new FakeEngine()
    return {
      name: 'v1',
      model: 'Sum',
      engine,
      kind: 'tensor',
      reason: null,
      weights: null,
      signature: { inputSize: 1, numEmbeddings: null, outputShape: [1], perStep: false, steps: null, maxSteps: null },
      units: undefined,
      batcher: new Batcher(engine, settings, all),
      stepper: new Stepper(engine, undefined, settings.lanes, counters),
      stateKind: kind,
      weight: 1,
      requests: 0,
      successor: undefined,
      close: () => engine.close(),
    }
  }
  const version = make()
  const versions = [version]
  const newest = (): (typeof versions)[number] => versions.at(-1) as typeof version
  const sessions = new Sessions(settings, counters, newest)
  /** Exchanges the version for another one. */
  const reload = (): Promise<void> => {
    const last = newest()
    versions.push(make())
    last.successor = newest
    return sessions.leave(last)
  }
  /** Ends all groups of steps, until there are no more. */
  const run = async (engine: FakeEngine = version.engine): Promise<void> => {
    await turns()
    while (engine.stepBatches.length > 0) {
      engine.stepBatches.shift()?.finish()
      await turns()
    }
  }
  return { sessions, counters, version, versions, reload, make, run, engine: version.engine }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
afterEach(() => {
  vi.restoreAllMocks()
})

describe('steps', () => {
  test('of one turn are computed together, and those of a session in their order', async () => {
    const { sessions, engine, run, counters } = setUp()
    const all = ['a', 'b', 'c'].map((id) => sessions.open(id))
    const asked = all.map((session, i) => [session.step(i + 1), session.step(10), session.step(100)])
    await turns()
    expect(engine.stepBatches.map(({ x }) => x)).toEqual([[1, 2, 3]])
    expect(counters).toMatchObject({ queued: 6, running: 3 })
    await run()
    expect(await Promise.all(asked.flat())).toEqual([1, 11, 111, 2, 12, 112, 3, 13, 113].map((sum) => [sum]))
    expect(all.map(({ steps }) => steps)).toEqual([3, 3, 3])
    expect(counters).toMatchObject({ queued: 0, running: 0, served: 9, batches: 3 })
  })

  test('take samples that change after the call', async () => {
    const { sessions, run } = setUp()
    const session = sessions.open('a')
    const sample = Float32Array.of(1)
    const first = session.step(sample)
    sample[0] = 10
    const second = session.step(sample)
    sample[0] = 1000
    await run()
    expect([await first, await second]).toEqual([Float32Array.of(1), Float32Array.of(11)])
  })

  test('of more sessions than one group are in several', async () => {
    const { sessions, engine, run } = setUp()
    const asked = Array.from({ length: 1200 }, (_, i) => sessions.open(`s${i}`).step(i))
    await turns()
    // One is computed, and one is ready when that is done. The rest waits for company.
    expect(engine.stepBatches.map(({ x }) => x.length)).toEqual([512, 512])
    engine.stepBatches.shift()?.finish()
    await turns()
    expect(engine.stepBatches.map(({ x }) => x.length)).toEqual([512])
    await run()
    expect((await Promise.all(asked)).map(([value]) => value)).toEqual(Array.from({ length: 1200 }, (_, i) => i))
  })

  test('that failed leave the state', async () => {
    const { sessions, engine, run, counters } = setUp()
    const [a, b] = [sessions.open('a'), sessions.open('b')]
    const asked = [a.step(1), b.step(2), a.step(4)]
    await turns()
    engine.stepBatches.shift()?.finish([0])
    await expectRejection(asked[0] as Promise<unknown>, 'ERR_TORCH_NON_FINITE', /the state is as it was before/)
    await run()
    expect([await asked[1], await asked[2]]).toEqual([[2], [4]])
    expect([a.steps, b.steps]).toEqual([1, 1])
    expect(counters).toMatchObject({ failed: 1, served: 2, queued: 0, running: 0 })
  })

  test('of a group that failed reject, and the next ones go on', async () => {
    const { sessions, engine, run } = setUp()
    const session = sessions.open('a')
    const asked = [session.step(1), session.step(2)]
    await turns()
    engine.stepBatches.shift()?.fail(new Error('the lane broke'))
    await expectRejection(asked[0] as Promise<unknown>, 'ERR_TORCH_RUNTIME', 'step: the model failed: the lane broke')
    await run()
    expect(await asked[1]).toEqual([2])
  })

  test('that are aborted leave no gap', async () => {
    const { sessions, engine, run, counters } = setUp()
    const all = Array.from({ length: 5 }, (_, i) => sessions.open(`s${i}`))
    const controllers = all.map(() => new AbortController())
    const asked = all.map((session, i) => session.step(i + 1, { signal: controllers[i]?.signal as AbortSignal }))
    const after = [all[1], all[3]].map((session) => session?.step(50))
    const reason = new Error('gone')
    for (const i of [1, 3, 4]) controllers[i]?.abort(reason)
    for (const i of [1, 3, 4]) await expect(asked[i]).rejects.toBe(reason)
    await turns()
    expect(engine.stepBatches[0]?.x).toEqual([1, 3, 50, 50])
    await run()
    expect([await asked[0], await asked[2], await after[0], await after[1]]).toEqual([[1], [3], [50], [50]])
    expect(counters).toMatchObject({ aborted: 3, served: 4, queued: 0, running: 0 })
  })

  test('of thousands of clients that are gone at once are all given up', async () => {
    const { sessions, engine, run, counters } = setUp()
    const controller = new AbortController()
    const asked = Array.from({ length: 20_000 }, (_, i) =>
      sessions.open(`s${i % 10_000}`).step(1, { signal: controller.signal }),
    )
    const settled = Promise.allSettled(asked)
    const start = performance.now()
    controller.abort()
    expect(performance.now() - start).toBeLessThan(2000)
    for (const { status } of await settled) expect(status).toBe('rejected')
    await run()
    expect(engine.stepBatches).toEqual([])
    expect(counters).toMatchObject({ aborted: 20_000, queued: 0, running: 0, batches: 0 })
    const step = sessions.open('s7').step(5)
    await run()
    expect(await step).toEqual([5])
  })

  test('that wait for others can be aborted, too', async () => {
    const { sessions, run } = setUp()
    const session = sessions.open('a')
    const controller = new AbortController()
    const asked = [session.step(1), session.step(2, { signal: controller.signal }), session.step(4)]
    await turns()
    controller.abort()
    await expect(asked[1]).rejects.toThrow('aborted')
    await run()
    expect([await asked[0], await asked[2]]).toEqual([[1], [5]])
    await expect(session.step(1, { signal: controller.signal })).rejects.toThrow('aborted')
    expect(session.steps).toBe(2)
  })

  test('end at their deadline and after the timeout of the queue', async () => {
    const { sessions, engine, run, counters } = setUp({ queue: { timeout: 200 } })
    const [a, b] = [sessions.open('a'), sessions.open('b')]
    const running = a.step(1, { deadline: Date.now() + 150 })
    await turns()
    const waiting = b.step(2)
    await expectRejection(running, 'ERR_TORCH_TIMEOUT', /^step: it was being computed/)
    await expectRejection(waiting, 'ERR_TORCH_TIMEOUT', /^step: it waited \d+ ms and had not begun/)
    engine.stepBatches.shift()?.finish()
    await turns()
    // What was computed is part of the state, what was not is not.
    const [x, y] = [a.step(10), b.step(20)]
    await run()
    expect([await x, await y]).toEqual([[11], [20]])
    expect(counters).toMatchObject({ timedOut: 2, queued: 0, running: 0 })
  })

  test('begin although the event loop was held up, if no others did', async () => {
    const { sessions, engine, run, counters } = setUp({ queue: { timeout: 100 } })
    const [a, b] = [sessions.open('a'), sessions.open('b')]
    const asked = [a.step(1), a.step(2), b.step(3)]
    const end = performance.now() + 130
    while (performance.now() < end);
    await run()
    expect(await Promise.all(asked)).toEqual([[1], [3], [3]])
    // What came with them and waits for a step before it waits from then on.
    const late = [a.step(4), a.step(5)]
    await expectRejection(late[1] as Promise<unknown>, 'ERR_TORCH_TIMEOUT', /queue.timeout, 100 ms/)
    engine.stepBatches.shift()?.finish()
    expect(await late[0]).toEqual([7])
    expect(counters).toMatchObject({ timedOut: 1, served: 4, queued: 0, running: 0 })
  })

  test('are refused when too many wait', async () => {
    const { sessions, run, counters } = setUp({ queue: { steps: 2 } })
    const all = ['a', 'b', 'c'].map((id) => sessions.open(id))
    const asked = all.map((session) => session.step(1))
    await expectRejection(asked[2] as Promise<unknown>, 'ERR_TORCH_OVERLOADED', /step: 2 steps wait/)
    await run()
    await Promise.all(asked.slice(0, 2))
    expect(counters).toMatchObject({ rejected: 1, served: 2 })
  })

  test.each<[unknown, RegExp]>([
    [[1, 2], /the sample must be a Float32Array or an array of 1 number, got 2/],
    [new Float32Array(3), /got 3/],
    ['1', /sample must be a Float32Array or an array of 1 number, got '1'/],
    [[null], /sample\[0\] must be a number, got null/],
    [new Float64Array(1), /got Float64Array/],
    [undefined, /got undefined/],
  ])('refuse the sample %o', async (sample, message) => {
    const { sessions } = setUp()
    const session = sessions.open('a')
    await expect(session.step(sample as number)).rejects.toThrow(message)
    await expect(session.step(sample as number)).rejects.toBeInstanceOf(TorchError)
    expect(session.steps).toBe(0)
  })

  test('refuse options that there are not', async () => {
    const { sessions } = setUp()
    const step = sessions.open('a').step(1, { priority: 1 } as object)
    await expectRejection(step, 'ERR_TORCH_OPTION', /step: unknown option 'priority'/)
    await expectRejection(sessions.open('a').step(1, { signal: 1 as never }), 'ERR_TORCH_TYPE', /signal must be/)
    const named = { length: 1, 0: 1, [Symbol.toStringTag]: 'Float32Array' }
    await expectRejection(sessions.open('a').step(named as never), 'ERR_TORCH_TYPE', /sample must be a Float32Array/)
    for (const fake of [{ aborted: false }, { aborted: false, throwIfAborted: () => {} }]) {
      await expectRejection(sessions.open('a').step(1, { signal: fake as never }), 'ERR_TORCH_TYPE', /signal must be/)
    }
    await expectRejection(sessions.open('a').step(1, { deadline: Number.NaN }), 'ERR_TORCH_TYPE', /deadline must be/)
  })
})

describe('a session', () => {
  test('is one for each id', () => {
    const { sessions } = setUp()
    expect(sessions.open('a')).toBe(sessions.open('a'))
    expect(sessions.open('a')).not.toBe(sessions.open('b'))
    expect(sessions.size).toBe(2)
  })

  test.each<[unknown, object, RegExp]>([
    ['', {}, /id must be of 1 to 1024 letters/],
    ['x'.repeat(1025), {}, /id must be of 1 to 1024 letters/],
    [7, {}, /id must be a string/],
    ['a', { idel: 1 }, /unknown option 'idel'; did you mean 'idle'/],
    ['a', { idle: 0 }, /idle must be a positive number/],
    ['a', { state: new Uint8Array(3) }, /is not one that Session.save\(\) returned/],
    ['a', { state: 'abc' }, /is no Uint8Array/],
  ])('is refused if it is not asked for as it must be: %#', (id, options, message) => {
    const { sessions } = setUp()
    expect(() => sessions.open(id, options)).toThrow(message)
    expect(sessions.size).toBe(0)
  })

  test('goes on elsewhere from what it saved, after the steps before', async () => {
    const { sessions, run } = setUp()
    const session = sessions.open('a')
    void session.step(1)
    void session.step(2)
    const saved = session.save()
    void session.step(4)
    await run()
    const bytes = await saved
    const other = setUp()
    const again = other.sessions.open('a', { state: bytes })
    expect(again.steps).toBe(2)
    const next = again.step(10)
    await other.run()
    expect(await next).toEqual([13])
    expectError(() => other.sessions.open('a', { state: bytes }), 'ERR_TORCH_VALUE', /'a' is open already/)
    expectError(
      () => setUp({}, 'LSTM').sessions.open('a', { state: bytes }),
      'ERR_TORCH_FORMAT',
      /of another kind of model/,
    )
  })

  test.each<[string, (bytes: Uint8Array) => Uint8Array, RegExp]>([
    ['a part', (bytes) => bytes.slice(0, -1), /is damaged: its CRC-32 differs/],
    ['more', (bytes) => Uint8Array.of(...bytes, 0), /is damaged: its CRC-32 differs/],
    ['nothing', (bytes) => bytes.slice(0, 19), /is not one that/],
    ['another beginning', (bytes) => bytes.with(0, 0), /is not one that/],
    ['NaN', () => encodeState({ state: Float32Array.of(Number.NaN), steps: 0 }, 'sums'), /is damaged$/],
    ['no count', () => encodeState({ state: Float32Array.of(1), steps: -1 }, 'sums'), /is damaged$/],
    ['two', () => encodeState({ state: Float32Array.of(1, 2), steps: 1 }, 'sums'), /has 28 bytes instead of 24/],
  ])('does not begin with %s of a state', async (_, damage, message) => {
    const { sessions } = setUp()
    const bytes = await sessions.open('a').save()
    expectError(() => sessions.open('b', { state: damage(bytes) }), 'ERR_TORCH_FORMAT', message)
    expect(sessions.size).toBe(1)
  })

  test('does not begin with a state of which any bit has changed', async () => {
    const { sessions } = setUp()
    const bytes = encodeState({ state: Float32Array.of(0.5), steps: 3 }, 'sums')
    expect(sessions.open('whole', { state: bytes }).steps).toBe(3)
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const damaged = bytes.slice()
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      expectError(() => sessions.open('b', { state: damaged }), 'ERR_TORCH_FORMAT', /saved state is (damaged|not one)/)
    }
  })

  test('ends after its steps, and takes no more', async () => {
    const { sessions, engine, run } = setUp()
    const session = sessions.open('a')
    const before = session.step(1)
    const closing = session.close()
    await expectRejection(session.step(2), 'ERR_TORCH_CLOSED', /'a' was closed/)
    await expectRejection(session.save(), 'ERR_TORCH_CLOSED', /'a' was closed/)
    await run()
    expect(await before).toEqual([1])
    await closing
    await session.close()
    await expectRejection(session.step(2), 'ERR_TORCH_CLOSED', /'a' was closed/)
    expect(engine.slots.size).toBe(0)
    // Another one of this id begins anew.
    const next = sessions.open('a').step(5)
    await run()
    expect(await next).toEqual([5])
  })

  test('ends by its id after its steps, if there is one', async () => {
    const { sessions, run } = setUp()
    const session = sessions.open('a')
    const before = session.step(1)
    const ends = [sessions.closeId('a'), sessions.closeId('a'), sessions.closeId('b')]
    await expectRejection(session.step(2), 'ERR_TORCH_CLOSED', /'a' was closed/)
    await run()
    expect(await before).toEqual([1])
    expect(await Promise.all(ends)).toEqual([true, false, false])
    expect(sessions.counts.opened).toBe(1)
    expect(sessions.size).toBe(0)
    await expectRejection(sessions.closeId(''), 'ERR_TORCH_VALUE', /id must be of 1 to 1024 letters/)
    await expectRejection(sessions.closeId(7), 'ERR_TORCH_TYPE', /id must be a string/)
    sessions.stop()
    await expectRejection(sessions.closeId('a'), 'ERR_TORCH_CLOSED', /closeSession: the server is closed/)
  })

  test('of which too many are open is refused', async () => {
    const { sessions } = setUp({ sessions: { max: 2 } })
    sessions.open('a')
    const b = sessions.open('b')
    expectError(() => sessions.open('c'), 'ERR_TORCH_OVERLOADED', /2 sessions are open/)
    expect(sessions.open('b')).toBe(b)
    await b.close()
    sessions.open('c')
    expect(sessions.counts).toMatchObject({ refused: 1, opened: 3 })
  })

  test('that is idle is dropped, and says so', async () => {
    const { sessions, engine, run } = setUp({ sessions: { idle: 30 } })
    const [a, b] = [sessions.open('a'), sessions.open('b', { idle: 10_000 })]
    void a.step(1)
    void b.step(1)
    await run()
    await vi.waitFor(() => expect(sessions.size).toBe(1), { interval: 5 })
    await expectRejection(a.step(1), 'ERR_TORCH_CLOSED', /'a' was dropped after 30 ms without a step/)
    expect(engine.slots.size).toBe(1)
    expect(sessions.counts.dropped).toBe(1)
    const anew = sessions.open('a').step(7)
    const on = b.step(7)
    await run()
    expect([await anew, await on]).toEqual([[7], [8]])
  })
})

describe('a store', () => {
  /** Counts what it is asked, and fails when told. */
  class Store extends MemoryStore implements SessionStore {
    asked: string[] = []
    fails = ''
    #ask(what: string, id: string): void {
      this.asked.push(`${what} ${id}`)
      if (this.fails === what) throw new Error(`no ${what}`)
    }
    override load(id: string): Uint8Array | undefined {
      this.#ask('load', id)
      return super.load(id)
    }
    override save(id: string, bytes: Uint8Array): void {
      this.#ask('save', id)
      super.save(id, bytes)
    }
    override delete(id: string): void {
      this.#ask('delete', id)
      super.delete(id)
    }
  }

  const idleUntilStored = async ({ sessions }: ReturnType<typeof setUp>): Promise<void> => {
    await vi.waitFor(() => expect(sessions.size).toBe(0), { interval: 5 })
  }

  test('has what is idle, and gives it back to the same object', async () => {
    const store = new Store()
    const all = setUp({ sessions: { idle: 150, store } })
    const { sessions, run, engine } = all
    const session = sessions.open('a')
    void session.step(1)
    void session.step(2)
    await run()
    await idleUntilStored(all)
    expect(engine.slots.size).toBe(0)
    const asked = [session.step(4), session.step(8)]
    await run()
    expect(await Promise.all(asked)).toEqual([[7], [15]])
    expect(session.steps).toBe(4)
    expect(sessions.counts).toMatchObject({ saved: 1, restored: 1, opened: 2 })
    // The old object and a new one are the same session.
    await idleUntilStored(all)
    const other = sessions.open('a')
    const both = [other.step(16), session.step(32)]
    await run()
    expect(await Promise.all(both)).toEqual([[31], [63]])
  })

  test('has all when the server closes, and another server goes on', async () => {
    const store = new Store()
    const first = setUp({ sessions: { store } })
    const asked = Array.from({ length: 100 }, (_, i) => first.sessions.open(`s${i}`).step(i))
    await first.run()
    await Promise.all(asked)
    await first.sessions.end()
    expect(store.size).toBe(100)
    expect(first.engine.slots.size).toBe(0)
    const second = setUp({ sessions: { store } })
    const next = Array.from({ length: 100 }, (_, i) => second.sessions.open(`s${i}`).step(1000))
    await second.run()
    expect((await Promise.all(next)).map(([value]) => value)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1000))
  })

  test('makes room for more sessions than there is memory for', async () => {
    const store = new Store()
    const { sessions, run, engine } = setUp({ sessions: { max: 3, store } })
    const sums = new Map<string, number>()
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 8; i++) {
        const step = sessions.open(`s${i}`).step(round + i)
        await run()
        const sum = (sums.get(`s${i}`) ?? 0) + round + i
        sums.set(`s${i}`, sum)
        expect(await step).toEqual([sum])
        expect(engine.slots.size).toBeLessThanOrEqual(3)
      }
    }
    expect(sessions.counts.refused).toBe(0)
  })

  test('that is slow does not grow the memory without bound', async () => {
    const store: SessionStore = { load: () => new Promise(() => {}), save: () => new Promise(() => {}), delete() {} }
    const { sessions } = setUp({ sessions: { max: 3, store } })
    for (let i = 0; i < 6; i++) sessions.open(`s${i}`)
    expectError(() => sessions.open('s6'), 'ERR_TORCH_OVERLOADED', /6 sessions are open, twice .* \(sessions.max, 3\)/)
    expect(sessions.size).toBe(6)
  })

  test('has room again after a burst of twice as many as there may be, and more', async () => {
    const store = new Store()
    const { sessions, run, engine } = setUp({ sessions: { max: 20, store } })
    const asked = Array.from({ length: 60 }, async (_, i) => await sessions.open(`s${i}`).step(i))
    const settled = Promise.allSettled(asked)
    await run()
    const results = await settled
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(40)
    expect(sessions.counts.refused).toBe(20)
    // They leave the memory by themselves.
    await vi.waitFor(() => expect(engine.slots.size).toBeLessThanOrEqual(20), { interval: 5 })
    expect(store.size).toBeGreaterThanOrEqual(20)
    const next = Array.from({ length: 60 }, (_, i) => i).filter((i) => i % 3 === 0)
    for (const i of next) {
      const step = sessions.open(`s${i}`).step(1000)
      await run()
      await vi.waitFor(() => expect(sessions.size).toBeLessThanOrEqual(20), { interval: 1 })
      await run()
      expect(await step).toEqual([i < 40 ? i + 1000 : 1000])
    }
    expect(sessions.counts.refused).toBe(20)
  })

  test('that fails while there is no room is tried again at intervals, and then there is', async () => {
    const store = new Store()
    const { sessions, run } = setUp({ sessions: { max: 20, store } })
    store.fails = 'save'
    const asked = Array.from({ length: 40 }, (_, i) => sessions.open(`s${i}`).step(i))
    await run()
    await Promise.all(asked)
    const message = /40 sessions are open, .* \(sessions.max, 20\), and the store fails/
    await vi.waitFor(() => expectError(() => sessions.open('new'), 'ERR_TORCH_OVERLOADED', message))
    const { storeErrors } = sessions.counts
    for (let i = 0; i < 50; i++) expectError(() => sessions.open('new'), 'ERR_TORCH_OVERLOADED', message)
    await turns()
    expect(sessions.counts.storeErrors).toBeLessThanOrEqual(storeErrors + 1)
    store.fails = ''
    await vi.waitFor(() => sessions.open('new'), { interval: 20 })
    await vi.waitFor(() => expect(sessions.size).toBeLessThanOrEqual(20), { interval: 5 })
    const steps = [sessions.open('new').step(5), sessions.open('s7').step(1)]
    await pause(20)
    await run()
    expect(await Promise.all(steps)).toEqual([[5], [8]])
  })

  test('that could not save at the end gets what is left when it is asked again', async () => {
    const store = new Store()
    const { sessions, run, engine } = setUp({ sessions: { store } })
    const asked = ['a', 'b'].map((id, i) => sessions.open(id).step(i + 1))
    await run()
    await Promise.all(asked)
    store.fails = 'save'
    await expectRejection(sessions.end(), 'ERR_TORCH_RUNTIME', /2 of 2 sessions could not be saved/)
    expect([sessions.left, engine.slots.size]).toEqual([2, 0])
    await expectRejection(sessions.saveLeft(1000), 'ERR_TORCH_RUNTIME', /close: 2 of 2 sessions could not be saved/)
    store.fails = ''
    await sessions.saveLeft(1000)
    expect([sessions.left, store.size, sessions.counts.saved]).toEqual([0, 2, 2])
    const next = setUp({ sessions: { store } })
    const step = next.sessions.open('b').step(10)
    await next.run()
    expect(await step).toEqual([12])
  })

  test('is told of a closed session, also of one that is not in memory', async () => {
    const store = new Store()
    const all = setUp({ sessions: { idle: 20, store } })
    const { sessions, run } = all
    const session = sessions.open('a')
    void session.step(1)
    await run()
    await idleUntilStored(all)
    expect(store.size).toBe(1)
    await session.close()
    expect(store.size).toBe(0)
    await expectRejection(session.step(1), 'ERR_TORCH_CLOSED', /'a' was closed/)
    const anew = sessions.open('a').step(3)
    await run()
    expect(await anew).toEqual([3])
  })

  test('is told of a session that ends by its id, without opening it', async () => {
    const store = new Store()
    const all = setUp({ sessions: { idle: 20, store } })
    const { sessions, run } = all
    void sessions.open('a').step(1)
    await run()
    await idleUntilStored(all)
    store.asked = []
    // One that is opened meanwhile waits, and begins anew.
    const ends = [sessions.closeId('a'), sessions.closeId('a'), sessions.closeId('b')]
    const anew = sessions.open('a').step(3)
    expect(await Promise.all(ends)).toEqual([true, false, false])
    await run()
    expect(await anew).toEqual([3])
    expect(store.asked).toEqual(['load a', 'load b', 'delete a', 'load a'])
    expect(sessions.counts).toMatchObject({ opened: 2, restored: 0 })
    store.fails = 'load'
    await expectRejection(sessions.closeId('b'), 'ERR_TORCH_RUNTIME', /the store could not load 'b': no load/)
    expect(sessions.counts.storeErrors).toBe(1)
  })

  test('a session that is opened while the last of its id is being deleted begins anew', async () => {
    let deleted: () => void = () => {}
    const kept = new MemoryStore()
    const store: SessionStore = {
      load: (id) => kept.load(id),
      save: (id, bytes) => kept.save(id, bytes),
      delete: (id) =>
        new Promise<void>((resolve) => {
          deleted = () => {
            kept.delete(id)
            resolve()
          }
        }),
    }
    const { sessions, run } = setUp({ sessions: { store } })
    const first = sessions.open('a')
    kept.save('a', await first.save())
    const closing = first.close()
    await turns()
    const step = sessions.open('a').step(3)
    await run()
    deleted()
    await closing
    await run()
    expect(await step).toEqual([3])
    expect(sessions.size).toBe(1)
  })

  test('a stored session that is closed does not come back to one that is opened meanwhile', async () => {
    const store = new Store()
    const all = setUp({ sessions: { idle: 20, store } })
    const { sessions, run } = all
    const session = sessions.open('a')
    void session.step(1)
    await run()
    await idleUntilStored(all)
    const closing = session.close()
    const step = sessions.open('a').step(5)
    await closing
    await run()
    expect(await step).toEqual([5])
    await session.close()
    await expectRejection(session.step(1), 'ERR_TORCH_CLOSED', /'a' was closed/)
  })

  test('that cannot load rejects the steps, which can be tried again', async () => {
    const store = new Store()
    const { sessions, run } = setUp({ sessions: { store } })
    store.fails = 'load'
    const session = sessions.open('a')
    const asked = [session.step(1), session.step(2)]
    await expectRejection(asked[0] as Promise<unknown>, 'ERR_TORCH_RUNTIME', /the store could not load 'a': no load/)
    await expectRejection(asked[1] as Promise<unknown>, 'ERR_TORCH_RUNTIME', /no load/)
    expect(sessions.counts.storeErrors).toBe(1)
    store.fails = ''
    const next = session.step(3)
    await run()
    expect(await next).toEqual([3])
  })

  test('with damaged bytes is an error, not a new session', async () => {
    const store = new Store()
    store.save('a', Uint8Array.of(1, 2, 3))
    const { sessions, run } = setUp({ sessions: { store } })
    const session = sessions.open('a')
    await expectRejection(session.step(1), 'ERR_TORCH_FORMAT', /is not one that/)
    await session.close()
    const next = sessions.open('a').step(3)
    await run()
    expect(await next).toEqual([3])
  })

  test('that cannot save loses nothing', async () => {
    const store = new Store()
    const all = setUp({ sessions: { idle: 20, store } })
    const { sessions, run } = all
    store.fails = 'save'
    const session = sessions.open('a')
    void session.step(1)
    await run()
    await vi.waitFor(() => expect(sessions.counts.storeErrors).toBeGreaterThan(1), { interval: 5 })
    const step = session.step(2)
    await run()
    expect(await step).toEqual([3])
    await expectRejection(
      sessions.end(),
      'ERR_TORCH_RUNTIME',
      /1 of 1 sessions could not be saved: .*could not save 'a': no save/,
    )
    await expectRejection(session.step(2), 'ERR_TORCH_CLOSED', /closed/)
  })

  test.each<[string, () => unknown]>([
    ['an object without a prototype', () => Object.create(null)],
    [
      'a revoked proxy',
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        return proxy
      },
    ],
    ['a symbol', () => Symbol('no')],
    ['undefined', () => undefined],
  ])('that throws %s rejects with an error of this library', async (_, make) => {
    const store = new Store()
    const { sessions, run } = setUp({ sessions: { store } })
    const fail = (): never => {
      throw make()
    }
    const load = vi.spyOn(store, 'load').mockImplementation(fail)
    const session = sessions.open('a')
    await expectRejection(session.step(1), 'ERR_TORCH_RUNTIME', /the store could not load 'a': /)
    load.mockRestore()
    const step = session.step(1)
    await run()
    await step
    vi.spyOn(store, 'delete').mockImplementation(fail)
    await expectRejection(session.close(), 'ERR_TORCH_RUNTIME', /the store could not delete 'a': /)
    const other = sessions.open('b').step(1)
    await run()
    await other
    vi.spyOn(store, 'save').mockImplementation(fail)
    await expectRejection(sessions.end(), 'ERR_TORCH_RUNTIME', /the store could not save 'b': /)
  })

  test('that never answers does not keep the server from closing', async () => {
    const store = new Store()
    const { sessions, run, engine } = setUp({ sessions: { store } })
    const asked = Array.from({ length: 100 }, (_, i) => sessions.open(`s${i}`).step(1))
    await run()
    await Promise.all(asked)
    store.save = () => new Promise<void>(() => {}) as never
    const message = 'close: 100 of 100 sessions could not be saved: the store took longer than 50 ms'
    await expectRejection(sessions.end(50), 'ERR_TORCH_RUNTIME', message)
    expect([sessions.size, engine.slots.size]).toEqual([0, 0])
  })

  test('gets changed states at intervals, between two steps, and others only once', async () => {
    const store = new Store()
    const { sessions, run } = setUp({ sessions: { store, interval: 15 } })
    const [a] = [sessions.open('a'), sessions.open('b')]
    for (let i = 1; i <= 3; i++) void a.step(i)
    await run()
    await vi.waitFor(() => expect(store.size).toBe(1), { interval: 2 })
    await pause(50)
    expect(store.asked.filter((what) => what.startsWith('save'))).toEqual(['save a'])
    // The process dies: another one goes on from there.
    const next = setUp({ sessions: { store } })
    const step = next.sessions.open('a').step(10)
    await next.run()
    expect(await step).toEqual([16])
    // What the store has is not written again.
    await sessions.end()
    expect(store.asked.filter((what) => what.startsWith('save'))).toEqual(['save a'])
  })

  test('gets what it is asked in order: neither an older state nor a closed session comes back', async () => {
    const table = new MemoryStore()
    const waiting: (() => void)[] = []
    const slow = (fn: () => void): Promise<void> =>
      new Promise((resolve) => {
        waiting.push(() => {
          fn()
          resolve()
        })
      })
    const store: SessionStore = {
      load: (id) => table.load(id),
      save: (id, bytes) => slow(() => table.save(id, bytes)),
      delete: (id) => slow(() => table.delete(id)),
    }
    const { sessions, run } = setUp({ sessions: { store, interval: 10 } })
    const session = sessions.open('a')
    void session.step(1)
    await run()
    await vi.waitFor(() => expect(waiting.length).toBe(1), { interval: 2 })
    const closing = session.close()
    await pause(30)
    // The store has not answered: it is not asked anything else.
    expect(waiting.length).toBe(1)
    waiting.shift()?.()
    await vi.waitFor(() => expect(waiting.length).toBe(1), { interval: 2 })
    expect(table.size).toBe(1)
    waiting.shift()?.()
    await closing
    expect(table.size).toBe(0)
    sessions.stop()
  })

  test('a step that comes while a session is being saved goes on in memory', async () => {
    let saved: () => void = () => {}
    const store: SessionStore = {
      load: () => undefined,
      save: () => new Promise<void>((resolve) => (saved = resolve)),
      delete() {},
    }
    const { sessions, run } = setUp({ sessions: { idle: 20, store } })
    const session = sessions.open('a')
    void session.step(1)
    await run()
    await pause(60)
    const step = session.step(2)
    await turns()
    saved()
    await run()
    expect(await step).toEqual([3])
    expect(sessions.size).toBe(1)
  })
})

describe('another version', () => {
  test('goes on from the states, also of those that are being computed', async () => {
    const { sessions, version, make, run, engine } = setUp()
    const next = make()
    const [a, b, c] = ['a', 'b', 'c'].map((id) => sessions.open(id)) as [Session, Session, Session]
    void a.step(1)
    void b.step(2)
    await run()
    const under = b.step(20)
    await turns()
    const waiting = b.step(200)
    version.successor = () => next
    const leaving = sessions.leave(version)
    await turns()
    await run(engine)
    await run(next.engine)
    await leaving
    expect(engine.slots.size).toBe(0)
    const asked = [a.step(10), c.step(30)]
    await run(next.engine)
    expect(await Promise.all([under, waiting, ...asked])).toEqual([[22], [222], [11], [30]])
    expect([a.steps, b.steps, c.steps]).toEqual([2, 3, 1])
  })

  test('that has no memory for a session leaves it where it is, until it has', async () => {
    const { sessions, version, make, run, engine } = setUp()
    const next = make()
    const session = sessions.open('a')
    void session.step(1)
    await run()
    const full = vi.spyOn(next.engine, 'openSlot').mockImplementation(() => {
      throw new TorchError('ERR_TORCH_OUT_OF_MEMORY', 'no memory')
    })
    version.successor = () => next
    const leaving = sessions.leave(version)
    const step = session.step(2)
    await run(engine)
    expect(await step).toEqual([3])
    full.mockRestore()
    await leaving
    const last = session.step(4)
    await run(next.engine)
    expect(await last).toEqual([7])
  })

  test('of another kind begins anew', async () => {
    const { sessions, version, make, run, engine } = setUp()
    const next = make('others')
    const session = sessions.open('a')
    void session.step(1)
    await run()
    version.successor = () => next
    await sessions.leave(version)
    expect(session.steps).toBe(0)
    const step = session.step(5)
    await run(next.engine)
    expect(await step).toEqual([5])
    expect(engine.slots.size).toBe(0)
  })
})

test('whatever happens, steps of a session are computed in order and once', async () => {
  const event = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('step' as const), id: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('finish' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), row: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('abort' as const), which: fc.nat(50) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('evict' as const), id: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reload' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('save' as const), id: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 10, maxLength: 60 }), async (events) => {
      const store = new MemoryStore()
      // Others push the sessions out of memory.
      const { sessions, versions, reload, run, counters } = setUp({ sessions: { max: 4, store } })
      const engines = (): FakeEngine[] => versions.map(({ engine }) => engine)
      const begun = () =>
        engines()
          .find(({ stepBatches }) => stepBatches.length > 0)
          ?.stepBatches.shift()
      const runAll = async (): Promise<void> => {
        for (let i = 0; i < 4; i++) for (const engine of engines()) await run(engine)
      }
      const controllers: AbortController[] = []
      const asked: { id: number; value: number; outcome: Promise<number | string> }[] = []
      const others: Promise<unknown>[] = []
      for (const one of events) {
        if (one.kind === 'step') {
          const controller = new AbortController()
          const value = 2 ** (asked.length % 20)
          controllers.push(controller)
          const outcome = sessions
            .open(`s${one.id}`)
            .step(value, { signal: controller.signal })
            .then(
              ([sum]) => sum as number,
              (error: Error) => error.name,
            )
          asked.push({ id: one.id, value, outcome })
        } else if (one.kind === 'turn') await turns(1)
        else if (one.kind === 'finish') begun()?.finish()
        else if (one.kind === 'fail') begun()?.finish([one.row])
        else if (one.kind === 'abort') controllers[one.which % Math.max(1, controllers.length)]?.abort()
        else if (one.kind === 'reload') others.push(reload())
        else if (one.kind === 'save') others.push(sessions.open(`s${one.id}`).save())
        else sessions.open(`other${one.id}`)
      }
      for (let i = 0; i < 4; i++) await runAll()
      /** The sums that were shown last. */
      const sums = new Map<number, number>()
      for (const { id, value, outcome } of asked) {
        const sum = await outcome
        // One that was aborted while it was computed is part of the state: the next one shows it.
        if (typeof sum === 'string') continue
        expect(sum).toBeGreaterThanOrEqual((sums.get(id) ?? 0) + value)
        sums.set(id, sum)
      }
      await Promise.all(others)
      expect(counters).toMatchObject({ queued: 0, running: 0 })
      for (const [id, sum] of sums) {
        const last = sessions.open(`s${id}`).step(0)
        await runAll()
        expect((await last)[0]).toBeGreaterThanOrEqual(sum)
      }
      // Only the newest version has states.
      for (const { slots } of engines().slice(0, -1)) expect(slots.size).toBe(0)
      await sessions.end()
      expect(engines().at(-1)?.slots.size).toBe(0)
    }),
    { numRuns: 60 },
  )
})
