import { describe } from '../describe.ts'
import { dispose } from '../dispose.ts'
import { torchError } from '../errors.ts'
import { opaque } from '../opaque.ts'
import { native } from '../tensor/binding.ts'

/** What a {@link RecurrentStream} remembers: h, one row of P (projSize or else H) for each layer, and the LSTM's c. */
export interface StreamState {
  /** (layers, P) */
  h: Float32Array
  /** (layers, H) */
  c?: Float32Array
}

export interface StreamOptions {
  /**
   * The type of the weights: bfloat16 halves the memory that a step reads, at the cost of digits. Sums and states are
   * float32 in any case. Default `'float32'`.
   */
  dtype?: 'float32' | 'bfloat16'
}

/** @internal The sizes of a stream. */
export interface StreamSizes {
  inputSize: number
  outputSize: number
  hiddenSize: number
  numLayers: number
  /** Whether the state has c beside h. */
  hasCellState: boolean
}

function isFloat32Array(value: unknown): value is Float32Array {
  // Not `instanceof`: test realms have their own.
  return Object.prototype.toString.call(value) === '[object Float32Array]'
}

/**
 * A sequence that comes one time step at a time: a network with its state, without tensors. `step` takes microseconds
 * and runs at once. Made by {@link RecurrentModule.stream}; computes what `forward` would in evaluation mode, with the
 * weights as they were then.
 *
 * @example
 * const stream = lstm.stream()
 * for await (const sample of sensor) console.log(stream.step(sample))
 */
export class RecurrentStream implements Disposable {
  /** @internal */
  readonly toJSON: () => never = opaque('RecurrentStream', 'save() gives its state')
  /** I, the length of an input. */
  readonly inputSize: number
  /** P or H, the length of an output. */
  readonly outputSize: number
  readonly #sizes: StreamSizes
  readonly #handle: object

  /** @internal */
  constructor(handle: object, sizes: StreamSizes) {
    this.#handle = handle
    this.#sizes = sizes
    this.inputSize = sizes.inputSize
    this.outputSize = sizes.outputSize
  }

  /**
   * Takes one step: the output for an input and the state, which becomes the next one.
   *
   * @param input (I)
   * @param output Where to write the output (P or H) of the last layer. Default: a new array.
   * @returns `output`
   * @throws {TorchError} for arrays of another type or length.
   */
  step(input: Float32Array, output: Float32Array = new Float32Array(this.outputSize)): Float32Array {
    native.stepStream(this.#handle, input, output)
    return output
  }

  /** A copy of the state, to be given to {@link restore} of this or another stream of the same sizes. */
  save(): StreamState {
    const { numLayers, outputSize, hasCellState } = this.#sizes
    const state = native.streamState(this.#handle)
    const h = state.slice(0, numLayers * outputSize)
    return hasCellState ? { h, c: state.slice(numLayers * outputSize) } : { h }
  }

  /**
   * Goes on from a state that {@link save} gave.
   * @throws {TorchError} for a state of other sizes.
   */
  restore(state: StreamState): void {
    const { numLayers, outputSize, hiddenSize, hasCellState } = this.#sizes
    const check = (name: 'h' | 'c', length: number): Float32Array => {
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
    }
    const parts = [check('h', numLayers * outputSize), ...(hasCellState ? [check('c', numLayers * hiddenSize)] : [])]
    native.setStreamState(this.#handle, Float32Array.from(parts.flatMap((part) => [...part])))
  }

  /** Begins a new sequence: the state becomes zeros. */
  reset(): void {
    const { numLayers, outputSize, hiddenSize, hasCellState } = this.#sizes
    native.setStreamState(this.#handle, new Float32Array(numLayers * (outputSize + (hasCellState ? hiddenSize : 0))))
  }

  /** Another stream over the same weights, which goes on from the same state. */
  fork(): RecurrentStream {
    return new RecurrentStream(native.forkStream(this.#handle), this.#sizes)
  }

  /**
   * Frees the state, and the weights where nothing else has them. A second call does nothing; every other use of the
   * stream throws then.
   */
  dispose(): void {
    native.closeStream(this.#handle)
  }

  [dispose](): void {
    this.dispose()
  }

  /** @internal */
  static stepAll(streams: readonly RecurrentStream[], inputs: Float32Array, outputs?: Float32Array): Float32Array {
    const op = 'stepStreams'
    if (!Array.isArray(streams)) {
      throw torchError('ERR_TORCH_TYPE', `stepStreams: expected an array of streams, got ${describe(streams)}`, { op })
    }
    if (streams.length === 0) throw torchError('ERR_TORCH_VALUE', 'stepStreams: there are no streams to step', { op })
    const wrong = streams.findIndex((stream) => typeof stream !== 'object' || stream === null || !(#handle in stream))
    if (wrong >= 0) {
      throw torchError('ERR_TORCH_TYPE', `stepStreams: expected streams, got ${describe(streams[wrong])} among them`, {
        op,
      })
    }
    const [first] = streams as [RecurrentStream]
    if (new Set(streams).size !== streams.length) {
      throw torchError('ERR_TORCH_VALUE', 'stepStreams: a stream is given twice; it can take one step at a time', {
        op,
      })
    }
    if (!streams.every((stream) => native.sharesWeights(first.#handle, stream.#handle))) {
      throw torchError(
        'ERR_TORCH_VALUE',
        'stepStreams: the streams have different weights; open them from one module, without changing it, or fork one',
        { op },
      )
    }
    const written = outputs ?? new Float32Array(streams.length * first.outputSize)
    native.stepStreams(
      streams.map((stream) => stream.#handle),
      inputs,
      written,
    )
    return written
  }
}

/**
 * One step of several streams over the same weights, which costs less than one step of each: weights are read once.
 *
 * @param inputs (streams, I)
 * @param outputs Where to write the outputs (streams, P or H). Default: a new array.
 * @throws {TorchError} for streams of different weights, and arrays of another type or length.
 */
export function stepStreams(
  streams: readonly RecurrentStream[],
  inputs: Float32Array,
  outputs?: Float32Array,
): Float32Array {
  return RecurrentStream.stepAll(streams, inputs, outputs)
}
