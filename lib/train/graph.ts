import { dispose } from '../dispose.ts'
import { messageOf } from '../errors.ts'
import type { Module } from '../nn/module.ts'
import { Buffer, Parameter } from '../nn/parameter.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { LearningRates } from '../optim/rates.ts'
import { captured } from '../tensor/capture.ts'
import { noGrad, tidy } from '../tensor/context.ts'
import { memoryRange } from '../tensor/memory.ts'
import { seedings } from '../tensor/seed.ts'
import { type Device, isTensor, keep, type Tensor } from '../tensor/tensor.ts'

/** What is needed of a `torch.cuda.CUDAGraph`. */
export interface Graph {
  /** Captures what `fn` queues, without doing it. The tensors of its result keep their memory. */
  capture<T>(fn: () => T): Promise<T>
  /** Does again what was captured, on the same memory. */
  replay(): void
  /** Frees the memory. */
  reset(): void
}

export interface GraphsOptions {
  /** Throws where there are no CUDA graphs. */
  make(): Graph
  /** Runs the synchronous `fn` off the main thread. */
  queue<T>(fn: () => T): Promise<T>
  /** Where the inputs of graphs are. */
  device: Device
  /** Is told once why steps run without a graph. */
  onFallback(reason: string): void
}

/** Work whose operations depend on the inputs' shapes and dtypes alone. */
export interface Work<T> {
  /** The operations. Their result, where they have one, is a tensor. */
  run(inputs: readonly Tensor[]): T
  /** What becomes of the result; not part of the graph, whose next replay overwrites the result. */
  finish?(result: T, fromGraph: boolean): T
  /** What else the operations depend on: where it changes, all graphs are made anew. */
  signature: string
  /** What else there is a graph of its own for, as for each shape. */
  variant?: string | number
}

/** Eager runs of a shape before it is captured: libraries choose and allocate in the first ones. */
export const WARM_UP = 3
/** Graphs at a time: each has memory of its own. */
export const MOST_GRAPHS = 8
/** Changes of the signature in a row after which it counts as never the same. */
const MOST_CHANGES = 16

interface Captured {
  graph: Graph
  inputs: readonly Tensor[]
  result: unknown
}

interface Bucket {
  runs: number
  captured?: Captured
}

/**
 * Runs work by CUDA graphs, one for each combination of input shapes: after some eager runs the whole is captured once,
 * then an input is copied into the graph's own and the graph replayed: one launch instead of hundreds. Where that
 * cannot be, it runs the work as it is.
 */
export class Graphs implements Disposable {
  readonly #options: GraphsOptions
  readonly #buckets = new Map<string, Bucket>()
  #signature: string | undefined
  #changes = 0
  #stopped = false
  #full = false

  constructor(options: GraphsOptions) {
    this.#options = options
  }

