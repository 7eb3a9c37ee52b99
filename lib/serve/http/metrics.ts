import type { FastifyInstance } from 'fastify'
import type { Metric, Registry } from 'prom-client'
import type { Metrics } from '../description.ts'
import type { Histogram } from '../metrics.ts'
import type { Connections } from './connections.ts'
import type { ServedModels } from './model.ts'
import type { HttpSettings } from './options.ts'

type Prometheus = typeof import('prom-client')

/** Numbers of a server that only grow: the name, the text, and their values by a label. */
const COUNTERS: readonly [string, string, string, (metrics: Metrics) => Readonly<Record<string, number>>][] = [
  [
    'requests_total',
    'Requests by what became of them; steps are among all but served',
    'outcome',
    ({ served, failed, rejected, timedOut, aborted }) => ({ served, failed, rejected, timedOut, aborted }),
  ],
  ['steps_total', 'Steps of sessions that got an output', 'outcome', ({ steps }) => ({ served: steps.served })],
  [
    'batches_total',
    'What was computed together',
    'of',
    ({ batches, steps }) => ({ requests: batches, steps: steps.batches }),
  ],
  ['sessions_total', 'What became of sessions', 'event', ({ sessions: { open: _, ...others } }) => others],
]

/** Numbers of a server that grow and fall. */
const GAUGES: readonly [string, string, (metrics: Metrics) => number][] = [
  ['queued', 'Requests and steps that wait', ({ queued }) => queued],
  ['running', 'Requests and steps that are being computed', ({ running }) => running],
  ['backlog_seconds', 'About how long a request would wait that came now', ({ backlog }) => backlog / 1000],
  ['batch_limit', 'The most requests of a batch, at present', ({ batchLimit }) => batchLimit],
  ['sessions_open', 'Sessions in memory', ({ sessions }) => sessions.open],
]

/** How long things took: the name, the text, and of what of a server. */
const HISTOGRAMS: readonly [string, string, 'wait' | 'compute'][] = [
  ['wait_seconds', 'From the call of a request or a step until it was begun', 'wait'],
  ['compute_seconds', 'How long a batch of requests or steps was computed', 'compute'],
]

const PREFIX = 'libtorch_rnn_'
/** In seconds: a small model takes less than a millisecond. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Adds `/metrics` for Prometheus. */
export async function addMetrics(
  app: FastifyInstance,
  models: ServedModels,
  { allMetrics }: HttpSettings,
  connections: Connections,
): Promise<void> {
  const prometheus = await import('prom-client')
  const register = new prometheus.Registry()
  prometheus.collectDefaultMetrics({ register })
  addServers(prometheus, register, models)
  new prometheus.Gauge({
    name: `${PREFIX}connections`,
    help: 'WebSockets and streams of events',
    registers: [register],
    collect() {
      this.set(connections.size)
    },
  })
  const durations = new prometheus.Histogram({
    name: `${PREFIX}http_request_duration_seconds`,
    help: 'From the head of a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
    registers: [register],
  })
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none'
    durations.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
    done()
  })
  app.get('/metrics', { schema: { summary: 'Metrics for Prometheus', tags: ['operation'] } }, async (_, reply) => {
    const text = await (allMetrics === undefined ? register.metrics() : allMetrics())
    return reply.header('content-type', register.contentType).send(text)
  })
  app.addHook('onClose', (_, done) => {
    register.clear()
    done()
  })
  if (allMetrics === undefined) return
  // Answers the process that collects those of all.
  prometheus.AggregatorRegistry.setRegistries([register])
  new prometheus.AggregatorRegistry()
}

function addServers(prometheus: Prometheus, register: Registry, models: ServedModels): void {
  const registers = [register]
  for (const [name, help, label, of] of COUNTERS) {
    new prometheus.Counter({
      name: PREFIX + name,
      help,
      labelNames: ['model', label],
      registers,
      collect() {
        this.reset()
        for (const { name: model, server } of models) {
          for (const [key, value] of Object.entries(of(server.metrics()))) this.inc({ model, [label]: key }, value)
        }
      },
    })
  }
  for (const [name, help, of] of GAUGES) {
    new prometheus.Gauge({
      name: PREFIX + name,
      help,
      labelNames: ['model'],
      registers,
      collect() {
        for (const { name: model, server } of models) this.set({ model }, of(server.metrics()))
      },
    })
  }
  for (const [name, help, key] of HISTOGRAMS) {
    register.registerMetric(
      countedHistogram(PREFIX + name, help, () =>
        [...models].flatMap(({ name: model, server }) => {
          const metrics = server.metrics()
          return [
            { labels: { model, of: 'requests' }, histogram: metrics[key] },
            { labels: { model, of: 'steps' }, histogram: metrics.steps[key] },
          ]
        }),
      ),
    )
  }
  new prometheus.Gauge({
    name: `${PREFIX}latency_seconds`,
    help: 'From the call to the output, of the last minute or two',
    labelNames: ['model', 'of', 'quantile'],
    registers,
    aggregator: 'max',
    collect() {
      this.reset()
      for (const { name: model, server } of models) {
        const { latency, steps } = server.metrics()
        for (const [of, { p50, p90, p95, p99 }] of [
          ['requests', latency],
          ['steps', steps.latency],
        ] as const) {
          for (const [quantile, ms] of [
            ['0.5', p50],
            ['0.9', p90],
            ['0.95', p95],
            ['0.99', p99],
          ] as const) {
            if (ms !== null) this.set({ model, of, quantile }, ms / 1000)
          }
        }
      }
    },
  })
  new prometheus.Counter({
    name: `${PREFIX}version_requests_total`,
    help: 'Requests by the version that got them',
    labelNames: ['model', 'version'],
    registers,
    collect() {
      this.reset()
      for (const { name: model, server } of models) {
        for (const { name: version, requests } of server.versions()) this.inc({ model, version }, requests)
      }
    },
  })
  new prometheus.Counter({
    name: `${PREFIX}batches_by_size_total`,
    help: 'How often a batch had so many requests',
    labelNames: ['model', 'size'],
    registers,
    collect() {
      this.reset()
      for (const { name: model, server } of models) {
        for (const [size, count] of Object.entries(server.metrics().batchSizes)) this.inc({ model, size }, count)
      }
    },
  })
}

interface Counted {
  readonly labels: Readonly<Record<string, string>>
  readonly histogram: Histogram
}

/**
 * A histogram of counts that there are already: prom-client's own would look for the labels and the bucket of each
 * request again.
 */
function countedHistogram(name: string, help: string, read: () => readonly Counted[]): Metric {
  const get = async () => ({
    ...{ name, help, type: 'histogram', aggregator: 'sum' },
    values: read().flatMap(({ labels, histogram: { buckets, count, sum } }) => [
      ...[...buckets, [Number.POSITIVE_INFINITY, count] as const].map(([ms, value]) => ({
        metricName: `${name}_bucket`,
        labels: { ...labels, le: ms === Number.POSITIVE_INFINITY ? '+Inf' : ms / 1000 },
        value,
      })),
      { metricName: `${name}_sum`, labels, value: sum / 1000 },
      { metricName: `${name}_count`, labels, value: count },
    ]),
  })
  // What a registry asks of a metric.
  return { name, get } as unknown as Metric
}
