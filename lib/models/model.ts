import { checkOptions, invalid, requireNone, requireSubclass } from '../check.ts'
import type { Scaler } from '../data/scaler/scaler.ts'
import type { SeriesScaler } from '../data/scaler/series-scaler.ts'
import type { Vocabulary } from '../data/vocabulary.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { Calibration } from '../forecast/calibration.ts'
import { Embedding } from '../nn/embedding.ts'
import { type FactoryOptions, factoryOf } from '../nn/factory.ts'
import { dropout } from '../nn/functional/dropout.ts'
import { Linear } from '../nn/linear.ts'
import type { LSTMState } from '../nn/lstm.ts'
import { Module } from '../nn/module.ts'
import type { RecurrentModule } from '../nn/recurrent.ts'
import type { RecurrentStream, StreamOptions } from '../nn/stream.ts'
import { type Lengths, PackedSequence, padPackedSequence } from '../nn/utils/rnn.ts'
import { tidy } from '../tensor/context.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { configOf, type ModelConfig } from './config.ts'
import { type ModelOptions, type OutputMode, readOptions } from './options.ts'
import { packedOf, pooled, repacked, widthOf } from './output.ts'
import { markPlain } from './parts.ts'
import { type JSONObject, type ModelSaveOptions, saveModel, saveModelSync } from './save.ts'
import { streamOf } from './stream.ts'

/** The state of a model's network: h, or [h, c] of an LSTM. */
export type ModelState<Network extends RecurrentModule> = ReturnType<Network['forward']>[1]

export interface ForwardOptions {
  /**
   * The number of steps of each sequence, in any order: N integers from 1 to L. What comes after them is not read.
   * Default: all L.
   */
  lengths?: Lengths | null
  /** The state before the first step, as the network takes it. Default: zeros. */
  state?: Tensor | LSTMState | null
}

/**
 * A recurrent network and a linear head, which turns the network's output into the model's. Before the network there can
 * be an embedding, before the head dropout; see {@link ModelOptions}.
 */
export abstract class RecurrentModel<Network extends RecurrentModule = RecurrentModule> extends Module {
  static {
    markPlain(RecurrentModel)
  }

  readonly inputSize: number
  readonly hiddenSize: number
  readonly outputSize: number
  /** The embedding (numEmbeddings, inputSize) before the network, or `null`. */
  readonly embedding: Embedding | null
  /** What the head sees: the network's output at each step, or one for each sequence. */
  readonly output: OutputMode
  /** The dropout probability before the head, in training. It can be changed at any time. */
  outputDropout: number
  /** The number of steps that each output forecasts, or `null`. */
  readonly horizon: number | null
  /** Whether the head's weight is the embedding's. */
  readonly tieWeights: boolean
  /** Plain data of your own that is saved with the model. Default `{}`. */
  metadata: JSONObject = {}
  /**
   * The scaler of the data that the model was trained on, `train.scaler` of a split; it is saved with the model. Default
   * `null`.
   */
  scaler: SeriesScaler | Scaler | null = null
  /** The errors on held-out data, from `calibrate`, for the intervals of `forecast`; saved with the model. Default `null`. */
  calibration: Calibration | null = null
  /** The vocabulary of the text that the model was trained on; it is saved with the model. Default `null`. */
  vocabulary: Vocabulary | null = null
  /** The recurrent network. */
  abstract readonly network: Network
  /** The head. */
  abstract readonly linear: Linear

  constructor(
    inputSize: number,
    hiddenSize: number,
    outputSize: number,
    options: ModelOptions & FactoryOptions = {},
    ...none: undefined[]
  ) {
    requireSubclass(new.target, RecurrentModel, 'LSTMModel')
    super()
    const { name } = new.target
    requireNone(name, none)
    const { embedding, output, outputDropout, horizon, tieWeights } = readOptions(name, options)
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    this.outputSize = outputSize
    this.output = output
    this.outputDropout = outputDropout
    this.horizon = horizon
    this.tieWeights = tieWeights
    const { numEmbeddings, paddingIdx } = embedding ?? {}
    this.embedding =
      numEmbeddings === undefined
        ? null
        : new Embedding(numEmbeddings, inputSize, { ...factoryOf(options), paddingIdx: paddingIdx ?? null })
  }

