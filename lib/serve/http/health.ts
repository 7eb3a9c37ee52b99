import type { Server as HttpServer } from 'node:http'
import type { ServedModel, ServedModels } from './model.ts'

/** Servers that are about to close, which load balancers should leave. */
const draining = new WeakSet<object>()

/** From now on the service on this server is not ready. */
export function drain(server: HttpServer): void {
  draining.add(server)
}

export const isDraining = (server: HttpServer): boolean => draining.has(server)

/** A lane that has computed for so long without an answer is taken to hang, in ms. */
const STALL = 30_000

export interface HealthReport {
  readonly ready: boolean
  /** Why not. */
  readonly reason?: string
}

/** What was seen of a model when it was looked at last. */
interface Seen {
  done: number
  since: number
}

/** Tells whether requests get an answer. */
export class Health {
  readonly #models: ServedModels
  readonly #server: HttpServer
  readonly #ready: () => boolean
  readonly #seen = new WeakMap<ServedModel, Seen>()

  constructor(models: ServedModels, server: HttpServer, ready: () => boolean) {
    this.#models = models
    this.#server = server
    this.#ready = ready
  }

  /** Of all models. */
  check(): HealthReport {
    if (!this.#ready()) return { ready: false, reason: 'the service says that it is not ready' }
    for (const model of this.#models) {
      const report = this.checkModel(model)
      if (!report.ready) return report
    }
    return { ready: true }
  }

  checkModel(model: ServedModel): HealthReport {
    if (isDraining(this.#server)) return { ready: false, reason: 'the server is about to close' }
    const { name, server } = model
    const { state, running, served, failed, timedOut, aborted, steps } = server.metrics()
    if (state !== 'open') return { ready: false, reason: `model '${name}' is ${state}` }
    const now = performance.now()
    const done = served + failed + timedOut + aborted + steps.served
    const seen = this.#seen.get(model)
    if (running === 0 || seen === undefined || seen.done !== done) {
      this.#seen.set(model, { done, since: now })
      return { ready: true }
    }
    if (now - seen.since < STALL) return { ready: true }
    const seconds = Math.round((now - seen.since) / 1000)
    return {
      ready: false,
      reason: `model '${name}' has computed ${running} requests for ${seconds} s, and answered none`,
    }
  }
}
