// What those see who operate a service: metrics, spans, the OpenAPI page, logs, what is missing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import Fastify from 'fastify'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { GRUModel } from '../../../lib/models/index.ts'
import { STATUS, servePlugin } from '../../../lib/serve/http/index.ts'
import { type Peer, type PeerOption, requirePeers } from '../../../lib/serve/http/peer.ts'
import { serve } from '../../../lib/serve/index.ts'
import { CHECKOUT } from '../../support/checkout.ts'
import { post, service } from '../../support/service.ts'

const model = new GRUModel(3, 8, 2, { output: 'last' })
const x = [[1, 2, 3]]

test('/metrics counts what became of requests and steps', async () => {
  const { url } = await service(model, { metrics: true })
  for (let i = 0; i < 3; i++) await post(`${url}/predict`, { x })
  await post(`${url}/predict`, undefined, { body: '{"x": [[1, 2, 1e999]]}' })
  await post(`${url}/sessions/a/steps`, { x: x[0] })
  const response = await fetch(`${url}/metrics`)
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=/)
  const text = await response.text()
  for (const line of [
    'libtorch_rnn_requests_total{model="m",outcome="served"} 3',
    'libtorch_rnn_requests_total{model="m",outcome="failed"} 1',
    'libtorch_rnn_steps_total{model="m",outcome="served"} 1',
    'libtorch_rnn_sessions_open{model="m"} 1',
    'libtorch_rnn_queued{model="m"} 0',
    '# TYPE libtorch_rnn_wait_seconds histogram',
    'libtorch_rnn_wait_seconds_bucket{model="m",of="requests",le="10"} 4',
    'libtorch_rnn_wait_seconds_bucket{model="m",of="requests",le="+Inf"} 4',
    'libtorch_rnn_wait_seconds_count{model="m",of="steps"} 1',
    'libtorch_rnn_compute_seconds_bucket{model="m",of="requests",le="10"} 4',
    'libtorch_rnn_compute_seconds_count{model="m",of="steps"} 1',
    'libtorch_rnn_http_request_duration_seconds_count{method="POST",route="/predict",status="200"} 3',
    'libtorch_rnn_http_request_duration_seconds_count{method="POST",route="/predict",status="400"} 1',
  ]) {
    expect(text.split('\n')).toContain(line)
  }
  expect(text).toMatch(/^libtorch_rnn_latency_seconds\{model="m",of="requests",quantile="0.99"\} 0\.\d+$/m)
  expect(text).toMatch(/^libtorch_rnn_latency_seconds\{model="m",of="steps",quantile="0.95"\} 0\.\d+$/m)
  expect(text).toMatch(/^libtorch_rnn_compute_seconds_sum\{model="m",of="requests"\} 0\.\d+$/m)
  expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m)
  // Counters do not grow by being read.
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('outcome="served"} 3\n')
})

