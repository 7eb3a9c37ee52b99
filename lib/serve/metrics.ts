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

/** What is counted of requests, or of steps. Each ends in exactly one of `served` to `aborted`. */
export interface Counts {
  /** That wait. */
  readonly queued: number
  /** That are being computed. */
  readonly running: number
  /** That got an output. */
  readonly served: number
  /** That ended with an error of their own, or of the model. */
  readonly failed: number
  /** That were refused because too many waited, or the server was closing. */
  readonly rejected: number
  /** Whose time was over before they had an output. */
  readonly timedOut: number
  readonly aborted: number
  /** Groups that were computed together. */
  readonly batches: number
  /** From the call to the output. */
  readonly latency: LatencySummary
}

/** Counts requests, or steps. */
export class Tally {
  queued = 0
  running = 0
  served = 0
  failed = 0
  rejected = 0
  timedOut = 0
  aborted = 0
  batches = 0
  readonly latency = new Latency()
  #quiet: (() => void) | undefined

  /** Called when something has its answer. */
  left(): void {
    if (this.#quiet !== undefined && this.queued + this.running === 0) this.#quiet()
  }

  /** Resolves when nothing waits or runs. For one caller. */
  async quiet(): Promise<void> {
    if (this.queued + this.running === 0) return
    await new Promise<void>((resolve) => {
      this.#quiet = resolve
    })
  }

  counts(): Counts {
    const { queued, running, served, failed, rejected, timedOut, aborted, batches, latency } = this
    return { queued, running, served, failed, rejected, timedOut, aborted, batches, latency: latency.summary() }
  }
}

/** What a server counts. */
export class Counters {
  readonly requests = new Tally()
  readonly steps = new Tally()
  /** How often a batch of requests had a size. */
  readonly sizes = new Map<number, number>()

  /** Counts a batch of requests. */
  batch(rows: number): void {
    this.requests.batches += 1
    this.sizes.set(rows, (this.sizes.get(rows) ?? 0) + 1)
  }
}
