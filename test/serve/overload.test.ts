// More requests than can be computed: those that are accepted keep their time, the others are told at once, and the
// server recovers.
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { LSTMModel } from '../../lib/models/index.ts'
import { serve } from '../../lib/serve/index.ts'

test('at several times the capacity', async () => {
  const timeout = 400
  const server = await serve(new LSTMModel(16, 128, 1, { output: 'last' }), {
    batch: { max: 16 },
    queue: { max: 500, timeout },
  })
  const x = new Float32Array(16 * 50).fill(0.1)
  await Promise.all(Array.from({ length: 64 }, () => server.predict(x)))
  const counts = { served: 0, overloaded: 0, late: 0 }
  let slowest = 0
  let longestBatch = 0
  let lastServed = performance.now()
  const ask = async (): Promise<void> => {
    const start = performance.now()
    try {
      await server.predict(x)
      const now = performance.now()
      counts.served += 1
      slowest = Math.max(slowest, now - start)
      longestBatch = Math.max(longestBatch, now - lastServed)
      lastServed = now
    } catch (error) {
      const { code } = error as { code: string }
      if (code === 'ERR_TORCH_OVERLOADED') counts.overloaded += 1
      else {
        expect(code).toBe('ERR_TORCH_TIMEOUT')
        counts.late += 1
      }
    }
  }
  const asked: Promise<void>[] = []
  const end = performance.now() + 1500
  while (performance.now() < end) {
    for (let i = 0; i < 200; i++) asked.push(ask())
    expect(server.metrics().queued).toBeLessThanOrEqual(500)
    await pause(2)
  }
  await Promise.all(asked)
  expect(counts.served + counts.overloaded + counts.late).toBe(asked.length)
  expect(counts.served).toBeGreaterThan(100)
  expect(counts.overloaded).toBeGreaterThan(counts.served)
  // What is accepted waits no longer than it may, and is then computed in the next batch.
  expect(slowest).toBeLessThan(timeout + 3 * longestBatch + 100)
  expect(server.metrics()).toMatchObject({
    queued: 0,
    running: 0,
    served: counts.served + 64,
    rejected: counts.overloaded,
    timedOut: counts.late,
    failed: 0,
  })
  // And it is over at once.
  const start = performance.now()
  await server.predict(x)
  expect(performance.now() - start).toBeLessThan(1000)
  await server.close()
})

test('an idle server answers a burst after a slow turn of the event loop', async () => {
  const server = await serve(new LSTMModel(4, 8, 1, { output: 'last' }), { queue: { max: 200, timeout: 100 } })
  const burst = Array.from({ length: 1000 }, () => server.predict(new Float32Array(4)))
  const end = performance.now() + 150
  while (performance.now() < end);
  const codes = (await Promise.allSettled(burst)).map((one) => (one.status === 'rejected' ? one.reason.code : 'served'))
  expect(codes.filter((code) => code === 'served').length).toBe(200)
  expect(codes.filter((code) => code === 'ERR_TORCH_OVERLOADED').length).toBe(800)
  await server.close()
})

test('a refusal costs little', async () => {
  const server = await serve(new LSTMModel(4, 8, 1, { output: 'last' }), { queue: { max: 1 } })
  const x = new Float32Array(4)
  const first = server.predict(x)
  const refused: Promise<unknown>[] = []
  const cpu = process.cpuUsage()
  for (let i = 0; i < 10_000; i++) refused.push(server.predict(x).catch((error: { code: string }) => error.code))
  const { user, system } = process.cpuUsage(cpu)
  expect(new Set(await Promise.all(refused))).toEqual(new Set(['ERR_TORCH_OVERLOADED']))
  // Some 3 µs each; with a stack it would be more than 30.
  expect((user + system) / 10_000).toBeLessThan(30)
  await first
  await server.close()
})

test('with priorities, the urgent keep their time', async () => {
  const server = await serve(new LSTMModel(16, 128, 1, { output: 'last' }), {
    batch: { max: 8 },
    queue: { max: 2000, aging: 60_000 },
  })
  const x = new Float32Array(16 * 50).fill(0.1)
  const common = Array.from({ length: 1000 }, () => server.predict(x))
  let left = 1000
  for (const one of common) void one.then(() => (left -= 1))
  await pause(5)
  await server.predict(x, { priority: 1 })
  // It overtook all that had not begun.
  expect(left).toBeGreaterThan(500)
  await Promise.all(common)
  await server.close()
})
