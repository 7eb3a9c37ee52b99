import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { StepInput } from '../session.ts'
import { acceptedOf, bytesOf, encodingOf, parseInput, requireFinite, sendNumbers, stepToArrays } from './body.ts'
import type { Connections } from './connections.ts'
import { Events } from './events.ts'
import { hangUpSignal } from './hang-up.ts'
import type { ServedModels } from './model.ts'
import { stepSchema } from './openapi.ts'
import type { HttpSettings } from './options.ts'
import { readQuery } from './query.ts'
import { keyOf, modelOf, openSession, PREFIXES, readBytes, type SessionParams } from './session-request.ts'
import { socketRoutes } from './socket-routes.ts'
import { HttpError } from './status.ts'
import type { Tracer } from './tracing.ts'

/** Sessions by HTTP, server-sent events and WebSockets. */
export function sessionRoutes(
  app: FastifyInstance,
  models: ServedModels,
  settings: HttpSettings,
  tracer: Tracer,
  connections: Connections,
): void {
  const { sessions } = settings
  if (sessions === 'none' || ![...models].some(({ hasStates }) => hasStates)) return
  const events = new Events(connections)
  if (sessions === 'named') namedRoutes(app, models, settings, tracer, events)
  else unnamedRoutes(app)
  if (settings.websocket) socketRoutes(app, models, settings, events, connections)
}

function namedRoutes(
  app: FastifyInstance,
  models: ServedModels,
  { timeout, bodyLimit }: HttpSettings,
  tracer: Tracer,
  events: Events,
): void {
  const schema = stepSchema(models.first.signature)
  const step = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const model = modelOf(models, request)
    const { id } = request.params as SessionParams
    const encoding = encodingOf(request)
    const accepted = acceptedOf(request, encoding)
    const { deadline } = readQuery('step', request.query, timeout, ['group', 'timeout'])
    const limits = { signal: hangUpSignal(reply), ...(deadline === undefined ? {} : { deadline }) }
    const bytes = bytesOf(request)
    const sample = encoding === 'binary' ? readBytes(bytes, model) : (parseInput(bytes) as StepInput)
    const session = openSession(model, request, id)
    const y = await tracer.span('step', request, { model: model.name }, () => session.step(sample, limits))
    const values = y instanceof Float32Array ? y : Float32Array.from(y)
    events.publish(keyOf(model, id), values, model.signature)
    return sendNumbers(reply, values, accepted, (output) => {
      requireFinite(output)
      return stepToArrays(output, model.signature)
    })
  }
  for (const prefix of PREFIXES) {
    app.post(`${prefix}/sessions/:id/steps`, { bodyLimit, schema }, step)
    app.get(
      `${prefix}/sessions/:id/events`,
      {
        schema: { summary: 'The outputs of a session, as server-sent events', tags: ['sessions'] },
        // An answer to HEAD would not end.
        exposeHeadRoute: false,
      },
      (request, reply) => {
        events.watch(keyOf(modelOf(models, request), (request.params as SessionParams).id), reply)
      },
    )
    app.delete(
      `${prefix}/sessions/:id`,
      { schema: { summary: 'Ends a session, and forgets its state', tags: ['sessions'] } },
      async (request, reply) => {
        const { name, server } = modelOf(models, request)
        const { id } = request.params as SessionParams
        if (await server.closeSession(id)) return reply.code(204).send()
        throw new HttpError(404, 'ERR_HTTP_NO_SESSION', `model '${name}' has no session '${id}'`)
      },
    )
  }
}

/** Says why there are no sessions by name. */
function unnamedRoutes(app: FastifyInstance): void {
  const refuse = async (): Promise<never> => {
    throw new HttpError(
      404,
      'ERR_HTTP_NO_SESSIONS',
      "this service has no sessions by name (sessions: 'connection', as with --processes): each of its processes has sessions of its own. A WebSocket at /session is a session while it is open",
    )
  }
  // Before a request becomes a WebSocket, which has no status.
  const options = { schema: { hide: true }, preValidation: refuse }
  for (const prefix of PREFIXES) {
    app.post(`${prefix}/sessions/:id/steps`, options, refuse)
    app.get(`${prefix}/sessions/:id/events`, options, refuse)
    app.get(`${prefix}/sessions/:id`, options, refuse)
    app.delete(`${prefix}/sessions/:id`, options, refuse)
  }
}