  /** Whether input and output are (N, L, …) rather than (L, N, …). */
  get batchFirst(): boolean {
    return this.network.batchFirst
  }

  /**
   * The output of the head.
   *
   * @param input (L, N, inputSize), or (N, L, inputSize) with batchFirst, or (L, inputSize) without a batch; with an
   *   embedding integers, without the last dimension; or a packed sequence of either
   * @returns with output `'sequence'` (L, N, outputSize) in the layout of the input, with zeros after the end of each
   *   sequence; otherwise (N, outputSize); with a horizon (…, horizon, outputSize)
   * @throws {TorchError} if the lengths or the state do not fit the input.
   */
  override forward(input: Tensor | PackedSequence, options: ForwardOptions = {}): Tensor {
    return this.forwardWithState(input, options)[0]
  }

  /**
   * {@link forward}, and the state of the network after the last step of each sequence, from which `{ state }` continues.
   *
   * @returns the output, and h (layers * D, N, P), or [h, c] of an LSTM
   */
  forwardWithState(
    input: Tensor | PackedSequence,
    options: ForwardOptions = {},
  ): [output: Tensor, state: ModelState<Network>] {
    const name = `${this.constructor.name}.forward`
    checkOptions(name, options, ['lengths', 'state'])
    const { lengths = null, state = null } = options
    const { network, embedding, output, batchFirst } = this
    let given = input
    let totalLength: number | null = null
    if (lengths !== null) {
      const dims = embedding === null ? 3 : 2
      const { packed, ...rest } = packedOf(name, input, lengths, { batchFirst, dims })
      given = packed
      totalLength = rest.totalLength
    }
    // No tidy around the parts: it would free what their hooks keep.
    if (embedding !== null) {
      requireTokens(this.constructor.name, given instanceof PackedSequence ? given.data : given)
      given =
        given instanceof PackedSequence ? repacked(given, embedding.forward(given.data)) : embedding.forward(given)
    }
    // The type of the state differs between networks; `initialState` belongs to the same class as `network`.
    const before = (state ?? this.initialState(given)) as null
    const result: unknown = network.forward(given as Tensor, before)
    requireResult(name, network, result)
    const [outputs, after] = result as [Tensor | PackedSequence, ModelState<Network>]
    if (output !== 'sequence') return [headed(this, pooled(output, network, outputs, after)), after]
    if (isTensor(outputs)) return [headed(this, outputs), after]
    if (!(outputs instanceof PackedSequence)) {
      throw invalid(name, "the output of the network's hooks", 'as the network returns it', outputs)
    }
    const packed = repacked(outputs, headed(this, outputs.data))
    return [tidy(() => padPackedSequence(packed, { batchFirst, totalLength })[0]), after]
  }

  /** The state before the first step, in the form the network takes. Default: `null`, which means zeros. */
  protected initialState(_input: Tensor | PackedSequence): Tensor | LSTMState | null {
    return null
  }

  /**
   * Opens a stream of the whole model, embedding and head included: see {@link RecurrentModule.stream}. With output
   * `'sequence'` or `'last'` each step gives the output for that step, with `'mean'` and `'max'` the one for all steps so
   * far.
   *
   * @throws {TorchError} as for the network, and if the model, its embedding or its head is changed by a subclass or by
   *   hooks: a stream does not call `forward`.
   */
  stream(options: StreamOptions = {}): RecurrentStream {
    return streamOf(this, options)
  }

