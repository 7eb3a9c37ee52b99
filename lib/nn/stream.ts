import { requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { dispose } from '../dispose.ts'
import { torchError } from '../errors.ts'
import { opaque } from '../opaque.ts'
import { native } from '../tensor/binding.ts'

/**
 * The state of a {@link RecurrentStream}: h, with one row of P (projSize if set, else H) per layer, and for an LSTM c.
 */
export interface StreamState {
  /** (layers, P) */
  h: Float32Array
  /** (layers, H) */
  c?: Float32Array
  /**
   * Of a model that pools its outputs: the mean or maximum of the outputs so far (P), and the number of steps (1).
   */
  pool?: Float32Array
}

export interface StreamOptions {
  /**
   * The type of the network's weights: bfloat16 halves the memory that a step reads, at the cost of precision. Sums and states
   * are always float32. Default `'float32'`.
   */
  dtype?: 'float32' | 'bfloat16'
}

/** The sizes of a stream. */
export interface StreamSizes {
  inputSize: number
  outputSize: number
  /** The size of each part of the state, in the order of the native state. */
  state: StreamStateSizes
}

type StreamStateSizes = Readonly<Partial<Record<keyof StreamState, number>>>

function isFloat32Array(value: unknown): value is Float32Array {
  // Not `instanceof`: other realms, such as test runners', have their own class.
  return Object.prototype.toString.call(value) === '[object Float32Array]'
}

const CONSTRUCT = Symbol('construct')

/** @internal */
export let streamOf: (handle: object, sizes: StreamSizes) => RecurrentStream
let handleOf: (stream: unknown) => object | undefined

/**
 * A recurrent network, or a whole model, with its state, for sequences that arrive one time step at a time; it uses no
 * tensors. `step` is synchronous and takes microseconds. Made by {@link RecurrentModule.stream} and
 * {@link RecurrentModel.stream}. It computes what `forward` would in evaluation mode, with a snapshot of the weights
 * from that time.
 *
 * @example
 * const stream = lstm.stream()
 * for await (const sample of sensor) console.log(stream.step(sample))
 */
export class RecurrentStream implements Disposable {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('RecurrentStream', 'save() gives its state')
  /** The length of an input: I, or 1 if a model with an embedding takes tokens. */
  readonly inputSize: number
  /** The length of an output: P or H of a network, the output size of a model (times its horizon). */
  readonly outputSize: number
  readonly #sizes: StreamSizes
  readonly #handle: object

  static {
    streamOf = (handle, sizes) => new RecurrentStream(CONSTRUCT, handle, sizes)
    handleOf = (stream) =>
      typeof stream === 'object' && stream !== null && #handle in stream ? stream.#handle : undefined
  }

  // Protected, so that `new RecurrentStream()` does not compile.
  protected constructor(key: symbol, handle: object, sizes: StreamSizes) {
    if (key !== CONSTRUCT) {
      throw torchError(
        'ERR_TORCH_TYPE',
        'new RecurrentStream() has no network: use the stream() of an RNN, LSTM or GRU',
      )
    }
    this.#handle = handle
    this.#sizes = sizes
    this.inputSize = sizes.inputSize
    this.outputSize = sizes.outputSize
  }

  /**
   * Takes one step: computes the output for an input, and updates the state.
   *
   * @param input (I), or a token, from 0 to numEmbeddings - 1, for a model with an embedding
   * @param output Where to write the output (outputSize). Default: a new array.
   * @returns `output`
   * @throws {TorchError} if an array has the wrong type or length, or there is no such token.
   */
  step(input: Float32Array | number, output: Float32Array = new Float32Array(this.outputSize)): Float32Array {
    native.stepStream(this.#handle, input, output)
    return output
  }

  /** A copy of the state, for {@link restore} on this stream or another one of the same sizes. */
  save(): StreamState {
    const state = native.streamState(this.#handle)
    const saved: Partial<StreamState> = {}
    let start = 0
    for (const [name, length] of this.#parts) {
      saved[name] = state.slice(start, start + length)
      start += length
    }
    return saved as StreamState
  }

  /**
   * Continues from a state returned by {@link save}.
   * @throws {TorchError} if the sizes of the state differ.
   */
  restore(state: StreamState): void {
    const parts = this.#parts.map(([name, length]) => {
      const part = state?.[name]
      if (!isFloat32Array(part) || part.length !== length) {
        const [code, got] = isFloat32Array(part)
          ? (['ERR_TORCH_VALUE', `${part.length} elements`] as const)
          : (['ERR_TORCH_TYPE', describe(part)] as const)
        throw torchError(code, `restore(): ${name} must be a Float32Array of ${length} elements, got ${got}`, {
          op: 'restore',
        })
      }
      return part
    })
    native.setStreamState(this.#handle, Float32Array.from(parts.flatMap((part) => [...part])))
  }

  /** Starts a new sequence: sets the state to zeros. */
  reset(): void {
    const length = this.#parts.reduce((sum, [, length]) => sum + length, 0)
    native.setStreamState(this.#handle, new Float32Array(length))
  }

  get #parts(): [name: keyof StreamState, length: number][] {
    return Object.entries(this.#sizes.state) as [keyof StreamState, number][]
  }

  /** A new stream with the same weights that continues from a copy of the current state. */
  fork(): RecurrentStream {
    return streamOf(native.forkStream(this.#handle), this.#sizes)
  }

  /**
   * Frees the state, and the weights if nothing else uses them. Further calls do nothing; any other use of the stream
   * throws.
   */
  dispose(): void {
    native.closeStream(this.#handle)
  }

  [dispose](): void {
    this.dispose()
  }
}

/**
 * Takes one step of several streams with the same weights. This is faster than stepping each, since the weights are
 * read once.
 *
 * @param inputs (streams, I), or tokens (streams) in an Int32Array for models with an embedding
 * @param outputs Where to write the outputs (streams, outputSize). Default: a new array.
 * @throws {TorchError} if the streams have different weights, or an array has the wrong type or length.
 */
export function stepStreams(
  streams: readonly RecurrentStream[],
  inputs: Float32Array | Int32Array,
  outputs?: Float32Array,
  ...none: undefined[]
): Float32Array {
  requireNone('stepStreams', none)
  const op = 'stepStreams'
  if (!Array.isArray(streams)) {
    throw torchError('ERR_TORCH_TYPE', `stepStreams: expected an array of streams, got ${describe(streams)}`, { op })
  }
  if (streams.length === 0) throw torchError('ERR_TORCH_VALUE', 'stepStreams: there are no streams to step', { op })
  const handles = Array.from(streams, (stream: unknown) => {
    const handle = handleOf(stream)
    if (handle !== undefined) return handle
    throw torchError('ERR_TORCH_TYPE', `stepStreams: expected streams, got ${describe(stream)} among them`, { op })
  })
  if (new Set(streams).size !== streams.length) {
    throw torchError('ERR_TORCH_VALUE', 'stepStreams: a stream is given twice; each can take one step per call', { op })
  }
  if (!handles.every((handle) => native.sharesWeights(handles[0] as object, handle))) {
    throw torchError(
      'ERR_TORCH_VALUE',
      'stepStreams: the streams have different weights; open them from one module, without changing it, or fork one',
      { op },
    )
  }
  const written = outputs ?? new Float32Array(streams.length * (streams[0] as RecurrentStream).outputSize)
  native.stepStreams(handles, inputs, written)
  return written
}
