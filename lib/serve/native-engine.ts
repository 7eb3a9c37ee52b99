import { type TorchError, torchError } from '../errors.ts'
import { keeps } from '../inheritance.ts'
import { RecurrentModel } from '../models/model.ts'
import { whyNotNative } from '../models/stream.ts'
import type { EngineHandle } from '../native/addon.ts'
import { GRU } from '../nn/gru.ts'
import { LSTM } from '../nn/lstm.ts'
import type { Module } from '../nn/module.ts'
import { RNN } from '../nn/rnn.ts'
import { native } from '../tensor/binding.ts'
import { failure } from '../tensor/failure.ts'
import type { Engine, Sequence } from './engine.ts'
import { noToken, notFinite } from './problem.ts'
import { type Weights, weightsOf } from './weights.ts'

/** Larger memory for the input of a batch is not kept for the next one: 4 million elements, 16 MB. */
const MOST_KEPT = 4 << 20
/** Positions in a batch are 32-bit integers in native code. */
const MOST_ELEMENTS = 2 ** 31 - 1

export interface NativeEngineOptions {
  /** The number of threads that compute batches. Default 1. */
  readonly lanes?: number
  /** The threads of each lane. Default 1. */
  readonly threads?: number
  /** The type of the network's weights. Sums and states are float32. Default `'float32'`. */
  readonly dtype?: 'float32' | 'bfloat16'
  /** Whether sequences and samples with NaN or infinity fail. Default `true`. */
  readonly rejectNonFinite?: boolean
  /**
   * Whether large weights are mapped from a file in the user's cache folder, so that processes share them. Default: as
   * `isLoaded`.
   */
  readonly shareWeights?: boolean | undefined
  /** Whether the model is that of a file, which other processes may serve as well. Default `true`. */
  readonly isLoaded?: boolean
}

/** Why the native engine cannot compute what `forward` of a module does, or `undefined` if it can. */
export function whyNotNativeEngine(model: Module): string | undefined {
  const { name } = model.constructor
  if (!(model instanceof RecurrentModel)) return `a ${name} is not one of the models of libtorch-rnn/models`
  const changed = whyNotNative(model)
  if (changed !== undefined) return `the engine computes what ${name} of this library does, but here ${changed}`
  const { network } = model
  if (![LSTM, GRU, RNN].some((Class) => keeps(network, Class))) {
    return `there are no fused kernels for its network, a ${network.constructor.name}`
  }
  for (const [parameter, { device, dtype }] of model.namedParameters()) {
    if (device !== 'cpu') return `${parameter} is on ${device}`
    if (dtype !== 'float32' && dtype !== 'bfloat16') return `${parameter} is of ${dtype}`
  }
  return undefined
}

/**
 * An engine that computes a recurrent model of this library with the fused kernels, without tensors, on threads of its
 * own. It has a copy of the weights: once it is open, the model may be changed or disposed.
 *
 * @param model it must not be changed until the promise settles
 * @throws {TorchError} `ERR_TORCH_NOT_IMPLEMENTED` for other models, see {@link whyNotNativeEngine}.
 */
export async function nativeEngine(model: Module, options: NativeEngineOptions = {}): Promise<NativeEngine> {
  const reason = whyNotNativeEngine(model)
  if (reason !== undefined) throw torchError('ERR_TORCH_NOT_IMPLEMENTED', `serve: ${reason}`, { op: 'serve' })
  const { dtype = 'float32', isLoaded = true, shareWeights = isLoaded } = options
  const whyNot = options.shareWeights === undefined ? 'the model is not loaded from a path' : 'shareWeights is false'
  try {
    const weights = await weightsOf(model as RecurrentModel, dtype, shareWeights ? undefined : whyNot)
    return new NativeEngine(model as RecurrentModel, weights, options)
  } catch (thrown) {
    throw failure(thrown)
  }
}

export class NativeEngine implements Engine {
  readonly inputSize: number
  readonly numEmbeddings: number | null
  readonly outputSize: number
  /** Of one row of an output: (outputSize), or (horizon, outputSize). */
  readonly outputShape: readonly number[]
  readonly perStep: boolean
  readonly stateSize: number | null
  /** Where the weights are. */
  readonly weights: Omit<Weights, 'handle'>
  readonly #handle: EngineHandle
  readonly #staging: Staging

