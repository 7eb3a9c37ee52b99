import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { checkOptions, LONGEST_DELAY, requireBoolean, requireInteger } from '../../check.ts'
import { KEYS, readHttpOptions, type ServePluginOptions } from './options.ts'
import { FASTIFY, requirePeers } from './peer.ts'
import { pluginPeers, servePlugin } from './plugin.ts'
import { HttpError } from './status.ts'

/** Options of {@link serveApp}. */
export interface ServeAppOptions extends ServePluginOptions {
  /** As of Fastify: pino's options, or whether there is a log. Default `true`. */
  logger?: FastifyServerOptions['logger']
  /** Whether each request is two lines of the log, and not only those that the server fails. Default `false`. */
  logRequests?: boolean
  /** How long a client may take to send a request, in whole ms; then it is status 408. Default 30,000. */
  requestTimeout?: number
  /** For how long a connection without requests is kept open, in whole ms. Default 72,000. */
  keepAliveTimeout?: number
  /** Where clients are behind proxies: as of Fastify. Default `false`. */
  trustProxy?: FastifyServerOptions['trustProxy']
}

/** Ids of requests that are taken from clients: short, and no more than a word. */
const ID = /^[\w.:/+=-]{1,128}$/

/**
 * A service of Fastify with nothing but {@link servePlugin}, and with limits of time, structured logs and ids of
 * requests (`x-request-id`).
 *
 * @example
 * const app = await serveApp({ models: { weather: server } })
 * await app.listen({ port: 8080 })
 * @throws {TorchError} (rejects) as {@link servePlugin}.
 */
export async function serveApp(options: ServeAppOptions): Promise<FastifyInstance> {
  const owner = 'serveApp'
  const own = [
    'logger',
    'logRequests',
    'requestTimeout',
    'keepAliveTimeout',
    'trustProxy',
  ] as const satisfies (keyof ServeAppOptions)[]
  checkOptions(owner, options, [...KEYS, ...own])
  const {
    logger = true,
    logRequests = false,
    requestTimeout = 30_000,
    keepAliveTimeout = 72_000,
    trustProxy = false,
    ...pluginOptions
  } = options
  requireBoolean(owner, 'logRequests', logRequests)
  for (const [name, ms] of Object.entries({ requestTimeout, keepAliveTimeout })) {
    // Node.js has no others, and of more than that makes 1 ms.
    requireInteger(owner, name, ms, 1, LONGEST_DELAY)
  }
  await requirePeers(owner, [FASTIFY, ...pluginPeers(readHttpOptions(pluginOptions))])
  const { default: make, LogController } = await import('fastify')
  const app = make({
    logger,
    logController: new LogController({ disableRequestLogging: !logRequests }),
    requestTimeout,
    keepAliveTimeout,
    trustProxy,
    // Slow clients are looked for once in this time.
    http: { connectionsCheckingInterval: Math.min(1000, requestTimeout), headersTimeout: requestTimeout },
    // The hook below has an answer of the form that all errors have.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 1024 },
    genReqId: ({ headers }) => {
      const given = headers['x-request-id']
      return typeof given === 'string' && ID.test(given) ? given : randomUUID()
    },
  }) as unknown as FastifyInstance
  let isClosing = false
  app.addHook('preClose', (done) => {
    isClosing = true
    done()
  })
  app.addHook('onRequest', (_request, _reply, done) => {
    done(isClosing ? new HttpError(503, 'ERR_TORCH_CLOSED', 'the server is closing') : undefined)
  })
  await app.register(servePlugin, pluginOptions)
  await app.ready()
  return app
}
