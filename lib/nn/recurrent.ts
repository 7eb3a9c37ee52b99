import {
  checkOptions,
  invalid,
  requireBoolean,
  requireChoice,
  requireInteger,
  requireNone,
  requireProbability,
  requireSubclass,
} from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { RecurrentHandle, StreamedModel } from '../native/addon.ts'
import { native } from '../tensor/binding.ts'
import { enter } from '../tensor/context.ts'
import { empty } from '../tensor/creation.ts'
import { idsOf, isTensor, type Tensor, wrap } from '../tensor/tensor.ts'
import { COPIED } from './clone.ts'
import { type Equations, STANDARD } from './equations.ts'
import { type FactoryOptions, factoryOf } from './factory.ts'
import { ones_, uniform_, zeros_ } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { RECURRENCES, type Recurrence } from './recurrence.ts'
import { type RecurrentStream, type StreamOptions, streamOf } from './stream.ts'
import { currentTracer } from './tracer.ts'
import { PackedSequence, packedOf, packingOf } from './utils/packed-sequence.ts'
import { weightIds } from './weights.ts'

/** @internal The keys of what only the networks of this library have. */
export const equations = Symbol('equations')
/** @internal */
export const run = Symbol('run')

/** Options that RNN, LSTM and GRU share. */
export interface RecurrentOptions extends FactoryOptions {
  /** The number of stacked layers, at most 10,000. Default 1. */
  numLayers?: number
  /** If `false`, no biases are used. Default `true`. */
  bias?: boolean
  /** If `true`, input and output are (N, L, H) rather than (L, N, H). The states are not affected. Default `false`. */
  batchFirst?: boolean
  /** The dropout probability after each layer except the last, in training. Default 0. */
  dropout?: number
  /** If `true`, a second network reads the sequence backwards. Default `false`. */
  bidirectional?: boolean
  /**
   * `'auto'` uses this library's fused kernels if they apply, else LibTorch. `'libtorch'` always uses LibTorch.
   * {@link RecurrentModule.explainBackend} reports the choice. Default `'auto'`.
   */
  backend?: RecurrentBackend
}

/** The parameter sizes of a layer and direction, in order, by their names without `_l0`. */
export type ParameterSizes = (inputSize: number, outputSize: number) => Record<string, readonly number[]>

export type RecurrentBackend = 'auto' | 'libtorch'

/** @internal The names of {@link RecurrentOptions}. */
export const SHARED_OPTIONS = [
  'numLayers',
  'bias',
  'batchFirst',
  'dropout',
  'bidirectional',
  'backend',
  'device',
  'dtype',
] as const
const MOST_LAYERS = 10_000
// No memory could hold more units or inputs, and products with these are still integers that JavaScript can represent.
const MOST_UNITS = 2 ** 50

/** What a network keeps to itself. Not in private fields, which a clone would lack. */
interface Inside {
  readonly recurrence: Recurrence
  /** Of the parameters. */
  readonly names: readonly string[]
  readonly sizes: NamedSizes
  /** Of the options that the class has, other than device and dtype. */
  readonly options: readonly string[]
  readonly handle: RecurrentHandle
}

const insides = new WeakMap<RecurrentModule, Inside>()

function insideOf(module: RecurrentModule): Inside {
  return insides.get(module) as Inside
}

/**
 * Base of RNN, LSTM and GRU: parameters with PyTorch's names, order and initialization (uniform from ±1/√hiddenSize),
 * and a single native call for all layers and time steps.
 */
export abstract class RecurrentModule extends Module {
  /** The number of input features at each step, I. */
  readonly inputSize: number
  /** The number of hidden units per layer and direction, H. */
  readonly hiddenSize: number
  /** The number of stacked layers. */
  readonly numLayers: number
  /** Whether the layers have biases. */
  readonly bias: boolean
  /** Whether the batch is the first dimension of input and output: (N, L, H) rather than (L, N, H). */
  readonly batchFirst: boolean
  /**
   * The dropout probability after each layer except the last, in training. It can be changed at any time, with effect
   * from the next call.
   */
  dropout: number
  /** Whether a second network reads the sequence backwards. */
  readonly bidirectional: boolean
  /** The size to which an LSTM projects h, or 0 for no projection. */
  readonly projSize: number
  /** The option {@link RecurrentOptions.backend}. */
  readonly backend: RecurrentBackend;