  constructor(model: RecurrentModel, { handle, ...weights }: Weights, options: NativeEngineOptions) {
    const { lanes = 1, threads = 1, rejectNonFinite = true } = options
    const { embedding, output, horizon, outputSize, network } = model
    this.inputSize = embedding === null ? model.inputSize : 1
    this.numEmbeddings = embedding?.numEmbeddings ?? null
    this.outputShape = horizon === null ? [outputSize] : [horizon, outputSize]
    this.outputSize = outputSize * (horizon ?? 1)
    this.perStep = output === 'sequence'
    this.weights = weights
    this.#handle = native.openEngine(handle, lanes, threads, rejectNonFinite)
    this.stateSize = network.bidirectional ? null : native.slotSize(this.#handle)
    this.#staging = new Staging(embedding === null ? Float32Array : Int32Array, lanes + 1)
  }

  async run(batch: readonly Sequence[]): Promise<readonly (Float32Array | TorchError)[]> {
    const misfits = batch.map((sequence) => this.#misfit(sequence))
    const fitting = batch.filter((_, i) => misfits[i] === undefined)
    const total = fitting.reduce((sum, { data }) => sum + data.length, 0)
    if (total > MOST_ELEMENTS) {
      throw torchError('ERR_TORCH_VALUE', `serve: a batch of ${total} numbers is too large: the most are 2^31 - 1`, {
        op: 'serve',
      })
    }
    const data = this.#staging.take(total)
    const steps = new Int32Array(fitting.length)
    let at = 0
    for (const [i, sequence] of fitting.entries()) {
      data.set(sequence.data, at)
      at += sequence.data.length
      steps[i] = sequence.steps
    }
    try {
      const [outputs, problems] = await native.runEngine(this.#handle, data, steps)
      const results = this.#rows(fitting, outputs, problems)
      return fitting.length === batch.length ? results : merged(misfits, results)
    } catch (thrown) {
      throw failure(thrown)
    } finally {
      this.#staging.give(data)
    }
  }

  openSlot(state?: Float32Array): number {
    if (this.stateSize === null) {
      throw torchError('ERR_TORCH_VALUE', 'serve: a bidirectional network has no steps: it needs whole sequences', {
        op: 'serve',
      })
    }
    if (state !== undefined && state.length !== this.stateSize) {
      const message = `serve: a state of this model has ${this.stateSize} numbers, got ${state.length}`
      throw torchError('ERR_TORCH_VALUE', message, { op: 'serve' })
    }
    return native.openSlot(this.#handle, state)
  }

  closeSlot(slot: number): void {
    native.closeSlot(this.#handle, slot)
  }

  readSlot(slot: number): Float32Array {
    return native.readSlot(this.#handle, slot)
  }

  async step(slots: Int32Array, x: Float32Array | Int32Array): Promise<{ y: Float32Array; failed: readonly number[] }> {
    try {
      return await native.stepEngine(this.#handle, slots, x)
    } catch (thrown) {
      throw failure(thrown)
    }
  }

  async close(): Promise<void> {
    await native.closeEngine(this.#handle)
  }

  /** Why a sequence cannot be computed at all, or `undefined`. */
  #misfit({ data, steps }: Sequence): TorchError | undefined {
    // Not `instanceof`: other realms, such as test runners', have their own classes.
    const wanted = this.numEmbeddings === null ? 'Float32Array' : 'Int32Array'
    if (data[Symbol.toStringTag] !== wanted) {
      return torchError('ERR_TORCH_TYPE', `serve: the data of a sequence must be a ${wanted}`, { op: 'serve' })
    }
    if (steps >= 1 && data.length === steps * this.inputSize) return undefined
    return torchError(
      'ERR_TORCH_SHAPE',
      `serve: a sequence needs at least one step, and ${this.inputSize} numbers for each: got ${data.length} numbers for ${steps} steps`,
      { op: 'serve' },
    )
  }

  /** The outputs of each sequence, or its error. */
  #rows(batch: readonly Sequence[], outputs: Float32Array, problems: Int32Array | null): (Float32Array | TorchError)[] {
    let start = 0
    return batch.map((sequence, i) => {
      const problem = problems?.[i] ?? -1
      if (problem >= 0) return this.#problem(problem)
      const end = start + this.outputSize * (this.perStep ? sequence.steps : 1)
      // With memory of its own, so that a row that is kept does not keep the batch.
      const row = outputs.slice(start, end)
      start = end
      return row
    })
  }

  /** The error of a sequence whose element at `index` cannot be computed. */
  #problem(index: number): TorchError {
    return this.numEmbeddings === null ? notFinite(index, this.inputSize) : noToken(index, this.numEmbeddings)
  }
}

/** All results in the order of the batch, from those of the sequences that were computed. */
function merged<T>(misfits: readonly (TorchError | undefined)[], results: readonly T[]): (T | TorchError)[] {
  let next = 0
  return misfits.map((misfit) => misfit ?? (results[next++] as T))
}

/** Memory for the input of batches, which is used again. */
class Staging {
  readonly #Values: Float32ArrayConstructor | Int32ArrayConstructor
  readonly #most: number
  readonly #free: (Float32Array | Int32Array)[] = []

  /** @param most how many arrays are kept */
  constructor(Values: Float32ArrayConstructor | Int32ArrayConstructor, most: number) {
    this.#Values = Values
    this.#most = most
  }

  /** An array of at least `length` elements. */
  take(length: number): Float32Array | Int32Array {
    const free = this.#free.pop()
    return free !== undefined && free.length >= length ? free : new this.#Values(Math.ceil(length * 1.25))
  }

  give(array: Float32Array | Int32Array): void {
    if (array.length <= MOST_KEPT && this.#free.length < this.#most) this.#free.push(array)
  }
}
