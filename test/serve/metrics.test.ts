// What a server counts, and the percentiles of the last minutes.
import { afterEach, expect, test, vi } from 'vitest'
import { GRUModel } from '../../lib/models/index.ts'
import { serve } from '../../lib/serve/index.ts'
import { Durations, Latency } from '../../lib/serve/metrics.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('percentiles are those of the values', () => {
  const latency = new Latency()
  expect(latency.summary()).toEqual({ p50: null, p90: null, p95: null, p99: null, max: null })
  const now = performance.now()
  for (let i = 1; i <= 1000; i++) latency.record(i / 10, now)
  const { p50, p90, p95, p99, max } = latency.summary()
  expect(p50).toBeCloseTo(50, 0)
  expect(p90).toBeCloseTo(90, 0)
  expect(p95).toBeCloseTo(95, 0)
  expect(p99).toBeCloseTo(99, 0)
  expect(max).toBeCloseTo(100, 0)
})

test('what is older than two minutes does not count', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const latency = new Latency()
  latency.record(100, performance.now())
  vi.advanceTimersByTime(59_000)
  latency.record(1, performance.now())
  expect(latency.summary().max).toBeCloseTo(100, 0)
  vi.advanceTimersByTime(50_000)
  latency.record(2, performance.now())
  expect(latency.summary().max).toBeCloseTo(100, 0)
  vi.advanceTimersByTime(61_000)
  expect(latency.summary().max).toBeCloseTo(2, 1)
  vi.advanceTimersByTime(300_000)
  expect(latency.summary()).toEqual({ p50: null, p90: null, p95: null, p99: null, max: null })
  latency.record(7, performance.now())
  expect(latency.summary().p50).toBeCloseTo(7, 1)
})

test('a histogram counts all durations, up to each bound', () => {
  const durations = new Durations()
  expect(durations.histogram()).toMatchObject({ p50: null, count: 0, sum: 0 })
  const now = performance.now()
  for (const ms of [0.05, 0.1, 0.3, 7, 7, 20_000]) durations.record(ms, now)
  const { count, sum, buckets, max, p50 } = durations.histogram()
  expect([count, sum]).toEqual([6, 20_014.45])
  expect(max).toBeCloseTo(20_000, -2)
  expect(p50).toBeCloseTo(0.3, 1)
  const of = new Map(buckets)
  expect([0.1, 0.25, 0.5, 5, 10, 10_000].map((ms) => of.get(ms))).toEqual([2, 2, 3, 3, 5, 5])
})

test('what a request waits is told from what its batch takes', async () => {
  const server = await serve(new GRUModel(16, 64, 1), { batch: { max: 1 } })
  const x = new Float32Array(16 * 200)
  await Promise.all(Array.from({ length: 20 }, () => server.predict(x)))
  await server.session('a').step(new Float32Array(16))
  const { wait, compute, latency, steps } = server.metrics()
  expect([wait.count, compute.count, steps.wait.count, steps.compute.count]).toEqual([20, 20, 1, 1])
  // One after the other: the last one waits for all others.
  expect(wait.max).toBeGreaterThan(compute.p50 as number)
  expect(wait.max).toBeLessThan(latency.max as number)
  // Each waits for those before it: the times of 0 to 19 of them, which overlap with nothing else.
  expect(wait.sum).toBeGreaterThan(compute.sum)
  await server.close()
})

test('metrics and descriptions are plain JSON', async () => {
  const server = await serve(new GRUModel(2, 4, 1, { horizon: 3 }), { batch: { max: 4 } })
  const x = Float32Array.of(1, 2)
  await Promise.all([...Array.from({ length: 9 }, () => server.predict(x)), server.session('a').step(x)])
  const metrics = server.metrics()
  expect(JSON.parse(JSON.stringify(metrics))).toEqual(metrics)
  expect(metrics).toMatchObject({
    state: 'open',
    queued: 0,
    running: 0,
    served: 9,
    failed: 0,
    rejected: 0,
    timedOut: 0,
    aborted: 0,
    batches: 3,
    batchSizes: { 1: 1, 4: 2 },
    batchLimit: 4,
    steps: { served: 1, batches: 1, failed: 0 },
    sessions: { open: 1, opened: 1, restored: 0, saved: 0, dropped: 0, refused: 0, storeErrors: 0 },
    versions: [
      { name: 'v1', model: 'GRUModel', engine: 'native', reason: null, weights: { file: null }, share: 1, requests: 9 },
    ],
  })
  for (const latency of [metrics.latency, metrics.steps.latency]) {
    expect(latency.p50).toBeGreaterThan(0)
    expect(latency.p50).toBeLessThanOrEqual(latency.max as number)
  }
  const description = server.describe()
  expect(JSON.parse(JSON.stringify(description))).toEqual(description)
  expect(description).toMatchObject({ inputSize: 2, outputShape: [3, 1], perStep: true, stateSize: 4, scaled: false })
  await server.close()
})

test('the backlog tells about how long a request will wait', async () => {
  const server = await serve(new GRUModel(16, 64, 1), { batch: { max: 4 } })
  const x = new Float32Array(16 * 200)
  await Promise.all(Array.from({ length: 40 }, () => server.predict(x)))
  expect(server.metrics().backlog).toBe(0)
  const start = performance.now()
  const asked = Array.from({ length: 200 }, () => server.predict(x))
  const { backlog, queued } = server.metrics()
  expect(queued).toBe(200)
  await Promise.all(asked)
  const took = performance.now() - start
  // Other processes may take the machine meanwhile.
  expect(backlog).toBeGreaterThan(took / 20)
  expect(backlog).toBeLessThan(took * 20)
  await server.close()
})