  /** `weight_ih_l0`, `bias_hh_l1_reverse`, … as in PyTorch. */
  [parameter: `weight_${string}` | `bias_${string}`]: Parameter

  constructor(
    recurrence: Recurrence,
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions & { projSize?: number },
    own: readonly string[],
    none: readonly unknown[],
    sizes?: ParameterSizes,
  ) {
    requireSubclass(new.target, RecurrentModule, 'nn.LSTM')
    super()
    const name = new.target.name
    if (recurrence !== 'LSTM' && typeof options === 'object' && options !== null && 'projSize' in options) {
      throw torchError('ERR_TORCH_OPTION', `${name}: projSize is an option of LSTM only`, {
        op: name,
      })
    }
    // Equations that are not PyTorch's have only one implementation, so there is no `backend` to choose.
    const known = [...SHARED_OPTIONS.filter((key) => key !== 'backend' || sizes === undefined), ...own]
    checkOptions(name, options, known)
    requireNone(name, none)
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false, projSize = 0 } = options
    const { backend = 'auto' } = options
    requireProbability(name, 'dropout', dropout)
    requireBoolean(name, 'bias', bias)
    requireBoolean(name, 'batchFirst', batchFirst)
    requireBoolean(name, 'bidirectional', bidirectional)
    requireInteger(name, 'inputSize', inputSize, 1, MOST_UNITS)
    requireInteger(name, 'hiddenSize', hiddenSize, 1, MOST_UNITS)
    requireInteger(name, 'numLayers', numLayers, 1, MOST_LAYERS)
    requireChoice(name, 'backend', backend, ['auto', 'libtorch'])
    requireInteger(name, 'projSize', projSize, 0)
    if (projSize >= hiddenSize) {
      throw invalid(name, 'projSize', `smaller than hiddenSize (${hiddenSize})`, projSize, 'ERR_TORCH_VALUE')
    }
    if (dropout > 0 && numLayers === 1) {
      process.emitWarning(`${name}: dropout acts between layers, so it does nothing with numLayers 1, got ${dropout}`)
    }
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    this.numLayers = numLayers
    this.bias = bias
    this.batchFirst = batchFirst
    this.dropout = dropout
    this.bidirectional = bidirectional
    this.projSize = projSize
    this.backend = backend
    const parameters = parameterSizes(this, sizes ?? standardSizes(this, recurrence))
    const factory = factoryOf(options)
    for (const [name, size] of parameters) this.registerParameter(name, new Parameter(empty(size, factory)))
    insides.set(this, {
      recurrence,
      names: parameters.map(([name]) => name),
      sizes: parameters,
      options: known.filter((key) => key !== 'device' && key !== 'dtype'),
      handle: handleOf(this, recurrence, parameters),
    })
    this.flattenParameters()
    this.resetParameters()
  }

  /**
   * Reinitializes weights and biases from PyTorch's default distribution; those of a layer normalization to 1 and 0.
   */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize)
    for (const [name, parameter] of this.namedParameters()) {
      if (name.startsWith('weight_ln_')) ones_(parameter)
      else if (name.startsWith('bias_ln_')) zeros_(parameter)
      else uniform_(parameter, -bound, bound)
    }
  }

  /** The weights of each layer and direction, in PyTorch's order. */
  get allWeights(): Parameter[][] {
    const { names } = insideOf(this)
    const count = names.length / (this.numLayers * (this.bidirectional ? 2 : 1))
    const weights = names.map((name) => this[name as `weight_${string}`] as Parameter)
    return Array.from({ length: weights.length / count }, (_, i) => weights.slice(i * count, (i + 1) * count))
  }

  /**
   * Moves the parameters into one contiguous block of memory, which spares cuDNN a copy at every call. Does nothing on
   * the CPU, or if a weight is computed rather than a parameter. The constructor, `to` and loading call it; call it
   * yourself only after replacing the memory of parameters in another way.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html#torch.nn.RNN.flatten_parameters
   */
  flattenParameters(): void {
    if (this[equations] !== undefined) return
    const { names, handle } = insideOf(this)
    // Not read as properties, which would compute those that are parametrized.
    const weights: unknown[] = names.map((name) =>
      Object.hasOwn(this, name) ? this[name as `weight_${string}`] : undefined,
    )
    const areParameters = (values: unknown[]): values is Parameter[] =>
      values.every((weight) => weight instanceof Parameter && !weight.disposed)
    if (areParameters(weights)) native.flattenParameters(handle, idsOf(weights))
  }

  protected override onReplaced(): void {
    this.flattenParameters()
  }

  /** @internal */
  protected override [COPIED](source: this): void {
    const inside = insideOf(source)
    // The native module keeps the packed weights, which are the clone's own.
    insides.set(this, { ...inside, handle: handleOf(this, inside.recurrence, inside.sizes) })
    this.flattenParameters()
  }

  abstract override forward(
    input: PackedSequence,
    state?: null,
  ): [output: PackedSequence, state: Tensor | [hN: Tensor, cN: Tensor]]
  /** The signature that RNN, LSTM and GRU share: the initial state is zeros. */
  abstract override forward(input: Tensor, state?: null): [output: Tensor, state: Tensor | [hN: Tensor, cN: Tensor]]

  /** @internal The equations of the network, if they are not PyTorch's. */
  get [equations](): Equations | undefined {
    return undefined
  }

  /** @internal The output, in the layout of the input, and the final states. */
  protected [run](input: Tensor | PackedSequence, state: readonly Tensor[]): [Tensor | PackedSequence, ...Tensor[]] {
    const scope = enter()
    const tracer = currentTracer()
    const { recurrence, names } = insideOf(this)
    const call = argumentsOf(this, input, state)
    const own = this[equations]
    const [output, ...rest] = (
      own === undefined && tracer === undefined
        ? native.recurrent(...call)
        : native.composite(
            ...call,
            own ?? { ...STANDARD, activation: RECURRENCES[recurrence].activation },
            rolesOf(names),
            tracer?.kind ?? 'nothing',
          )
    ) as [number, ...number[]]
    const finals = rest.splice(0, RECURRENCES[recurrence].states.length).map((id) => wrap(id, scope))
    const packed = input instanceof PackedSequence ? input : null
    const packing = rest.splice(0, packed === null ? 0 : packingOf(packed).length)
    tracer?.add(
      this,
      recurrence,
      rest.map((id) => wrap(id, scope)),
      packed,
    )
    return [packed ? packedOf([output, ...packing], scope) : wrap(output, scope), ...finals]
  }

  /**
   * Opens a stream, which takes a sequence step by step. Streams of one module share its packed weights as long as
   * these do not change.
   *
   * @throws {TorchError} if the network is bidirectional (it needs the whole sequence), if its equations are not
   *   PyTorch's, or if a weight is not on the CPU, not floating-point, disposed, or not of the shape that the module's
   *   sizes require.
   */
  stream(options: StreamOptions = {}): RecurrentStream {
    return openStream(this, this.constructor.name, options, null)
  }

  /**
   * Tells which implementation `forward` would use for an input, and why: this library's fused CPU kernels, or
   * LibTorch's.
   *
   * The reason also says if a weight can change undetected (because it was made in `inferenceMode`, or is viewed by
   * `toTypedArray({ copy: false })`), so that each call has to read its memory to check.
   *
   * @example lstm.explainBackend(x) // { backend: 'libtorch', reason: 'the tensors are neither float32 nor bfloat16' }
   * @throws {TorchError} if `forward` would throw for the shape or dtype of the input.
   */
  explainBackend(input: Tensor | PackedSequence): { backend: 'fused' | 'libtorch'; reason: string } {
    if (this[equations] !== undefined) return { backend: 'libtorch', reason: 'its equations are not those of PyTorch' }
    enter()
    const [reason, compared] = native.explainRecurrent(...argumentsOf(this, input, []))
    if (reason !== '') return { backend: 'libtorch', reason }
    const fused = `float32 or bfloat16 on the CPU, with ${native.instructionSet()} instructions`
    if (compared === null) return { backend: 'fused', reason: fused }
    return {
      backend: 'fused',
      reason: `${fused}; ${compared} can change undetected, since it was made in inferenceMode or is viewed by toTypedArray({ copy: false }): each call reads its memory to check`,
    }
  }

  protected override extraRepr(): string {
    const python = (value: boolean): string => (value ? 'True' : 'False')
    return [
      `${this.inputSize}, ${this.hiddenSize}`,
      ...(this.projSize === 0 ? [] : [`proj_size=${this.projSize}`]),
      ...(this.numLayers === 1 ? [] : [`num_layers=${this.numLayers}`]),
      ...(this.bias ? [] : [`bias=${python(this.bias)}`]),
      ...(this.batchFirst ? [`batch_first=${python(this.batchFirst)}`] : []),
      ...(this.dropout === 0 ? [] : [`dropout=${this.dropout}`]),
      ...(this.bidirectional ? [`bidirectional=${python(this.bidirectional)}`] : []),
    ].join(', ')
  }
}

