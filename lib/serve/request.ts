import { type ErrorCode, type TorchError, torchError } from '../errors.ts'
import type { Sequence } from './engine.ts'
import type { Tally } from './metrics.ts'
import { type HangUp, onAbort } from './signal.ts'

/**
 * An error without a stack, for what happens to many requests at once: it tells about the server, not about the place of
 * a call, and a stack takes longer than the answer.
 */
export function stackless(code: ErrorCode, message: string): TorchError {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return torchError(code, message)
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** Where something waits. */
export interface Queue {
  /** Takes out what was given up. */
  remove(waiting: Waiting): void
}

/** What something asked may take. */
export interface Limits {
  readonly signal?: AbortSignal | HangUp
  /** As of `Date.now()`. */
  readonly deadline?: number
}

/** The longest delay of a timer; a longer one would be none. */
const LONGEST = 2 ** 31 - 1

/**
 * Something that is asked of a server, from the call to its answer: it waits, runs, and is settled, exactly once. It is
 * given up by its signal, at its deadline, and after `timeout` ms in which all lanes were busy with others.
 */
export class Waiting {
  readonly promise: Promise<Float32Array>
  /** The function that asked, for errors. */
  readonly #owner: string
  /** When it was asked, as of `performance.now()`. */
  readonly since: number
  /** Where it waits; undefined as soon as it does not. */
  queue: Queue | undefined
  settled = false
  readonly #tally: Tally
  readonly #signal: AbortSignal | HangUp | undefined
  readonly #patience: number
  /** As of `performance.now()`: when it must have begun, and when it must have its answer. */
  #begin: number
  readonly #end: number
  #resolve!: (output: Float32Array) => void
  #reject!: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #forget: (() => void) | undefined

  constructor(owner: string, tally: Tally, { signal, deadline }: Limits, timeout: number, now: number) {
    this.#owner = owner
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.since = now
    this.#tally = tally
    this.#signal = signal
    this.#end = deadline === undefined ? Number.POSITIVE_INFINITY : now + (deadline - Date.now())
    this.#begin = this.#end
    this.#patience = timeout
  }

  /**
   * Begins to wait in a queue, which then adds it.
   *
   * @param isBusy whether all lanes are busy. If one is free, it is the event loop that this waits for, however long its
   *   turn takes, and {@link passOver} says when that is over.
   */
  wait(queue: Queue, now: number, isBusy = true): void {
    if (isBusy) this.#begin = Math.min(now + this.#patience, this.#end)
    if (this.#signal !== undefined) this.#forget = onAbort(this.#signal, this)
    this.queue = queue
    this.#tally.queued += 1
    this.#expire(this.#begin, now)
  }

  /** Called when the lanes that were free have been given to others: it must begin `timeout` ms from now. */
  passOver(now: number): void {
    if (this.queue === undefined || this.#begin < this.#end || this.#patience === Number.POSITIVE_INFINITY) return
    this.#begin = Math.min(now + this.#patience, this.#end)
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#expire(this.#begin, now)
  }

  /** Goes from the queue, which has taken it out, into a batch. False if its time is over. */
  run(now: number): boolean {
    if (now >= this.#begin) {
      this.#timeout()
      return false
    }
    this.queue = undefined
    this.#tally.queued -= 1
    this.#tally.running += 1
    this.#tally.wait.record(now - this.since, now)
    if (this.#begin < this.#end) {
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.#expire(this.#end, now)
    }
    return true
  }

  #expire(at: number, now: number): void {
    if (at === Number.POSITIVE_INFINITY) return
    this.#timer = setTimeout(onTimer, Math.min(LONGEST, Math.max(1, Math.ceil(at - now))), this)
  }

  resolve(output: Float32Array): void {
    if (this.#settle()) this.#resolve(output)
  }

  /** Counts it as one of `as`. */
  reject(error: unknown, as: 'failed' | 'rejected' | 'timedOut' | 'aborted'): void {
    if (!this.#settle()) return
    this.#tally[as] += 1
    this.#reject(error)
  }

  /** Leaves the queue, and from then on has an answer. False if it has one already. */
  #settle(): boolean {
    if (this.settled) return false
    this.settled = true
    const { queue } = this
    if (queue === undefined) this.#tally.running -= 1
    else {
      this.queue = undefined
      this.#tally.queued -= 1
      queue.remove(this)
    }
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#forget?.()
    this.#tally.left()
    return true
  }

  /** Called when its signal is aborted. */
  abort(reason: unknown): void {
    this.reject(reason, 'aborted')
  }

  /** Called when its time may be over: timers fire early by up to a millisecond, and late ones find it settled. */
  expire(): void {
    const now = performance.now()
    const at = this.queue === undefined ? this.#end : this.#begin
    if (now + 1 >= at) this.#timeout()
    else this.#expire(at, now)
  }

  #timeout(): void {
    this.reject(stackless('ERR_TORCH_TIMEOUT', `${this.#owner}: ${this.#problem()}`), 'timedOut')
  }

  #problem(): string {
    const waited = Math.round(performance.now() - this.since)
    if (this.queue === undefined) return `it was being computed when its deadline passed, ${waited} ms after the call`
    if (this.#begin < this.#end) {
      return `it waited ${waited} ms and had not begun, since others were computed: the server is overloaded, or queue.timeout, ${this.#patience} ms, is too short`
    }
    const given = Math.round(this.#end - this.since)
    return given <= 0
      ? `its deadline had passed ${-given} ms before the call`
      : `it had not begun when its deadline passed, ${given} ms after the call`
  }
}

function onTimer(waiting: Waiting): void {
  waiting.expire()
}

let requests = 0

/** A sequence to compute. */
export class Request extends Waiting implements Sequence {
  readonly data: Float32Array | Int32Array
  readonly steps: number
  /** Its place in the queue: smaller ones go first. */
  readonly order: number
  /** Counts the requests. */
  readonly number: number = ++requests
  /** Its index in the heap of the queue, or -1. */
  index = -1

  constructor(sequence: Sequence, order: number, tally: Tally, limits: Limits, timeout: number, now: number) {
    super('predict', tally, limits, timeout, now)
    this.data = sequence.data
    this.steps = sequence.steps
    this.order = order
  }
}