  /** How many graphs there are. */
  get size(): number {
    return [...this.#buckets.values()].filter(({ captured }) => captured !== undefined).length
  }

  /** Queues the work before it returns, unless a graph is captured first; resolves as `queue` does. */
  async run<T>(inputs: readonly Tensor[], work: Work<T>): Promise<T> {
    const key = keyOf(inputs, work.variant)
    const bucket = this.#bucketOf(inputs, key, work.signature)
    if (bucket?.captured !== undefined) return this.#replay(bucket.captured, inputs, work)
    if (bucket === undefined || bucket.runs < WARM_UP) {
      if (bucket !== undefined) bucket.runs++
      return this.#eager(inputs, work)
    }
    // What comes meanwhile runs eagerly.
    bucket.runs = Number.NEGATIVE_INFINITY
    const captured = await this.#capture(inputs, work)
    if (captured === undefined) return this.#eager(inputs, work)
    if (this.#buckets.get(key) !== bucket) {
      // The signature has changed in the meantime.
      this.#drop(captured)
      return this.#eager(inputs, work)
    }
    bucket.captured = captured
    this.#changes = 0
    return this.#replay(captured, inputs, work)
  }

  #eager<T>(inputs: readonly Tensor[], work: Work<T>): Promise<T> {
    return this.#options.queue(() => {
      const result = work.run(inputs)
      return work.finish === undefined ? result : work.finish(result, false)
    })
  }

  #replay<T>({ graph, inputs: own, result }: Captured, inputs: readonly Tensor[], work: Work<T>): Promise<T> {
    return this.#options.queue(() => {
      noGrad(() => {
        for (const [i, tensor] of own.entries()) tensor.copy_(inputs[i] as Tensor, { nonBlocking: true })
      })
      graph.replay()
      return work.finish === undefined ? (result as T) : work.finish(result as T, true)
    })
  }

  /** Where a run is to be counted or replayed; `undefined` where it is to be eager. */
  #bucketOf(inputs: readonly Tensor[], key: string, signature: string): Bucket | undefined {
    if (this.#stopped) return undefined
    if (signature !== this.#signature) {
      this.#clear()
      this.#signature = signature
      if (++this.#changes > MOST_CHANGES) {
        this.#stop('settings of the model or of the optimizer change at every step, and a graph is of one setting')
        return undefined
      }
    }
    if (inputs.some((input) => input.requiresGrad)) {
      this.#stop('an input requires a gradient, which a graph would keep to itself')
      return undefined
    }
    const known = this.#buckets.get(key)
    if (known !== undefined) return known
    if (this.#buckets.size >= MOST_GRAPHS) {
      if (!this.#full) {
        this.#options.onFallback(
          `batches have more than ${MOST_GRAPHS} shapes: those of a further shape run without a graph`,
        )
      }
      this.#full = true
      return undefined
    }
    const bucket = { runs: 0 }
    this.#buckets.set(key, bucket)
    return bucket
  }

  async #capture<T>(inputs: readonly Tensor[], work: Work<T>): Promise<Captured | undefined> {
    const { device, queue, make } = this.#options
    let graph: Graph | undefined
    let own: readonly Tensor[] = []
    try {
      graph = make()
      own = await queue(() => noGrad(() => inputs.map((input) => keep(input.to({ device, copy: true })))))
      const result = await graph.capture(() =>
        captured(() =>
          tidy(() => {
            const result = work.run(own)
            if (isTensor(result)) keep(result)
            return result
          }),
        ),
      )
      return { graph, inputs: own, result }
    } catch (error) {
      graph?.reset()
      for (const tensor of own) tensor.dispose()
      this.#stop(messageOf(error).split('\n')[0] as string)
      return undefined
    }
  }

  #stop(reason: string): void {
    this.#stopped = true
    this.#clear()
    this.#options.onFallback(reason)
  }

  #clear(): void {
    for (const { captured } of this.#buckets.values()) if (captured !== undefined) this.#drop(captured)
    this.#buckets.clear()
  }

  /** Frees a graph after the replays of it that are queued. */
  #drop(captured: Captured): void {
    this.#options.queue(() => free(captured)).catch(() => {})
  }

  /** Frees all graphs. What is queued must have run. */
  dispose(): void {
    for (const { captured } of this.#buckets.values()) if (captured !== undefined) free(captured)
    this.#buckets.clear()
    this.#signature = undefined
  }

  [dispose](): void {
    this.dispose()
  }
}

function free({ graph, inputs, result }: Captured): void {
  for (const tensor of inputs) tensor.dispose()
  if (isTensor(result)) result.dispose()
  graph.reset()
}

function keyOf(inputs: readonly Tensor[], variant: string | number = ''): string {
  return [...inputs.map(({ dtype, shape }) => `${dtype}[${shape}]`), variant].join(' ')
}

/**
 * @internal What the operations of a step depend on besides its inputs: the modes and other plain settings of the modules, where
 * parameters, buffers and the optimizer's state are, which of them are learned, and the optimizer's settings; without
 * learning rates, where those are tensors.
 */
export function signatureOf(modules: readonly Module[], optimizer?: Optimizer, rates?: LearningRates): string {
  // After a seeding, cuDNN makes its memory for dropout anew.
  const parts: unknown[] = [optimizer?.revision, seedings()]
  const seen = new Set<Module>()
  for (const module of modules) describeModule(module, seen, parts)
  for (const { params, ...settings } of optimizer?.paramGroups ?? []) {
    parts.push(params.length, JSON.stringify(rates === undefined ? settings : { ...settings, lr: null }))
  }
  return parts.join()
}

/** Once per step: hence in one pass, not one for each kind of what a module has. */
function describeModule(module: Module, seen: Set<Module>, parts: unknown[]): void {
  if (seen.has(module)) return
  seen.add(module)
  for (const value of Object.values(module)) {
    if (value instanceof Parameter || value instanceof Buffer) {
      parts.push(memoryRange(value).first, value.requiresGrad)
    } else if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') {
      parts.push(value)
    }
  }
  for (const child of module.children()) describeModule(child, seen, parts)
}