/** @internal A linear head on a network's output. */
export interface Head {
  /** The weight, and the bias if there is one. */
  readonly parameters: readonly Tensor[]
  /** Whether it reads the last state of the top layer instead of the output of each step. */
  readonly last: boolean
  /** The probability of dropout before it, in this call. */
  readonly dropout: number
}

/**
 * @internal The output of a linear head on the network, of which only `backward` can follow, once: it adds gradients to
 * those of the parameters. One native call, which builds no graph if the fused kernels apply. Returns `undefined` if the
 * equations are not PyTorch's, or the network is being traced.
 *
 * @returns for a packed sequence its rows, or with `last` one row per sequence, in the order before sorting
 */
export function modelOutput(network: RecurrentModule, input: Tensor | PackedSequence, head: Head): Tensor | undefined {
  if (!isStandard(network)) return undefined
  const scope = enter()
  return wrap(native.modelOutput(...modelArguments(network, input, head)), scope)
}

/**
 * @internal The mean squared error of {@link modelOutput}, with its gradients added to those of the parameters. `strict`:
 * a target that would be broadcast is an error instead of a warning.
 */
export function mseGradients(
  network: RecurrentModule,
  input: Tensor,
  head: Head,
  target: Tensor,
  strict: boolean,
): Tensor | undefined {
  if (!isStandard(network)) return undefined
  const scope = enter()
  return wrap(native.mseGradients(...modelArguments(network, input, head), idsOf([target]), strict), scope)
}

