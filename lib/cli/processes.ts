import cluster, { type Worker } from 'node:cluster'
import type { FastifyBaseLogger } from 'fastify'
import { requireInteger } from '../check.ts'

/** Messages between processes. */
type Message =
  | { type: 'ready' }
  | { type: 'metrics'; id: number }
  | { type: 'metrics'; id: number; text: string | null }

/** A process that ran for so long is started again at once, in ms. */
const STABLE = 10_000
/** The shortest and the longest pause before one is started again, in ms. */
const [SHORTEST, LONGEST] = [100, 5000]

/** @throws {TorchError} unless it is an integer from 1 to 256. */
export function whole(name: string, value: number): void {
  requireInteger('serve', name, value, 1, 256)
}

/**
 * Starts processes that share a port, starts each again that ends without having been told to, and passes signals on.
 *
 * @returns the exit code: 1 if one could not start at first, or did not end in order.
 */
export async function superviseProcesses(count: number, log: FastifyBaseLogger): Promise<number> {
  return await new Promise((resolve) => {
    new Supervisor(log, resolve).start(count)
  })
}

class Supervisor {
  readonly #log: FastifyBaseLogger
  readonly #end: (code: number) => void
  readonly #started = new Map<Worker, number>()
  readonly #ready = new Set<Worker>()
  /** Those that load the file once more as soon as they are ready: it may have changed since they began to. */
  readonly #late = new Set<Worker>()
  readonly #signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']
  #isClosing = false
  #wasReady = false
  #pause = SHORTEST
  #code = 0

  constructor(log: FastifyBaseLogger, end: (code: number) => void) {
    this.#log = log
    this.#end = end
  }

  start(count: number): void {
    for (const signal of this.#signals) process.on(signal, this.#close)
    process.on('SIGHUP', this.#reload)
    for (let i = 0; i < count; i++) this.#fork()
  }

  #fork(): void {
    const worker = cluster.fork()
    this.#started.set(worker, performance.now())
    worker.on('message', (message: Message) => this.#receive(worker, message))
    worker.on('exit', (code, signal) => this.#exited(worker, code, signal))
  }

  #receive(worker: Worker, message: Message): void {
    if (message.type === 'ready') {
      this.#ready.add(worker)
      this.#wasReady = true
      if (this.#late.delete(worker)) worker.process.kill('SIGHUP')
    } else if (message.type === 'metrics') void this.#sendMetrics(worker, message.id)
  }

  async #sendMetrics(worker: Worker, id: number): Promise<void> {
    let text: string | null = null
    try {
      text = await (await registry()).clusterMetrics()
    } catch (error) {
      this.#log.warn({ err: error }, 'the metrics of all processes could not be collected')
    }
    if (worker.isConnected()) worker.send({ type: 'metrics', id, text } satisfies Message)
  }

  #exited(worker: Worker, code: number | null, signal: string | null): void {
    const lived = performance.now() - (this.#started.get(worker) ?? 0)
    this.#started.delete(worker)
    this.#late.delete(worker)
    const isReady = this.#ready.delete(worker)
    if (this.#isClosing) {
      // One that was still starting had nothing to end in order.
      const wasStarting = !isReady && signal === 'SIGTERM'
      if (code !== 0 && !wasStarting) this.#code = 1
      if (this.#started.size === 0) this.#finish()
      return
    }
    if (!this.#wasReady && !isReady) {
      // It has told why, and the others will fail as it did.
      this.#code = 1
      this.#close('SIGTERM')
      return
    }
    this.#pause = lived > STABLE ? SHORTEST : Math.min(LONGEST, this.#pause * 2)
    this.#log.error(
      { pid: worker.process.pid, code, signal, pause: this.#pause },
      'a process ended: another one starts',
    )
    setTimeout(() => {
      if (!this.#isClosing) this.#fork()
    }, this.#pause)
  }

  readonly #close = (_signal: NodeJS.Signals): void => {
    if (this.#isClosing) {
      for (const worker of this.#started.keys()) worker.process.kill('SIGKILL')
      return
    }
    this.#isClosing = true
    for (const worker of this.#started.keys()) worker.process.kill('SIGTERM')
    if (this.#started.size === 0) this.#finish()
  }

  readonly #reload = (): void => {
    for (const worker of this.#started.keys()) {
      if (this.#ready.has(worker)) worker.process.kill('SIGHUP')
      // The signal would end a process that does not listen yet.
      else this.#late.add(worker)
    }
  }

  #finish(): void {
    for (const signal of this.#signals) process.off(signal, this.#close)
    process.off('SIGHUP', this.#reload)
    this.#end(this.#code)
  }
}

let aggregator: import('prom-client').AggregatorRegistry<'text/plain; version=0.0.4; charset=utf-8'> | undefined

async function registry(): Promise<NonNullable<typeof aggregator>> {
  const { AggregatorRegistry } = await import('prom-client')
  aggregator ??= new AggregatorRegistry()
  return aggregator
}

/** Tells the first process, if there is one, that this one takes requests. */
export function tellReady(): void {
  if (cluster.isWorker) process.send?.({ type: 'ready' } satisfies Message)
}

const asked = new Map<number, { resolve: (text: string) => void; reject: (error: Error) => void }>()
let asks = 0

/** The metrics of all processes, of the first one. */
export function askAllMetrics(): Promise<string> {
  if (asks === 0) process.on('message', receiveMetrics)
  asks += 1
  const id = asks
  return new Promise((resolve, reject) => {
    asked.set(id, { resolve, reject })
    process.send?.({ type: 'metrics', id } satisfies Message)
  })
}

function receiveMetrics(message: Message): void {
  if (message.type !== 'metrics' || !('text' in message)) return
  const { resolve, reject } = asked.get(message.id) ?? {}
  asked.delete(message.id)
  if (message.text === null) reject?.(new Error('the metrics of all processes could not be collected'))
  else resolve?.(message.text)
}
