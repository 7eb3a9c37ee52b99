import cluster from 'node:cluster'
import { basename, extname } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { TorchError, torchError } from '../errors.ts'
import { report } from './problem.ts'
import { askAllMetrics, superviseProcesses, tellReady, whole } from './processes.ts'

/** The options of the command, as commander reads them. */
export interface ServeCommandOptions {
  port: number
  host: string
  name?: string
  processes: number
  lanes?: number
  threads?: number
  dtype?: 'float32' | 'bfloat16'
  maxBatch?: number
  batchWait?: number
  batchLatency?: number
  queue?: number
  queueTimeout?: number
  timeout?: number
  maxSessions?: number
  sessionIdle?: number
  units?: 'data' | 'scaled'
  head?: 'point' | 'quantiles'
  bodyLimit?: number
  requestTimeout?: number
  grace: number
  drain: number
  logLevel: string
  logRequests?: boolean
  tracing?: boolean
  warmup: boolean
  rejectNonFinite: boolean
  websocket: boolean
  metrics: boolean
  openapi: boolean
}

function number(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value
  throw new InvalidArgumentError('It must be a number.')
}

function portNumber(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isInteger(value) && value >= 0 && value <= 65_535) return value
  throw new InvalidArgumentError('It must be an integer from 0 to 65535.')
}

/** What listening can fail with, for reasons of the machine and not of this library. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there: take another --port, or 0 for any that is free',
  EACCES: 'this user may not listen there: take a --port from 1024',
  EADDRNOTAVAIL: 'this machine has no such address: take another --host',
  ENOTFOUND: 'there is no such host: take another --host',
}

/** The error of listening as a sentence; others as they are. */
function listenError(thrown: unknown, { host, port }: ServeCommandOptions): unknown {
  const { code = '' } = thrown as NodeJS.ErrnoException
  if (!Object.hasOwn(REASONS, code)) return thrown
  return torchError('ERR_TORCH_RUNTIME', `serve: cannot listen at ${host}, port ${port} (${code}): ${REASONS[code]}`, {
    cause: thrown,
  })
}

/** Adds `serve`, whose options are those of `serve()` and `serveApp()`. */
export function addServe(program: Command): void {
  program
    .command('serve')
    .description('serve a model by HTTP: POST /predict, sessions, the Open Inference Protocol, /metrics, /docs')
    .argument('<file>', 'a model that model.save() wrote')
    .option('--port <number>', 'the port; 0 for any that is free', portNumber, 8080)
    .option('--host <address>', 'the address to listen at; 0.0.0.0 for all', '127.0.0.1')
    .option('--name <name>', "the model's name in paths (default: that of the file)")
    .option('--processes <number>', 'processes that share the port', number, 1)
    .option('--lanes <number>', 'batches that a process computes at the same time (default: 1)', number)
    .option('--threads <number>', 'threads of each lane (default: 1)', number)
    .option('--dtype <type>', 'float32 or bfloat16, the type of the weights (default: float32)')
    .option('--max-batch <number>', 'the most requests in one batch (default: 64)', number)
    .option('--batch-wait <ms>', 'how long a batch waits for company (default: 0)', number)
    .option('--batch-latency <ms>', 'shrink batches so that requests take no longer', number)
    .option('--queue <number>', 'the most requests that wait; more are status 503 (default: 1000)', number)
    .option('--queue-timeout <ms>', 'the longest that a request waits; then it is status 504', number)
    .option('--timeout <ms>', 'the longest that a request takes; then it is status 504', number)
    .option('--max-sessions <number>', 'the most sessions in memory (default: 10000)', number)
    .option('--session-idle <ms>', 'after how long without a step a session is dropped', number)
    .option('--units <units>', 'data or scaled: whether the scaler of the model is applied (default: data)')
    .option('--head <head>', 'point or quantiles: what the outputs are (default: point)')
    .option('--body-limit <bytes>', 'the most bytes of a body; more is status 413 (default: 4194304)', number)
    .option('--request-timeout <ms>', 'how long a client may take to send a request (default: 30000)', number)
    .option('--grace <ms>', 'for how long it serves on after SIGTERM, but is not ready', number, 300)
    .option('--drain <ms>', 'how long requests may take that have begun when it closes', number, 10_000)
    .option('--log-level <level>', 'of pino: fatal, error, warn, info, debug, trace or silent', 'info')
    .option('--log-requests', 'log each request')
    .option('--tracing', 'make spans of OpenTelemetry')
    .option('--no-warmup', 'serve a model that has not computed a batch before')
    .option('--no-reject-non-finite', 'compute inputs with NaN or infinity')
    .option('--no-websocket', 'no WebSockets, and no need of @fastify/websocket')
    .option('--no-metrics', 'no /metrics, and no need of prom-client')
    .option('--no-openapi', 'no /docs, and no need of @fastify/swagger and @fastify/swagger-ui')
    .addHelpText('after', '\nSIGHUP loads the file again, between two batches; SIGTERM ends what has begun and closes.')
    .action(serveCommand)
}