function isStandard(network: RecurrentModule): boolean {
  return network[equations] === undefined && currentTracer() === undefined
}

/** @internal A stream of the network, or of the model `name` around it. */
export function openStream(
  network: RecurrentModule,
  name: string,
  options: StreamOptions,
  model: StreamedModel | null,
): RecurrentStream {
  checkOptions(`${name}.stream`, options, ['dtype'])
  const { dtype = 'float32' } = options
  requireChoice(`${name}.stream`, 'dtype', dtype, ['float32', 'bfloat16'])
  if (network.bidirectional) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${name}.stream: a bidirectional network needs the whole sequence: use forward`,
      { op: `${name}.stream` },
    )
  }
  if (network[equations] !== undefined) {
    throw torchError(
      'ERR_TORCH_NOT_IMPLEMENTED',
      `${name}.stream: streams support only PyTorch's equations: call forward with one step and the previous state`,
    )
  }
  const { inputSize, hiddenSize, numLayers, projSize } = network
  const { recurrence, names, handle } = insideOf(network)
  const width = projSize || hiddenSize
  const hasCellState = (RECURRENCES[recurrence].states as readonly string[]).includes('c')
  const stream = native.openStream(handle, weightIds(network, names), dtype === 'bfloat16', model)
  return streamOf(stream, {
    inputSize: model !== null && model.embedding.length > 0 ? 1 : inputSize,
    outputSize: model?.outputSize ?? width,
    state: {
      h: numLayers * width,
      ...(hasCellState ? { c: numLayers * hiddenSize } : {}),
      ...(model !== null && model.pooling > 0 ? { pool: width + 1 } : {}),
    },
  })
}

/** @internal What native code needs of a network to compute it without a call of `forward`. */
export function nativeNetwork(network: RecurrentModule): { handle: RecurrentHandle; weights: Uint32Array } {
  const { names, handle } = insideOf(network)
  return { handle, weights: weightIds(network, names) }
}

