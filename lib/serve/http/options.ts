import {
  checkOptions,
  invalid,
  requireBoolean,
  requireChoice,
  requireDict,
  requireFunction,
  requireInteger,
  requirePositive,
} from '../../check.ts'
import { torchError } from '../../errors.ts'
import { Server } from '../server.ts'

/** Options of {@link servePlugin}. */
export interface ServePluginOptions {
  /** The servers by the names of their models. The first one is that of `/predict` and `/sessions`. */
  models: Readonly<Record<string, Server>>
  /** The most bytes of a body; more is status 413. Default 4 MiB. */
  bodyLimit?: number
  /** The longest that a request may take in the server, in ms; then it is status 504. Default `Infinity`. */
  timeout?: number
  /**
   * `'named'`: sessions have ids, and outlive connections. `'connection'`: each WebSocket is a session of its own, for
   * several processes without a common store. `'none'`: there are none. Default `'named'`.
   */
  sessions?: 'named' | 'connection' | 'none'
  /** Whether sessions have WebSockets, by `@fastify/websocket`. Default `true`. */
  websocket?: boolean
  /** The most WebSockets and event streams at the same time; more are status 503. Default 10,000. */
  maxConnections?: number
  /** Whether there is `/metrics` for Prometheus, by `prom-client`. Default `true`. */
  metrics?: boolean
  /** Whether there are `/openapi.json` and a page of it, by `@fastify/swagger` and `@fastify/swagger-ui`. Default `true`. */
  openapi?: boolean
  /** Whether there are spans of OpenTelemetry, by `@opentelemetry/api`. Default `false`. */
  tracing?: boolean
  /** What else must be true of a service that is ready: that its database answers, for example. Default: nothing. */
  ready?: () => boolean
  /** @internal The metrics of all processes. */
  allMetrics?: () => Promise<string>
}

/** The options with their defaults. */
export interface HttpSettings {
  readonly models: ReadonlyMap<string, Server>
  readonly bodyLimit: number
  readonly timeout: number
  readonly sessions: 'named' | 'connection' | 'none'
  readonly websocket: boolean
  readonly maxConnections: number
  readonly metrics: boolean
  readonly openapi: boolean
  readonly tracing: boolean
  readonly ready: () => boolean
  readonly allMetrics: (() => Promise<string>) | undefined
}

const OWNER = 'servePlugin'

/** The options of {@link ServePluginOptions}. */
export const KEYS = [
  'models',
  'bodyLimit',
  'timeout',
  'sessions',
  'websocket',
  'maxConnections',
  'metrics',
  'openapi',
  'tracing',
  'ready',
  'allMetrics',
] as const satisfies (keyof ServePluginOptions)[]

/** Those that Fastify takes of each plugin. */
const FASTIFY_KEYS = ['prefix', 'logLevel', 'logSerializers']

/** @throws {TorchError} for an unknown option or a wrong value. */
export function readHttpOptions(options: ServePluginOptions): HttpSettings {
  checkOptions(OWNER, options, [...KEYS, ...FASTIFY_KEYS])
  const { bodyLimit = 4 << 20, timeout = Number.POSITIVE_INFINITY, sessions = 'named' } = options
  const { websocket = true, maxConnections = 10_000, metrics = true, openapi = true, tracing = false } = options
  const { ready = () => true, allMetrics } = options
  requireInteger(OWNER, 'bodyLimit', bodyLimit, 1)
  requirePositive(OWNER, 'timeout', timeout)
  requireChoice(OWNER, 'sessions', sessions, ['named', 'connection', 'none'])
  requireInteger(OWNER, 'maxConnections', maxConnections, 1)
  for (const [name, value] of Object.entries({ websocket, metrics, openapi, tracing })) {
    requireBoolean(OWNER, name, value)
  }
  requireFunction(OWNER, 'ready', ready)
  if (sessions === 'connection' && !websocket) {
    throw torchError('ERR_TORCH_OPTION', `${OWNER}: sessions: 'connection' needs websocket: true`, { op: OWNER })
  }
  const models = readModels(options.models)
  return {
    models,
    bodyLimit,
    timeout,
    sessions,
    websocket,
    maxConnections,
    metrics,
    openapi,
    tracing,
    ready,
    allMetrics,
  }
}

function readModels(given: unknown): ReadonlyMap<string, Server> {
  if (given instanceof Server) throw invalid(OWNER, 'models', 'servers by their names, { name: server }', given)
  const models = new Map(Object.entries(requireDict(OWNER, 'models', given)) as [string, Server][])
  if (models.size === 0) throw torchError('ERR_TORCH_VALUE', `${OWNER}: models must have one server at least`)
  for (const [name, server] of models) {
    if (!(server instanceof Server)) throw invalid(OWNER, `models.${name}`, 'what serve() resolves with', server)
    if (!/^[\w.~-]+$/.test(name)) {
      throw invalid(OWNER, 'the name of a model', 'of letters, digits, or . _ ~ -', name, 'ERR_TORCH_VALUE')
    }
  }
  return models
}
