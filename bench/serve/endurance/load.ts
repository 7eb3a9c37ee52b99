import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { Pool } from 'undici'

/** A request, and the outputs that it must get. */
export interface Case {
  readonly body: Uint8Array
  readonly wanted: Float32Array
}

/** What became of requests. */
export class Outcome {
  /** Answered with the right numbers, with others, with a status of 503 and with another one, and not at all. */
  right = 0
  wrong = 0
  refused = 0
  failed = 0
  lost = 0
  /** From when a request was due, in µs: of those that were served, and of those that were refused. */
  readonly served: RecordableHistogram = createHistogram()
  readonly refusals: RecordableHistogram = createHistogram()

  /** In ms, NaN if there is none. */
  static at(histogram: RecordableHistogram, percentile: number): number {
    return histogram.count === 0 ? Number.NaN : histogram.percentile(percentile) / 1000
  }
}

/** How far outputs may be from those of forward. */
const TOLERANCE = 1e-5

/** Clients of `POST /predict` along so many connections, which check what they get. */
export class Load {
  readonly #pool: Pool
  readonly #cases: readonly Case[]
  readonly #path: string
  #sent = 0

  constructor(origin: string, connections: number, cases: readonly Case[], path = '/predict') {
    this.#pool = new Pool(origin, { connections, pipelining: 1 })
    this.#cases = cases
    this.#path = path
  }

  /** @param due as of `performance.now()` */
  async ask(outcome: Outcome, due = performance.now()): Promise<void> {
    const { body, wanted } = this.#cases[this.#sent++ % this.#cases.length] as Case
    try {
      const headers = { 'content-type': 'application/octet-stream' }
      const answer = await this.#pool.request({ method: 'POST', path: this.#path, headers, body })
      const bytes = await answer.body.arrayBuffer()
      const us = Math.max(1, Math.round((performance.now() - due) * 1000))
      if (answer.statusCode === 200) {
        outcome.served.record(us)
        const found = new Float32Array(bytes)
        const isRight =
          found.length === wanted.length && found.every((y, i) => Math.abs(y - (wanted[i] as number)) < TOLERANCE)
        outcome[isRight ? 'right' : 'wrong'] += 1
      } else if (answer.statusCode === 503) {
        outcome.refusals.record(us)
        outcome.refused += 1
      } else outcome.failed += 1
    } catch {
      outcome.lost += 1
    }
  }

  /** The most requests per second, of clients that each wait for their answer. */
  async greatest(clients: number, seconds: number): Promise<number> {
    const outcome = new Outcome()
    const start = performance.now()
    const end = start + seconds * 1000
    await Promise.all(
      Array.from({ length: clients }, async () => {
        while (performance.now() < end) await this.ask(outcome)
      }),
    )
    if (outcome.right === 0) throw new Error('no request was answered')
    return (outcome.right / (performance.now() - start)) * 1000
  }

  /** Sends so many requests per second, whether or not those before have their answers. */
  async steady(rate: number, seconds: number, outcome = new Outcome()): Promise<Outcome> {
    const start = performance.now()
    const total = Math.round(rate * seconds)
    const open = new Set<Promise<void>>()
    for (let sent = 0; sent < total; ) {
      const due = Math.min(total, ((performance.now() - start) * rate) / 1000)
      for (; sent < due; sent++) {
        const asked = this.ask(outcome, start + (sent * 1000) / rate).then(() => void open.delete(asked))
        open.add(asked)
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await Promise.all(open)
    return outcome
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }
}