/** @internal The options from which the constructor makes the same network again, device and dtype apart. */
export function settingsOf(network: RecurrentModule): Record<string, unknown> {
  return Object.fromEntries(insideOf(network).options.map((key) => [key, network[key as keyof RecurrentModule]]))
}

/** PyTorch's parameters of a layer and direction. */
function standardSizes(module: RecurrentModule, recurrence: Recurrence): ParameterSizes {
  const { hiddenSize, bias, projSize } = module
  const gates = RECURRENCES[recurrence].gates * hiddenSize
  return (inputSize, outputSize) => ({
    weight_ih: [gates, inputSize],
    weight_hh: [gates, outputSize],
    ...(bias ? { bias_ih: [gates], bias_hh: [gates] } : {}),
    ...(projSize > 0 ? { weight_hr: [projSize, hiddenSize] } : {}),
  })
}

type NamedSizes = (readonly [name: string, size: readonly number[]])[]

/** The parameters of all layers and directions. */
function parameterSizes(module: RecurrentModule, sizes: ParameterSizes): NamedSizes {
  const parameters: NamedSizes = []
  const directions = module.bidirectional ? ['', '_reverse'] : ['']
  const outputSize = module.projSize > 0 ? module.projSize : module.hiddenSize
  for (let layer = 0; layer < module.numLayers; layer++) {
    for (const direction of directions) {
      const inputSize = layer === 0 ? module.inputSize : outputSize * directions.length
      for (const [role, size] of Object.entries(sizes(inputSize, outputSize))) {
        parameters.push([`${role}_l${layer}${direction}`, size])
      }
    }
  }
  return parameters
}

function handleOf(module: RecurrentModule, recurrence: Recurrence, parameters: NamedSizes): RecurrentHandle {
  const { inputSize, hiddenSize, numLayers, projSize, bias, batchFirst, bidirectional, backend } = module
  const { name } = module.constructor
  return native.recurrentModule(
    recurrence,
    { name, inputSize, hiddenSize, numLayers, projSize, bias, batchFirst, bidirectional, backend },
    parameters,
  )
}

function argumentsOf(
  module: RecurrentModule,
  input: Tensor | PackedSequence,
  state: readonly Tensor[],
): Parameters<typeof native.recurrent> {
  const { names, handle } = insideOf(module)
  const packed = input instanceof PackedSequence
  const wrong = state.find((one) => !isTensor(one))
  if (wrong !== undefined) {
    const wanted = state.length === 2 ? '[h, c], two Tensors' : 'a Tensor'
    const { name } = module.constructor
    throw torchError('ERR_TORCH_TYPE', `${name}: the state must be ${wanted}, got ${describe(wrong)}`, { op: name })
  }
  return [
    handle,
    module.dropout,
    module.training,
    idsOf([packed ? input.data : input]),
    idsOf(state),
    weightIds(module, names),
    idsOf(packed ? packingOf(input) : []),
  ]
}

function modelArguments(
  network: RecurrentModule,
  input: Tensor | PackedSequence,
  { parameters, last, dropout }: Head,
): Parameters<typeof native.modelOutput> {
  return [...argumentsOf(network, input, []), idsOf(parameters), last, dropout]
}

/**
 * @internal The names of networks by those that native code gives them in errors: of classes with equations of their own,
 * if the model has no other network of that name.
 */
export function ownNames(model: Module): Map<string, string> {
  const found = new Map<string, Set<string>>()
  for (const module of model.modules()) {
    if (!(module instanceof RecurrentModule)) continue
    const { family: name } = RECURRENCES[insideOf(module).recurrence]
    const names = found.get(name) ?? new Set<string>()
    names.add(module[equations] === undefined ? name : module.constructor.name)
    found.set(name, names)
  }
  return new Map(
    [...found].flatMap(([name, [own, ...others]]) => (own === undefined || others.length > 0 ? [] : [[name, own]])),
  )
}

/** The names of a layer's parameters, without `_l0`. */
function rolesOf(names: readonly string[]): string[] {
  return names.filter((name) => name.endsWith('_l0')).map((name) => name.slice(0, -'_l0'.length))
}
