import { randomUUID } from 'node:crypto'
import type { WebSocket } from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Session } from '../session.ts'
import { stepToArrays } from './body.ts'
import type { Connections } from './connections.ts'
import type { Events } from './events.ts'
import type { ServedModels } from './model.ts'
import { socketSchema } from './openapi.ts'
import type { HttpSettings } from './options.ts'
import { defaultOf } from './peer.ts'
import { keyOf, modelOf, openSession, PREFIXES, readBytes, type SessionParams } from './session-request.ts'
import { CLOSING, GOING_AWAY, parseSample, SessionSocket } from './socket.ts'
import { HttpError } from './status.ts'

/** Lets a service have WebSockets. */
export async function addWebSockets(
  app: FastifyInstance,
  { bodyLimit }: HttpSettings,
  connections: Connections,
): Promise<void> {
  // A service may have them for its own paths.
  if (app.hasDecorator('websocketServer')) return
  await app.register(defaultOf(await import('@fastify/websocket')), {
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

/** WebSockets of sessions. A plain GET of their paths is told that they are such. */
export function socketRoutes(
  app: FastifyInstance,
  models: ServedModels,
  { timeout, sessions }: HttpSettings,
  events: Events,
  connections: Connections,
): void {
  const connect = (socket: WebSocket, request: FastifyRequest, id: string): { session: Session } => {
    const model = modelOf(models, request)
    const session = openSession(model, request, id)
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
    const { id = randomUUID() } = request.params as Partial<SessionParams>
    openSession(model, request, id)
    sessionIds.set(request, id)
  }
  // The session of this connection only.
  const ownSession = (socket: WebSocket, request: FastifyRequest): void => {
    const { session } = connect(socket, request, sessionIds.get(request) as string)
    socket.once('close', () => void session.close().catch(() => {}))
  }
  const namedSession = (socket: WebSocket, request: FastifyRequest): void => {
    connect(socket, request, (request.params as SessionParams).id)
  }
  const { signature } = models.first
  for (const prefix of PREFIXES) {
    const add = (path: string, summary: string, wsHandler: typeof ownSession): void => {
      const schema = socketSchema(summary, prefix + path, signature)
      app.route({ method: 'GET', url: prefix + path, schema, preValidation, handler: requireUpgrade, wsHandler })
    }
    add('/session', 'A WebSocket with a session that ends with it', ownSession)
    if (sessions === 'named') add('/sessions/:id', 'A WebSocket of a session, which outlives it', namedSession)
  }
}

/** @throws {HttpError} with the status of RFC 9110, section 15.5.22, which names the protocol in a header. */
async function requireUpgrade(_: FastifyRequest, reply: FastifyReply): Promise<never> {
  reply.headers({ upgrade: 'websocket', connection: 'Upgrade' })
  throw new HttpError(426, 'ERR_HTTP_UPGRADE_REQUIRED', 'this path is a WebSocket: connect to it with ws:// or wss://')
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
