import type { FastifyInstance } from 'fastify'
import { Connections } from './connections.ts'
import { drain, Health, isDraining } from './health.ts'
import { inferenceRoutes } from './inference-routes.ts'
import { addMetrics } from './metrics.ts'
import { type ServedModel, ServedModels } from './model.ts'
import { addOpenApi } from './openapi.ts'
import { type HttpSettings, readHttpOptions, type ServePluginOptions } from './options.ts'
import { type Peer, peersOf, requirePeers } from './peer.ts'
import { predictRoutes } from './predict.ts'
import { sessionRoutes } from './session-routes.ts'
import { addWebSockets } from './socket-routes.ts'
import { failureOf } from './status.ts'
import { makeTracer } from './tracing.ts'

/**
 * A plugin of Fastify that serves models: `POST /predict`, sessions, the Open Inference Protocol under `/v2`, `/metrics`
 * and `/docs`. Hooks of the service, such as one that asks for a token, apply to all of these.
 *
 * @example
 * const app = Fastify({ logger: true })
 * await app.register(servePlugin, { models: { weather: await serve('weather.safetensors') } })
 * await app.listen({ port: 8080 })
 * @throws {TorchError} (rejects) for an unknown option, a wrong value, or packages that are missing, with the command
 *   that installs them.
 */
export async function servePlugin(app: FastifyInstance, options: ServePluginOptions): Promise<void> {
  const settings = readHttpOptions(options)
  await requirePeers('servePlugin', pluginPeers(settings))
  const connections = new Connections(settings.maxConnections)
  if (settings.websocket && settings.sessions !== 'none') await addWebSockets(app, settings, connections)
  const { prefix } = options as { prefix?: string }
  await app.register(
    async (inner) => await addRoutes(inner, settings, connections),
    prefix === undefined ? {} : { prefix },
  )
}

/** The packages that a plugin with such settings needs. */
export const pluginPeers = (settings: HttpSettings): Peer[] =>
  peersOf({ ...settings, websocket: settings.websocket && settings.sessions !== 'none' })

// Fastify's mark of a plugin that belongs to the service, and has no scope of its own: WebSockets are refused by hooks,
// which otherwise would not see those of unknown paths, and the connections would stay.
Object.assign(servePlugin, { [Symbol.for('skip-override')]: true })

async function addRoutes(app: FastifyInstance, settings: HttpSettings, connections: Connections): Promise<void> {
  const models = new ServedModels(settings.models)
  const health = new Health(models, app.server, settings.ready)
  const tracer = await makeTracer(settings.tracing)

  // Bodies come as bytes, so that their mistakes have errors of this library. The schemas of routes are for readers.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: settings.bodyLimit }, (_, body, done) => {
    done(null, body)
  })
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  answerErrors(app, models)
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    // Its client finds another server for the next one. Also for requests that came before the signal.
    if (isDraining(app.server)) reply.header('connection', 'close')
    done()
  })
  app.addHook('preClose', (done) => {
    drain(app.server)
    connections.close()
    done()
  })

  if (settings.openapi) await addOpenApi(app, [...settings.models.keys()])
  if (settings.metrics) await addMetrics(app, models, settings, connections)
  predictRoutes(app, models, settings, tracer)
  inferenceRoutes(app, models, settings, health, tracer)
  sessionRoutes(app, models, settings, tracer, connections)
}

function answerErrors(app: FastifyInstance, models: ServedModels): void {
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = failureOf(error)
    if (status === 500) request.log.error({ err: error }, 'request failed')
    if (status === 503) {
      const { model } = (request.params ?? {}) as { model?: string }
      reply.header('retry-after', retryAfter(models, model))
    }
    const isInference = request.routeOptions.url?.includes('/v2') ?? false
    // The Open Inference Protocol has the message there.
    return reply.code(status).send(isInference ? { ...body, error: body.message } : body)
  })
}

function retryAfter(models: ServedModels, name: string | undefined): number {
  let model: ServedModel = models.first
  for (const one of models) if (one.name === name) model = one
  return model.retryAfter
}