describe('spans', () => {
  const exporter = new InMemorySpanExporter()
  afterEach(() => {
    trace.disable()
    context.disable()
    propagation.disable()
    exporter.reset()
  })

  test('continue the trace of the request, and tell failures', async () => {
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    propagation.setGlobalPropagator(new W3CTraceContextPropagator())
    const { url } = await service(model, { tracing: true })
    const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
    await post(`${url}/predict`, { x }, { headers })
    await post(`${url}/predict`, undefined, { body: '{"x": [[1, 2, 1e999]]}' })
    const [good, bad] = exporter.getFinishedSpans()
    expect(good?.name).toBe('libtorch-rnn predict')
    expect(good?.spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c')
    expect(good?.parentSpanContext?.spanId).toBe('b7ad6b7169203331')
    expect(good?.attributes).toMatchObject({ 'libtorch_rnn.model': 'm', 'libtorch_rnn.steps': 1 })
    expect(good?.status.code).toBe(0)
    expect(bad?.status).toMatchObject({ code: 2, message: expect.stringContaining('feature 2 of step 0') })
  })

  test('there are none unless they are asked for', async () => {
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
    const { url } = await service(model)
    await post(`${url}/predict`, { x })
    expect(exporter.getFinishedSpans()).toEqual([])
  })
})

test('the OpenAPI page describes every path, and the shapes of the model', async () => {
  const { url } = await service(model, { openapi: true, metrics: true })
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as {
    openapi: string
    paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: object }> } }>>
  }
  expect(document.openapi).toBe('3.1.0')
  expect(Object.keys(document.paths).sort()).toEqual([
    '/metrics',
    '/models/{model}/predict',
    '/models/{model}/session',
    '/models/{model}/sessions/{id}',
    '/models/{model}/sessions/{id}/events',
    '/models/{model}/sessions/{id}/steps',
    '/predict',
    '/session',
    '/sessions/{id}',
    '/sessions/{id}/events',
    '/sessions/{id}/steps',
    '/v2',
    '/v2/health/live',
    '/v2/health/ready',
    '/v2/models/{model}',
    '/v2/models/{model}/infer',
    '/v2/models/{model}/ready',
    '/v2/models/{model}/versions/{version}',
    '/v2/models/{model}/versions/{version}/infer',
    '/v2/models/{model}/versions/{version}/ready',
  ])
  const content = document.paths['/predict']?.post?.requestBody?.content
  expect(Object.keys(content ?? {})).toEqual(['application/json', 'application/octet-stream'])
  expect(content?.['application/json']?.schema).toMatchObject({
    properties: { x: { items: { minItems: 3, maxItems: 3, items: { type: 'number' } } } },
  })
  expect(document.paths['/models/{model}/sessions/{id}']?.get).toMatchObject({
    summary: 'A WebSocket of a session, which outlives it',
    parameters: [
      { in: 'query', name: 'group' },
      { in: 'path', name: 'model' },
      { in: 'path', name: 'id' },
    ],
    responses: { 101: {}, 426: {} },
  })
  const page = await fetch(`${url}/docs/`)
  expect(page.headers.get('content-type')).toMatch(/^text\/html/)
})

test('a request keeps its id, if that is a word, and gets one otherwise', async () => {
  const { url } = await service(model)
  const idOf = async (headers: Record<string, string>): Promise<string | null> =>
    (await post(`${url}/predict`, { x }, { headers })).headers.get('x-request-id')
  expect(await idOf({ 'x-request-id': 'abc/1:2' })).toBe('abc/1:2')
  expect(await idOf({ 'x-request-id': 'a b' })).toMatch(/^[0-9a-f-]{36}$/)
  expect(await idOf({ 'x-request-id': 'a'.repeat(129) })).toMatch(/^[0-9a-f-]{36}$/)
  expect(await idOf({})).toMatch(/^[0-9a-f-]{36}$/)
})

test('logs are lines of JSON: each request if that is asked for, else what the server did wrong', async () => {
  const logOf = async (logRequests: boolean): Promise<string[]> => {
    const lines: string[] = []
    const { url } = await service(model, {
      logRequests,
      logger: { stream: { write: (line) => void lines.push(line) } },
    })
    await post(`${url}/predict`, { x }, { headers: { 'x-request-id': 'a1' } })
    await post(`${url}/predict`, { x: [] })
    return lines
      .filter((line) => !line.includes('Server listening'))
      .map((line) => (JSON.parse(line) as { msg: string }).msg)
  }
  expect(await logOf(false)).toEqual([])
  expect(await logOf(true)).toEqual(['incoming request', 'request completed', 'incoming request', 'request completed'])
})

