import { LONGEST_DELAY } from '../check.ts'
import { TorchError, torchError } from '../errors.ts'
import type { Engine } from './engine.ts'
import { failureOf } from './failure.ts'
import { Heap } from './heap.ts'
import { Lanes, type Run } from './lanes.ts'
import type { Counters } from './metrics.ts'
import type { Settings } from './options.ts'
import { ours } from './realm.ts'
import type { Queue, Request } from './request.ts'
import { EndOfTurn } from './turn.ts'

/** The share of a new measurement in a running mean. */
const SHARE = 0.1

/**
 * A full batch that takes no longer, in ms, is handed over while all lanes are busy. A longer one loses little while a
 * lane waits for the event loop, and what was aborted or comes with a higher priority meanwhile is worth more.
 */
const AHEAD = 5

/**
 * Makes batches of the requests to one engine: of what came while the last one ran, those first whose turn it is.
 */
export class Batcher implements Queue {
  readonly #engine: Engine
  readonly #settings: Settings['batch']
  readonly #lanes: Lanes
  readonly #counters: Counters
  readonly #waiting = new Heap()
  readonly #endOfTurn = new EndOfTurn(() => this.#start())
  #timer: NodeJS.Timeout | undefined
  /** Whether some came when a lane was free, and may not get it. */
  #areHopeful = false
  /** When the first request came that is not in a batch yet, or -Infinity if it was left by a full batch. */
  #since = Number.NEGATIVE_INFINITY
  /** The most requests of a batch, at present. */
  #limit: number
  /** The time that a request takes of a batch, in ms. */
  #share = 0
  #idle: (() => void) | undefined

  constructor(engine: Engine, { batch, lanes }: Pick<Settings, 'batch' | 'lanes'>, counters: Counters) {
    this.#engine = engine
    this.#settings = batch
    this.#lanes = new Lanes(lanes)
    this.#counters = counters
    this.#limit = batch.max
  }

  /** How many requests wait. */
  get size(): number {
    return this.#waiting.size
  }

  /** The most requests of a batch, at present. */
  get limit(): number {
    return this.#limit
  }

  /** About how long what waits will take, in ms. */
  get backlog(): number {
    return (this.#waiting.size * this.#share) / this.#lanes.count
  }

  add(request: Request, now: number): void {
    const isFree = this.#lanes.areFree
    request.wait(this, now, !isFree)
    if (this.#waiting.size === 0) this.#since = now
    this.#waiting.push(request)
    if (isFree) this.#areHopeful = true
    if (isFree || this.#canPrepare) this.#endOfTurn.ask()
  }

  remove(request: Request): void {
    if (request.index < 0) return
    this.#waiting.remove(request)
    this.#settle()
  }

  #start(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    while (this.#waiting.size > 0 && (this.#lanes.areFree || this.#canPrepare)) {
      const now = performance.now()
      const rest = this.#waiting.size < this.#limit ? this.#since + this.#settings.wait - now : 0
      if (rest > 0) {
        this.#timer = setTimeout(() => this.#start(), Math.min(LONGEST_DELAY, Math.ceil(rest)))
        return
      }
      this.#since = Number.NEGATIVE_INFINITY
      const batch = this.#take(now)
      if (batch.length > 0) this.#run(batch, this.#lanes.begin(now))
    }
    if (this.#areHopeful) {
      this.#areHopeful = false
      const now = performance.now()
      for (const request of this.#waiting) request.passOver(now)
    }
    this.#settle()
  }

  #take(now: number): Request[] {
    const batch: Request[] = []
    while (batch.length < this.#limit) {
      const request = this.#waiting.pop()
      if (request === undefined) break
      if (request.run(now)) batch.push(request)
    }
    return batch
  }

  /** Whether a batch is full, though all lanes are busy, and one may be handed over before they are free. */
  get #canPrepare(): boolean {
    if (!this.#lanes.canPrepare || this.#waiting.size < this.#limit) return false
    // A goal of latency counts with the batch before only.
    if (this.#settings.latency !== undefined) return false
    return this.#share > 0 && this.#share * this.#limit <= AHEAD
  }

  #run(batch: readonly Request[], run: Run): void {
    this.#counters.batch(batch.length)
    this.#compute(batch).then(
      (rows) => {
        this.#ended(batch, run)
        for (const [i, request] of batch.entries()) this.#answer(request, rows[i] as Float32Array | TorchError)
        this.#settle()
      },
      (error: unknown) => {
        this.#ended(batch, run, false)
        for (const request of batch) request.reject(failureOf('predict', error), 'failed')
        this.#settle()
      },
    )
  }

  /** An engine that throws, and does not reject, is no other case. */
  async #compute(batch: readonly Request[]): Promise<readonly (Float32Array | TorchError)[]> {
    const rows = await this.#engine.run(batch)
    if (rows.length === batch.length) return rows
    throw torchError(
      'ERR_TORCH_RUNTIME',
      `predict: the engine gave ${rows.length} outputs for ${batch.length} requests`,
    )
  }

  /** The next batch starts before the answers to the last are given: the engine need not wait for these. */
  #ended(batch: readonly Request[], run: Run, isDone = true): void {
    const now = performance.now()
    const took = this.#lanes.end(run, now)
    if (isDone) this.#counters.requests.compute.record(took, now)
    const share = took / batch.length
    this.#share = this.#share === 0 ? share : this.#share + SHARE * (share - this.#share)
    this.#adapt(batch.length, took)
    if (this.#waiting.size > 0) this.#start()
  }

  /**
   * The limit grows by one after a full batch that was quick enough, and shrinks by a quarter after one that was not. A
   * batch of few requests that took long says nothing about the limit.
   */
  #adapt(rows: number, took: number): void {
    const { latency, max } = this.#settings
    if (latency === undefined || rows <= this.#limit / 2) return
    if (took > latency / 2) this.#limit = Math.max(1, Math.floor(this.#limit * 0.75))
    else if (rows >= this.#limit) this.#limit = Math.min(max, this.#limit + 1)
  }

  #answer(request: Request, row: Float32Array | TorchError): void {
    if (request.settled) return
    if (row instanceof TorchError) {
      request.reject(row, 'failed')
      return
    }
    const { requests } = this.#counters
    const now = performance.now()
    requests.served += 1
    requests.latency.record(now - request.since, now)
    request.resolve(ours(row))
  }

  /** Resolves when nothing waits and nothing runs. */
  async drained(): Promise<void> {
    if (this.#isIdle) return
    await new Promise<void>((resolve) => {
      const others = this.#idle
      this.#idle = () => {
        others?.()
        resolve()
      }
    })
  }

  get #isIdle(): boolean {
    return this.#lanes.areIdle && this.#waiting.size === 0
  }

  #settle(): void {
    if (!this.#isIdle || this.#idle === undefined) return
    const idle = this.#idle
    this.#idle = undefined
    idle()
  }

  /** Gives up all that waits. */
  clear(error: unknown): void {
    for (const request of this.#waiting) request.reject(error, 'rejected')
  }
}