  /**
   * Everything from which the same model can be made again, except the weights: plain JSON.
   *
   * @throws {TorchError} if the network is of a class that is not in this library, or the head was replaced by another.
   */
  get config(): ModelConfig {
    return configOf(this)
  }

  /**
   * Writes the weights, {@link config}, metadata, scaler, calibration and vocabulary into a safetensors file, off the main thread, for
   * `loadModel`. Python's safetensors reads the weights. Tied weights are written once, as Python's `save_model` does.
   * Writing is atomic.
   *
   * @example
   * await model.save('model.safetensors', { scaler: train.scaler })
   * const same = await loadModel('model.safetensors')
   * same.scaler // as before
   * @throws {TorchError} if there is no {@link config}, the metadata is not JSON, the scaler is not fitted, or the file
   *   cannot be written.
   */
  async save(path: string | URL, options: ModelSaveOptions = {}): Promise<void> {
    await saveModel(this, path, options)
  }

  /** Blocking form of {@link save}. */
  saveSync(path: string | URL, options: ModelSaveOptions = {}): void {
    saveModelSync(this, path, options)
  }

  protected override extraRepr(): string {
    const { output, horizon, outputDropout, tieWeights } = this
    return [
      ...(output === 'sequence' ? [] : [`output='${output}'`]),
      ...(horizon === null ? [] : [`horizon=${horizon}`]),
      ...(outputDropout === 0 ? [] : [`output_dropout=${outputDropout}`]),
      ...(tieWeights ? ['tie_weights=True'] : []),
    ].join(', ')
  }
}

/** The output of the model's head. */
function headed({ linear, horizon, outputDropout, training }: RecurrentModel, input: Tensor): Tensor {
  const output = linear.forward(outputDropout > 0 ? dropout(input, { p: outputDropout, training }) : input)
  return horizon === null ? output : output.unflatten(-1, [horizon, -1])
}

/** @internal The head for the output of a model's network. */
export function headOf(model: RecurrentModel, network: RecurrentModule): Linear {
  const { embedding, outputSize, horizon, tieWeights } = model
  const factory = factoryOf(network.allWeights[0]?.[0] ?? {})
  const head = new Linear(widthOf(network), outputSize * (horizon ?? 1), factory)
  if (!tieWeights) return head
  const { name } = model.constructor
  if (embedding === null) throw torchError('ERR_TORCH_VALUE', `${name}: tieWeights needs an embedding`, { op: name })
  const [wanted, found] = [embedding.weight.shape, head.weight.shape].map((shape) => shape.join(', '))
  if (wanted !== found) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${name}: tieWeights needs a head with a weight of the embedding's size (${wanted}), but it has (${found}): the network's output must be as wide as its input, outputSize the number of tokens, and there is no horizon`,
      { op: name },
    )
  }
  head.weight = embedding.weight
  return head
}

/** A subclass or a hook may have put something else in the place of output and state. A tensor would give its rows. */
function requireResult(name: string, network: RecurrentModule, result: unknown): void {
  if (Array.isArray(result) && result.length === 2 && (isTensor(result[0]) || result[0] instanceof PackedSequence))
    return
  throw torchError(
    'ERR_TORCH_TYPE',
    `${name}: the network must return an array of output and state, but forward of ${network.constructor.name}, or a hook on it, returned ${describe(result)}`,
  )
}

/** @throws {TorchError} for numbers of JavaScript, which are float32 unless a dtype is given. */
function requireTokens(name: string, input: Tensor): void {
  // What is no tensor is told by the embedding.
  const dtype = isTensor(input) ? input.dtype : 'int64'
  if (dtype === 'int64' || dtype === 'int32') return
  throw torchError(
    'ERR_TORCH_DTYPE',
    `${name}: with an embedding the input must be integers, int64 or int32, got ${dtype}: make it with torch.tensor(ids, { dtype: 'int64' }), or of a BigInt64Array or Int32Array`,
    { op: name },
  )
}