/** Those that were given, under the names that they have in the library. */
function given<T extends object>(options: T): { [K in keyof T]-?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}

async function serveCommand(file: string, options: ServeCommandOptions): Promise<void> {
  if (cluster.isPrimary) return await start(file, options)
  try {
    await start(file, options)
    process.exit(0)
  } catch (error) {
    // The connection to the first process would keep this one.
    if (error instanceof TorchError) report(error, false)
    else console.error(error)
    process.exit(1)
  }
}

/** @throws {TorchError} (rejects) before anything is loaded, if optional packages are missing. */
async function requirePackages({ websocket, metrics, openapi, tracing = false }: ServeCommandOptions): Promise<void> {
  const { FASTIFY, peersOf, requirePeers } = await import('../serve/http/peer.ts')
  const peers = [FASTIFY, ...peersOf({ websocket, metrics, openapi, tracing })]
  await requirePeers('serve', peers, (option) => (option === 'tracing' ? 'no --tracing' : `--no-${option}`))
}

/** Whether SIGHUP came while the model was being loaded. It would end a process that does not listen to it. */
let isReloadAsked = false
const askReload = (): void => {
  isReloadAsked = true
}

async function start(file: string, options: ServeCommandOptions): Promise<void> {
  process.on('SIGHUP', askReload)
  whole('--processes', options.processes)
  await requirePackages(options)
  if (options.processes > 1 && cluster.isPrimary) {
    const { default: fastify } = await import('fastify')
    const { log } = fastify({ logger: { level: options.logLevel } })
    log.warn(
      options.websocket
        ? 'each process has sessions of its own: there are none by name, only those of a WebSocket, /session'
        : 'each process has sessions of its own: there are none by name, and without WebSockets none at all',
    )
    process.exitCode = await superviseProcesses(options.processes, log)
    return
  }
  const { serve } = await import('../serve/index.ts')
  const { closeOnSignal, serveApp } = await import('../serve/http/index.ts')
  const { lanes, threads, dtype, warmup, rejectNonFinite, units, head } = options
  const server = await serve(file, {
    ...given({ lanes, threads, dtype, units, head }),
    warmup,
    rejectNonFinite,
    batch: given({ max: options.maxBatch, wait: options.batchWait, latency: options.batchLatency }),
    queue: given({ max: options.queue, timeout: options.queueTimeout }),
    sessions: given({ max: options.maxSessions, idle: options.sessionIdle }),
  })
  const { timeout, bodyLimit, requestTimeout, logRequests, tracing, websocket, metrics, openapi } = options
  const { name = basename(file, extname(file)).replaceAll(/[^\w.~-]/g, '-') } = options
  const isOne = cluster.isPrimary
  const app = await serveApp({
    models: { [name]: server },
    logger: { level: options.logLevel },
    websocket,
    metrics,
    openapi,
    // Requests of one session may come to any process, which has no state of the others.
    sessions: isOne ? 'named' : websocket ? 'connection' : 'none',
    ...given({ timeout, bodyLimit, requestTimeout, logRequests, tracing }),
    ...(isOne ? {} : { allMetrics: askAllMetrics }),
  })
  app.log.info({ model: name, ...server.describe() }, 'the model is loaded')
  const closed = closeOnSignal(app, [server], {
    grace: options.grace,
    drain: options.drain,
    // A terminal sends SIGINT to all processes; the first one tells the others.
    signals: isOne ? ['SIGTERM', 'SIGINT'] : ['SIGTERM'],
  })
  if (!isOne) process.on('SIGINT', () => {})
  const reload = (): void => {
    server.reload(file).then(
      (version) => app.log.info({ version }, 'the model is loaded again'),
      (error: unknown) => app.log.error({ err: error }, 'the model could not be loaded again: the one before goes on'),
    )
  }
  process.on('SIGHUP', reload)
  process.off('SIGHUP', askReload)
  // The file may have changed since it was read.
  if (isReloadAsked) reload()
  try {
    await app.listen({ port: options.port, host: options.host })
  } catch (error) {
    await app.close()
    await server.close()
    throw listenError(error, options)
  }
  tellReady()
  await closed
  app.log.info('closed')
}
