import { randomUUID } from 'node:crypto'
import type { WebSocket } from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { torchError } from '../../errors.ts'
import type { Session, StepInput } from '../session.ts'
import type { SessionOptions } from '../sessions.ts'
import {
  acceptedOf,
  bytesOf,
  encodingOf,
  parseInput,
  parseNumbers,
  requireFinite,
  sendNumbers,
  stepToArrays,
} from './body.ts'
import type { Connections } from './connections.ts'
import { Events } from './events.ts'
import { hangUpSignal } from './hang-up.ts'
import type { ServedModel, ServedModels } from './model.ts'
import { stepSchema } from './openapi.ts'
import type { HttpSettings } from './options.ts'
import { defaultOf, peer } from './peer.ts'
import { readQuery } from './query.ts'
import { CLOSING, GOING_AWAY, parseSample, SessionSocket } from './socket.ts'
import { HttpError } from './status.ts'
import type { Tracer } from './tracing.ts'

interface Params {
  model?: string
  id: string
}

/** Paths of the first model, and of each by its name. */
const PREFIXES = ['', '/models/:model'] as const

/** Lets a service have WebSockets. */
export async function addWebSockets(
  app: FastifyInstance,
  { bodyLimit }: HttpSettings,
  connections: Connections,
): Promise<void> {
  // A service may have them for its own paths.
  if (app.hasDecorator('websocketServer')) return
  const without = '{ websocket: false }'
  const plugin = await peer('a WebSocket', '@fastify/websocket', () => import('@fastify/websocket'), without)
  await app.register(defaultOf(plugin), {
    options: { maxPayload: bodyLimit },
    preClose(done) {
      connections.close()
      // Those of other paths of the service.
      for (const socket of this.websocketServer.clients) {
        if (!own.has(socket)) socket.close(GOING_AWAY, CLOSING)
      }
      this.websocketServer.close()
      done()
    },
  })
}

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

const modelOf = (models: ServedModels, { params }: FastifyRequest): ServedModel => models.get((params as Params).model)
const keyOf = ({ name }: ServedModel, id: string): string => `${name}/${id}`

/** The session that a request is about. */
function open(model: ServedModel, request: FastifyRequest, id: string): Session {
  const { group } = readQuery('session', request.query, Number.POSITIVE_INFINITY, ['group', 'timeout'])
  const options: SessionOptions = group === undefined ? {} : { group }
  return model.server.session(id, options)
}

/** A token in bytes is a number. */
function readBytes(bytes: Buffer, { signature }: ServedModel): Float32Array | number {
  const values = parseNumbers('step', bytes, signature)
  if (values instanceof Float32Array) return values
  if (values.length === 1) return values[0] as number
  throw torchError('ERR_TORCH_SHAPE', `step: the sample must be one token, got ${values.length}`, { op: 'step' })
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
    const { id } = request.params as Params
    const encoding = encodingOf(request)
    const accepted = acceptedOf(request, encoding)
    const { deadline } = readQuery('step', request.query, timeout, ['group', 'timeout'])
    const limits = { signal: hangUpSignal(reply), ...(deadline === undefined ? {} : { deadline }) }
    const bytes = bytesOf(request)
    const sample = encoding === 'binary' ? readBytes(bytes, model) : (parseInput(bytes) as StepInput)
    const session = open(model, request, id)
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
        events.watch(keyOf(modelOf(models, request), (request.params as Params).id), reply)
      },
    )
    app.delete(
      `${prefix}/sessions/:id`,
      { schema: { summary: 'Ends a session, and forgets its state', tags: ['sessions'] } },
      async (request, reply) => {
        await open(modelOf(models, request), request, (request.params as Params).id).close()
        return reply.code(204).send()
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

function socketRoutes(
  app: FastifyInstance,
  models: ServedModels,
  { timeout, sessions }: HttpSettings,
  events: Events,
  connections: Connections,
): void {
  const connect = (socket: WebSocket, request: FastifyRequest, id: string): { session: Session } => {
    const model = modelOf(models, request)
    const session = open(model, request, id)
    const read = (bytes: Buffer, isBinary: boolean): Float32Array | number | number[] =>
      isBinary ? readBytes(bytes, model) : parseSample(bytes)
    const publish = (y: Float32Array): void => events.publish(keyOf(model, id), y, model.signature)
    own.add(socket)
    const connection = new SessionSocket(socket, session, {
      read,
      timeout,
      publish,
      arrays: (y) => stepToArrays(y, model.signature),
    })
    connections.add(connection)
    socket.once('close', () => connections.delete(connection))
    return { session }
  }
  /** Refuses a request before it becomes a WebSocket, which has no status. */
  const preValidation = async (request: FastifyRequest): Promise<void> => {
    // Otherwise each would leave a session that nobody uses.
    if (!isHandshake(request)) return
    connections.requireRoom()
    const model = modelOf(models, request)
    const { id = randomUUID() } = request.params as Partial<Params>
    open(model, request, id)
    sessionIds.set(request, id)
  }
  for (const prefix of PREFIXES) {
    // The session of this connection only.
    app.get(`${prefix}/session`, { websocket: true, preValidation }, (socket, request) => {
      const { session } = connect(socket, request, sessionIds.get(request) as string)
      socket.once('close', () => void session.close().catch(() => {}))
    })
    if (sessions !== 'named') continue
    app.get(`${prefix}/sessions/:id`, { websocket: true, preValidation }, (socket, request) => {
      connect(socket, request, (request.params as Params).id)
    })
  }
}

/** Whether a request will become a WebSocket (RFC 6455, section 4.2.1). */
function isHandshake({ ws, raw: { headers } }: FastifyRequest): boolean {
  return (
    ws &&
    /^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '') &&
    VERSIONS.has(headers['sec-websocket-version'])
  )
}

/** Those that the package `ws` accepts. */
const VERSIONS = new Set<string | undefined>(['8', '13'])

/** The WebSockets of sessions. */
const own = new WeakSet<WebSocket>()

/** The ids of sessions that requests for WebSockets have opened. */
const sessionIds = new WeakMap<FastifyRequest, string>()