test('a service of its own keeps its parsers, errors and hooks, and has the paths under a prefix', async () => {
  const server = await serve(model)
  const app = Fastify()
  app.addHook('onRequest', async (request, reply) => {
    if (request.headers.authorization !== 'Bearer secret') await reply.code(401).send({ error: 'Unauthorized' })
  })
  app.post('/own', async (request) => ({ got: request.body }))
  await app.register(servePlugin, { models: { m: server }, prefix: '/ml', metrics: false, openapi: false })
  const headers = { authorization: 'Bearer secret' }
  expect((await app.inject({ method: 'POST', url: '/ml/predict', payload: { x } })).statusCode).toBe(401)
  expect((await app.inject({ method: 'POST', url: '/ml/predict', payload: { x }, headers })).statusCode).toBe(200)
  const infer = await app.inject({ method: 'POST', url: '/ml/v2/models/m/infer', payload: {}, headers })
  expect(infer.json()).toMatchObject({ error: 'inputs must be an array of tensors', code: 'ERR_HTTP_INFERENCE' })
  const own = await app.inject({ method: 'POST', url: '/own', payload: { a: 1 }, headers })
  expect(own.json()).toEqual({ got: { a: 1 } })
  const broken = await app.inject({
    method: 'POST',
    url: '/own',
    payload: '{',
    headers: { ...headers, 'content-type': 'application/json' },
  })
  expect(broken.json()).toMatchObject({ code: 'FST_ERR_CTP_INVALID_JSON_BODY' })
  await app.close()
  expect(server.metrics().state).toBe('open')
  await server.close()
})

test('readiness asks the service, too', async () => {
  const ready = vi.fn(() => true)
  const { url } = await service(model, { ready })
  expect((await fetch(`${url}/v2/health/ready`)).status).toBe(200)
  ready.mockReturnValue(false)
  expect(await (await fetch(`${url}/v2/health/ready`)).json()).toEqual({
    ready: false,
    error: 'the service says that it is not ready',
  })
  expect((await fetch(`${url}/v2/health/live`)).status).toBe(200)
})

test('packages that are missing are named with their command, all at once', async () => {
  const missing = (name: string, option?: PeerOption): Peer => ({
    name,
    load: () => import(name),
    ...(option === undefined ? {} : { option }),
  })
  const there: Peer = { name: 'fastify', load: () => import('fastify') }
  await requirePeers('serve', [there])
  const one = requirePeers('serve', [there, missing('no-such-package', 'metrics')])
  await expect(one).rejects.toThrow(
    /^serve: a package is missing: npm install no-such-package; or do without: \{ metrics: false \}$/,
  )
  const more = [missing('no-fastify'), missing('no-swagger', 'openapi'), there, missing('no-swagger-ui', 'openapi')]
  const error = (await requirePeers('serve', more).catch((thrown: unknown) => thrown)) as Error
  expect(error.message).toBe(
    'serve: packages are missing: npm install no-fastify no-swagger no-swagger-ui; or do without: { openapi: false }',
  )
  expect((error.cause as AggregateError).errors).toHaveLength(3)
  // One that is there, and does not work.
  const broken: Peer = { name: 'broken', load: () => Promise.reject(new Error('no such symbol\nmore')) }
  await expect(requirePeers('serve', [broken])).rejects.toThrow(/npm install broken \(broken: no such symbol\)$/)
})

test('the versions that the documentation calls tested are those of the tests', () => {
  const { devDependencies } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const text = readFileSync(join(CHECKOUT, 'docs/serving-http.md'), 'utf8').replaceAll(/\s+/g, ' ')
  for (const name of ['fastify', '@fastify/websocket', '@fastify/swagger', '@fastify/swagger-ui', 'prom-client']) {
    expect(text).toContain(` ${name} ${devDependencies[name]}`)
  }
})

test('with the hook of the documentation the server closes with the service', async () => {
  const server = await serve(model)
  const app = Fastify()
  await app.register(servePlugin, { models: { m: server }, openapi: false, metrics: false })
  app.addHook('onClose', async () => await server.close({ drain: 5000 }))
  expect((await app.inject({ method: 'POST', url: '/predict', payload: { x } })).statusCode).toBe(200)
  await app.close()
  expect(server.metrics().state).toBe('closed')
})

test('each kind of error has a status', () => {
  expect(Object.values(STATUS).every((status) => [400, 500, 503, 504].includes(status))).toBe(true)
  expect(STATUS).toMatchObject({ ERR_TORCH_OVERLOADED: 503, ERR_TORCH_CLOSED: 503, ERR_TORCH_TIMEOUT: 504 })
})
