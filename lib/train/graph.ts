import { CUDAGraph } from '../cuda/index.ts'
import { dispose } from '../dispose.ts'
import { messageOf, torchError } from '../errors.ts'
import type { Module } from '../nn/module.ts'
import { Buffer, Parameter } from '../nn/parameter.ts'
import { type Optimizer, revisionOf } from '../optim/optimizer.ts'
import type { LearningRates } from '../optim/rates.ts'
import { captured } from '../tensor/capture.ts'
import { noGrad, tidy } from '../tensor/context.ts'
import { memoryRange } from '../tensor/memory.ts'
import { seedings } from '../tensor/seed.ts'
import { type Device, isTensor, keep, type Tensor } from '../tensor/tensor.ts'
import { onDevice } from './placement.ts'

/** The part of `torch.cuda.CUDAGraph` that is needed here. */
export interface Graph {
  /** Captures the operations that `fn` queues, without running them. The tensors of its result keep their memory. */
  capture<T>(fn: () => T): Promise<T>
  /** Replays the captured operations, on the same memory. */
  replay(): void
  /** Frees the memory. */
  reset(): void
}

/** Reasons not to capture. */
export interface GraphGuard {
  /** Called before each run: the reason to let go of all graphs and run everything without, if there is one. */
  step(): string | undefined
  /** Called before a capture: the reason to run this shape without a graph, if there is one. */
  capture(): string | undefined
}

export interface GraphsOptions {
  /** Throws if CUDA graphs are not available. */
  make(): Graph
  /** Runs the synchronous `fn` off the main thread. */
  queue<T>(fn: () => T): Promise<T>
  /** The device of the graphs' inputs. */
  device: Device
  /** Called once with the reason why steps run without a graph. */
  onFallback(reason: string): void
  guard?: GraphGuard | undefined
}

/** Work whose operations depend only on the inputs' shapes and dtypes. */
export interface Work<T> {
  /** The operations. Their result, if any, is a tensor. */
  run(inputs: readonly Tensor[]): T
  /** Processes the result. It is not part of the graph, whose next replay overwrites the result. */
  finish?(result: T, fromGraph: boolean): T
  /** What else the operations depend on: if it changes, all graphs are captured again. */
  signature: string
  /** A further key: each variant has its own graph, as each shape has. */
  variant?: string | number
}

/** Eager runs of a shape before its capture: libraries choose algorithms and allocate memory in the first ones. */
export const WARM_UP = 3
/** The most graphs at a time: each has its own memory. */
export const MOST_GRAPHS = 8
/** After this many changes of the signature in a row, it counts as always changing. */
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
 * Runs work with CUDA graphs, one for each combination of input shapes. After some eager runs the work is captured
 * once; from then on, inputs are copied into the graph's own tensors and the graph is replayed: one launch instead of
 * hundreds. If that is impossible, it runs the work eagerly.
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

  /** The number of graphs. */
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
    // Runs that arrive meanwhile are eager.
    bucket.runs = Number.NEGATIVE_INFINITY
    const refusal = this.#options.guard?.capture()
    if (refusal !== undefined) {
      this.#options.onFallback(refusal)
      return this.#eager(inputs, work)
    }
    const captured = await this.#capture(inputs, work)
    if (captured === undefined) return this.#eager(inputs, work)
    if (this.#buckets.get(key) !== bucket) {
      // The signature has changed meanwhile.
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

  /** The bucket in which to count or replay a run; `undefined` if the run is eager. */
  #bucketOf(inputs: readonly Tensor[], key: string, signature: string): Bucket | undefined {
    if (this.#stopped) return undefined
    const refusal = this.#options.guard?.step()
    if (refusal !== undefined) {
      this.#stop(refusal)
      return undefined
    }
    if (signature !== this.#signature) {
      this.#clear()
      this.#signature = signature
      if (++this.#changes > MOST_CHANGES) {
        this.#stop(
          'settings of the model or of the optimizer change at every step, but a graph is captured for fixed settings',
        )
        return undefined
      }
    }
    if (inputs.some((input) => input.requiresGrad)) {
      this.#stop('an input requires a gradient, which a graph would not pass on')
      return undefined
    }
    const known = this.#buckets.get(key)
    if (known !== undefined) return known
    if (this.#buckets.size >= MOST_GRAPHS) {
      if (!this.#full) {
        this.#options.onFallback(
          `batches have more than ${MOST_GRAPHS} shapes: batches of further shapes run without a graph`,
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

  /** Frees a graph after its queued replays. */
  #drop(captured: Captured): void {
    this.#options.queue(() => free(captured)).catch(() => {})
  }

  /** Frees all graphs. All queued operations must have run. */
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
 * @internal Everything the operations of a step depend on besides its inputs: the modes and other plain settings of the
 * modules, the locations of parameters, buffers and the optimizer's state, which parameters are trained, and the
 * optimizer's settings; without learning rates if those are tensors.
 */
export function signatureOf(modules: readonly Module[], optimizer?: Optimizer, rates?: LearningRates): string {
  // After seeding, cuDNN allocates its memory for dropout again.
  const parts: unknown[] = [optimizer === undefined ? undefined : revisionOf(optimizer), seedings()]
  const seen = new Set<Module>()
  for (const module of modules) describeModule(module, seen, parts)
  for (const { params, ...settings } of optimizer?.paramGroups ?? []) {
    parts.push(params.length, JSON.stringify(rates === undefined ? settings : { ...settings, lr: null }))
  }
  return parts.join()
}

/** This runs once per step: hence one pass, not one for each kind of member. */
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

/** A graph of CUDA to capture into. @throws {TorchError} if CUDA graphs are not available. */
export function graphOn(device: Device): Graph {
  if (device === 'cpu') {
    throw torchError(
      'ERR_TORCH_DEVICE',
      "CUDA graphs need a CUDA device, but the model is on the CPU: pass device: 'cuda'",
    )
  }
  const graph = new CUDAGraph()
  return {
    capture: (fn) => onDevice(device, () => graph.capture(fn)),
    replay: () => graph.replay(),
    reset: () => graph.reset(),
  }
}
