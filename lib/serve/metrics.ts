import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'

/** Times of the last minute or two, in ms; null if there were none. */
export interface LatencySummary {
  readonly p50: number | null
  readonly p90: number | null
  readonly p99: number | null
  readonly max: number | null
}

const WINDOW = 60_000
/** Histograms count integers: microseconds. */
const MICROSECONDS = 1000

/** Percentiles of what was recorded in the last one to two minutes. */
export class Latency {
  #current: RecordableHistogram = createHistogram()
  #previous: RecordableHistogram = createHistogram()
  #since = performance.now()

  /** @param ms a duration, @param now as of `performance.now()` */
  record(ms: number, now: number): void {
    if (now - this.#since > WINDOW) this.#turn(now)
    this.#current.record(Math.max(1, Math.round(ms * MICROSECONDS)))
  }

  #turn(now: number): void {
    const stale = this.#previous
    this.#previous = this.#current
    this.#current = stale
    stale.reset()
    if (now - this.#since > 2 * WINDOW) this.#previous.reset()
    this.#since = now
  }

  summary(): LatencySummary {
    const now = performance.now()
    if (now - this.#since > WINDOW) this.#turn(now)
    const all = createHistogram()
    all.add(this.#current)
    all.add(this.#previous)
    const at = (percentile: number): number | null =>
      all.count === 0 ? null : all.percentile(percentile) / MICROSECONDS
    return { p50: at(50), p90: at(90), p99: at(99), max: all.count === 0 ? null : all.max / MICROSECONDS }
  }
}

/** What a server counts. Each request and step ends in exactly one of `served` to `aborted`. */
export class Counters {
  /** Requests that wait, and steps. */
  queued = 0
  /** Requests and steps that are being computed. */
  running = 0
  served = 0
  /** Those that ended with an error of their own or of the model. */
  failed = 0
  /** Refused because too many waited, or because the server was closing. */
  rejected = 0
  timedOut = 0
  aborted = 0
  batches = 0
  steps = 0
  stepBatches = 0
  /** How often a batch of requests had a size. */
  readonly sizes = new Map<number, number>()
  readonly latency = new Latency()
  readonly stepLatency = new Latency()

  #quiet: (() => void) | undefined

  /** Called when something has its answer. */
  left(): void {
    if (this.#quiet !== undefined && this.queued + this.running === 0) this.#quiet()
  }

  /** Resolves when nothing waits or runs. */
  async quiet(): Promise<void> {
    if (this.queued + this.running > 0) await new Promise<void>((resolve) => (this.#quiet = resolve))
  }

  size(rows: number): void {
    this.batches += 1
    this.sizes.set(rows, (this.sizes.get(rows) ?? 0) + 1)
  }
}
