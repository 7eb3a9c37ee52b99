import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'

/** Times of the last minute or two, in ms; null if there were none. */
export interface LatencySummary {
  readonly p50: number | null
  readonly p90: number | null
  readonly p95: number | null
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
    return {
      p50: at(50),
      p90: at(90),
      p95: at(95),
      p99: at(99),
      max: all.count === 0 ? null : all.max / MICROSECONDS,
    }
  }
}

/** The bounds of buckets in ms: a small model takes less than one. */
const BOUNDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const

/** How long something took: percentiles of the last minute or two, and counts of all since the server began. */
export interface Histogram extends LatencySummary {
  readonly count: number
  /** Of all of them, in ms. */
  readonly sum: number
  /** How many took no more than so many ms: `[ms, count]`, each with those before it. */
  readonly buckets: readonly (readonly [number, number])[]
}

/** Counts durations by their lengths. */
export class Durations {
  readonly #latency = new Latency()
  /** The last one has those that took longer than all bounds. */
  readonly #counts = new Float64Array(BOUNDS.length + 1)
  #sum = 0

  /** @param ms a duration, @param now as of `performance.now()` */
  record(ms: number, now: number): void {
    this.#latency.record(ms, now)
    let bucket = 0
    while (bucket < BOUNDS.length && ms > (BOUNDS[bucket] as number)) bucket += 1
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#sum += ms
  }

  histogram(): Histogram {
    let count = 0
    const upTo = [...this.#counts].map((one) => {
      count += one
      return count
    })
    const buckets = BOUNDS.map((bound, i) => [bound, upTo[i] as number] as const)
    return { ...this.#latency.summary(), count, sum: this.#sum, buckets }
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
  /** Of that, from the call until it was begun, of each. */
  readonly wait: Histogram
  /** How long a batch was computed, of each batch that did not fail. */
  readonly compute: Histogram
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
  readonly wait = new Durations()
  readonly compute = new Durations()
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
    const { queued, running, served, failed, rejected, timedOut, aborted, batches } = this
    return {
      ...{ queued, running, served, failed, rejected, timedOut, aborted, batches },
      latency: this.latency.summary(),
      wait: this.wait.histogram(),
      compute: this.compute.histogram(),
    }
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
