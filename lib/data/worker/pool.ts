import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type ErrorCode, messageOf, torchError } from '../../errors.ts'
import { PACKAGE } from '../../native/package.ts'
import type { SentBatch } from './transfer.ts'

/** What a thread gets at its start. */
export interface ThreadData {
  /** The URL of the module that makes the dataset. */
  readonly module: string
  /** The argument of its function. */
  readonly data: unknown
}

/** What is asked of a thread. */
export type Order =
  | { readonly id: number; readonly indices: readonly number[]; readonly batchFirst: boolean; readonly seed: bigint }
  | { readonly cancel: number }

interface SentError {
  readonly message: string
  readonly code: unknown
  readonly cause: Error
}

/** What a thread says: at first, the length of its dataset or why there is none; then a batch or an error per order. */
export type Answer =
  | { readonly length: number }
  | { readonly error: SentError }
  | { readonly id: number; readonly batch: SentBatch }
  | { readonly id: number; readonly error: SentError }

const OWNER = 'WorkerDataset'
// Of the compiled package also where the sources run: a worker does not read TypeScript.
const THREAD = join(PACKAGE, 'dist', 'data', 'worker', 'thread.js')
const PROGRAM = `require(${JSON.stringify(THREAD)}).main((url) => import(url))`

interface Pending {
  resolve(batch: SentBatch): void
  reject(error: Error): void
}

function failed(what: string, { message, code, cause }: SentError): Error {
  const known = typeof code === 'string' && code.startsWith('ERR_TORCH_') ? (code as ErrorCode) : 'ERR_TORCH_RUNTIME'
  return torchError(known, `${OWNER}: ${what}: ${message}${cureOf(message)}`, { op: OWNER, cause })
}

/** What to do about a module that a worker does not read, although this process may: a loader such as tsx is not there. */
function cureOf(message: string): string {
  return /Unknown file extension "\.[cm]?tsx?"/.test(message)
    ? '. A worker of this Node does not read TypeScript: write the module in JavaScript, or give the compiled one'
    : ''
}

/** A worker and what it is asked for. It keeps the process alive only while it has something to do. */
class Thread {
  /** The length of its dataset. */
  readonly length: Promise<number>
  /** Why it has ended. */
  failure: Error | undefined
  readonly #worker: Worker
  readonly #module: string
  readonly #pending = new Map<number, Pending>()
  #started: { resolve(length: number): void; reject(error: Error): void } | undefined
  #thrown: unknown

  constructor(data: ThreadData) {
    this.#module = data.module
    this.length = new Promise((resolve, reject) => {
      this.#started = { resolve, reject }
    })
    this.#worker = new Worker(PROGRAM, { eval: true, workerData: data })
    this.#worker.on('message', (answer: Answer) => this.#read(answer))
    this.#worker.on('messageerror', (error) => this.#end(error, 0))
    this.#worker.on('error', (error) => {
      this.#thrown = error
    })
    this.#worker.on('exit', (code) => this.#end(this.#thrown, code))
  }

  get busy(): number {
    return this.#pending.size
  }

  ask(order: Extract<Order, { indices: unknown }>): Promise<SentBatch> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) throw this.failure
      this.#pending.set(order.id, { resolve, reject })
      this.#worker.ref()
      this.#worker.postMessage(order)
    })
  }

  cancel(id: number): void {
    if (!this.#pending.has(id)) return
    this.#worker.postMessage({ cancel: id } satisfies Order)
    this.#settle(id)?.reject(torchError('ERR_TORCH_RUNTIME', `${OWNER}: the batch was given up`))
  }

  async close(): Promise<void> {
    this.failure ??= torchError('ERR_TORCH_DISPOSED', `${OWNER}: it is closed`, { op: OWNER })
    await this.#worker.terminate()
  }

  #read(answer: Answer): void {
    if ('length' in answer) {
      this.#worker.unref()
      this.#started?.resolve(answer.length)
    } else if (!('id' in answer)) {
      this.#started?.reject(failed(this.#module, answer.error))
    } else if ('batch' in answer) {
      this.#settle(answer.id)?.resolve(answer.batch)
    } else {
      this.#settle(answer.id)?.reject(failed(`a worker of ${this.#module} could not make a batch`, answer.error))
    }
  }

  /** Takes what waits for an answer; undefined if nobody does any more. */
  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (this.#pending.size === 0) this.#worker.unref()
    return pending
  }

  #end(thrown: unknown, code: number): void {
    const why = thrown === undefined ? ` with exit code ${code}` : `: ${messageOf(thrown)}`
    const options = { op: OWNER, ...(thrown === undefined ? {} : { cause: thrown }) }
    this.failure ??= torchError('ERR_TORCH_RUNTIME', `${OWNER}: a worker of ${this.#module} ended${why}`, options)
    this.#started?.reject(this.failure)
    for (const { reject } of this.#pending.values()) reject(this.failure)
    this.#pending.clear()
  }
}

/** Workers that make batches of the same dataset. */
export class Pool {
  readonly length: number
  readonly #threads: readonly Thread[]
  #orders = 0

  private constructor(threads: readonly Thread[], length: number) {
    this.#threads = threads
    this.length = length
  }

  /** Starts the workers. @throws {TorchError} if one has no dataset, or they differ in length. */
  static async start(data: ThreadData, size: number): Promise<Pool> {
    const threads: Thread[] = []
    try {
      for (let i = 0; i < size; i++) threads.push(new Thread(data))
      const lengths = await Promise.all(threads.map(({ length }) => length))
      const [first = 0] = lengths
      const other = lengths.find((length) => length !== first)
      if (other === undefined) return new Pool(threads, first)
      throw torchError(
        'ERR_TORCH_VALUE',
        `${OWNER}: ${data.module} makes datasets that differ in length: ${first} and ${other} samples`,
        { op: OWNER },
      )
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.close()))
      throw error
    }
  }

  /** Asks the worker that has the least to do. */
  ask(indices: readonly number[], batchFirst: boolean, seed: bigint): { batch: Promise<SentBatch>; cancel(): void } {
    const id = this.#orders++
    const ended = this.#threads.find(({ failure }) => failure !== undefined)
    const thread = ended ?? this.#threads.reduce((least, other) => (other.busy < least.busy ? other : least))
    const batch = thread.ask({ id, indices, batchFirst, seed })
    // Whoever asked may give it up.
    batch.catch(() => {})
    return { batch, cancel: () => thread.cancel(id) }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }
}
