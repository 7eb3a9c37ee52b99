import { constants } from 'node:os'
import type { FastifyInstance } from 'fastify'
import { checkOptions, invalid, LONGEST_DELAY, requireDelay, requireNonNegative } from '../../check.ts'
import { Server } from '../server.ts'
import { drain as startDraining } from './health.ts'

export interface ShutdownOptions {
  /**
   * For how long it still takes requests, but is not ready, in ms: until load balancers have noticed. Each answer ends
   * its connection, so that clients send the next request elsewhere; with 0, those that are on their way along open
   * connections are lost. Default 300.
   */
  grace?: number
  /**
   * How long requests that have begun may take, in ms; then their connections are closed. `Infinity`: as long as
   * they need. Default 10,000.
   */
  drain?: number
  /** What ends it. Default `['SIGTERM', 'SIGINT']`. */
  signals?: readonly NodeJS.Signals[]
}

/**
 * Closes a service and its servers when the process gets a signal: it is no longer ready, then takes no requests, ends
 * those that it has, and saves the sessions in their store. A second signal ends the process at once.
 *
 * @returns resolves when all is closed; the process then ends by itself, if nothing else runs
 * @throws {TorchError} for an unknown option or a wrong value; (rejects) if sessions could not be saved.
 */
export async function closeOnSignal(
  app: FastifyInstance,
  servers: readonly Server[],
  options: ShutdownOptions = {},
  ...none: undefined[]
): Promise<void> {
  const owner = 'closeOnSignal'
  checkOptions(owner, options, ['grace', 'drain', 'signals'], none)
  const { grace = 300, drain = 10_000, signals = ['SIGTERM', 'SIGINT'] } = options
  requireDelay(owner, 'grace', grace)
  requireNonNegative(owner, 'drain', drain)
  if (drain < Number.POSITIVE_INFINITY) requireDelay(owner, 'drain', drain)
  if (typeof app?.close !== 'function' || app.server === undefined)
    throw invalid(owner, 'app', 'an app of Fastify', app)
  if (!Array.isArray(servers) || !servers.every((server) => server instanceof Server)) {
    throw invalid(owner, 'servers', 'an array of servers', servers)
  }
  const known = Object.keys(constants.signals)
  if (!Array.isArray(signals) || !signals.every((name) => known.includes(name))) {
    throw invalid(owner, 'signals', "an array of signals, such as 'SIGTERM'", signals)
  }
  const signal = await first(signals)
  const stop = (): void => process.exit(1)
  for (const name of signals) process.on(name, stop)
  app.log.info({ signal }, 'closing')
  startDraining(app.server)
  if (grace > 0) await new Promise((resolve) => setTimeout(resolve, grace))
  const start = performance.now()
  // Those that have not ended by then are cut off, and closing goes on.
  const timer = drain > LONGEST_DELAY ? undefined : setTimeout(() => app.server.closeAllConnections(), drain)
  try {
    await app.close()
  } finally {
    clearTimeout(timer)
  }
  const left = Math.max(0, drain - (performance.now() - start))
  const ends = await Promise.allSettled(servers.map((server) => server.close({ drain: left })))
  for (const name of signals) process.off(name, stop)
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

/** Resolves with the first signal that comes. */
async function first(signals: readonly NodeJS.Signals[]): Promise<NodeJS.Signals> {
  return await new Promise((resolve) => {
    const listen = (signal: NodeJS.Signals): void => {
      for (const name of signals) process.off(name, listen)
      resolve(signal)
    }
    for (const name of signals) process.on(name, listen)
  })
}
