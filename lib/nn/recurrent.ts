import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { native } from '../tensor/binding.ts'
import { enter } from '../tensor/context.ts'
import { empty } from '../tensor/creation.ts'
import { idsOf, type Tensor, wrap } from '../tensor/tensor.ts'
import { currentRecorder, type Equations, STANDARD } from './composite.ts'
import { uniform_ } from './init.ts'
import type { FactoryOptions } from './linear.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { PackedSequence } from './utils/rnn.ts'

/** Options that RNN, LSTM and GRU share. */
export interface RecurrentOptions extends FactoryOptions {
  /** Recurrent layers, each fed with the output of the one before. Default 1. */
  numLayers?: number
  /** Whether to learn biases. Default `true`. */
  bias?: boolean
  /** Whether input and output are (N, L, H) rather than (L, N, H); the states are not concerned. Default `false`. */
  batchFirst?: boolean
  /** The probability of dropout after each layer but the last, in training. Default 0. */
  dropout?: number
  /** Whether a second network reads the sequence backwards. Default `false`. */
  bidirectional?: boolean
}

/** The parameters of a layer and direction, in order, by their names without `_l0`. */
export type ParameterSizes = (inputSize: number, outputSize: number) => Record<string, readonly number[]>

export type Recurrence = 'RNN_TANH' | 'RNN_RELU' | 'LSTM' | 'GRU'

const SHARED = ['numLayers', 'bias', 'batchFirst', 'dropout', 'bidirectional', 'device', 'dtype'] as const
const GATES: Record<Recurrence, number> = { RNN_TANH: 1, RNN_RELU: 1, LSTM: 4, GRU: 3 }

function requireSize(name: string, torchName: string, value: unknown): void {
  if (typeof value !== 'number' || Number.isNaN(value) || !Number.isInteger(value)) {
    throw torchError('ERR_TORCH_TYPE', `${torchName} should be of type int, got: ${describe(value)}`, { op: name })
  }
  if (value <= 0) throw torchError('ERR_TORCH_VALUE', `${torchName} must be greater than zero`, { op: name })
}

function requireBoolean(name: string, torchName: string, value: unknown): void {
  if (typeof value !== 'boolean') {
    throw torchError('ERR_TORCH_TYPE', `${torchName} should be of type bool, got: ${describe(value)}`, { op: name })
  }
}

/**
 * What RNN, LSTM and GRU have in common: parameters with PyTorch's names, in its order and with its initialization
 * (uniform from ±1/√hiddenSize), and the call into LibTorch, one for all layers and time steps.
 */
export abstract class RecurrentModule extends Module {
  readonly inputSize: number
  readonly hiddenSize: number
  readonly numLayers: number
  readonly bias: boolean
  readonly batchFirst: boolean
  readonly dropout: number
  readonly bidirectional: boolean
  readonly projSize: number
  // Private, or it would print and count as the module's own.
  readonly #recurrence: Recurrence
  readonly #names: string[] = [];
  /** `weight_ih_l0`, `bias_hh_l1_reverse`, … as in PyTorch. */
  [parameter: `weight_${string}` | `bias_${string}`]: Parameter

  constructor(
    recurrence: Recurrence,
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions & { projSize?: number },
    own: readonly string[],
    sizes?: ParameterSizes,
  ) {
    super()
    const name = new.target.name
    checkOptions(name, options, [...SHARED, ...own])
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false, projSize = 0 } = options
    if (!(typeof dropout === 'number' && dropout >= 0 && dropout <= 1)) {
      throw torchError(
        'ERR_TORCH_VALUE',
        'dropout should be a number in range [0, 1] representing the probability of an element being zeroed',
        { op: name },
      )
    }
    requireBoolean(name, 'bias', bias)
    requireBoolean(name, 'batch_first', batchFirst)
    requireBoolean(name, 'bidirectional', bidirectional)
    requireSize(name, 'input_size', inputSize)
    requireSize(name, 'hidden_size', hiddenSize)
    requireSize(name, 'num_layers', numLayers)
    if (!Number.isInteger(projSize) || projSize < 0) {
      throw torchError('ERR_TORCH_VALUE', 'proj_size should be a positive integer or zero to disable projections', {
        op: name,
      })
    }
    if (projSize >= hiddenSize) {
      throw torchError('ERR_TORCH_VALUE', 'proj_size has to be smaller than hidden_size', { op: name })
    }
    if (dropout > 0 && numLayers === 1) {
      process.emitWarning(
        `dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater than 1, but got dropout=${dropout} and num_layers=${numLayers}`,
      )
    }
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    this.numLayers = numLayers
    this.bias = bias
    this.batchFirst = batchFirst
    this.dropout = dropout
    this.bidirectional = bidirectional
    this.projSize = projSize
    this.#recurrence = recurrence
    this.#createParameters(options, sizes ?? this.#standardSizes)
    this.resetParameters()
  }

  readonly #standardSizes: ParameterSizes = (inputSize, outputSize) => {
    const gates = GATES[this.#recurrence] * this.hiddenSize
    return {
      weight_ih: [gates, inputSize],
      weight_hh: [gates, outputSize],
      ...(this.bias ? { bias_ih: [gates], bias_hh: [gates] } : {}),
      ...(this.projSize > 0 ? { weight_hr: [this.projSize, this.hiddenSize] } : {}),
    }
  }

  #createParameters({ device, dtype }: FactoryOptions, sizes: ParameterSizes): void {
    const factory = { ...(device === undefined ? {} : { device }), ...(dtype === undefined ? {} : { dtype }) }
    const directions = this.bidirectional ? ['', '_reverse'] : ['']
    const outputSize = this.projSize > 0 ? this.projSize : this.hiddenSize
    for (let layer = 0; layer < this.numLayers; layer++) {
      for (const direction of directions) {
        const inputSize = layer === 0 ? this.inputSize : outputSize * directions.length
        for (const [role, size] of Object.entries(sizes(inputSize, outputSize))) {
          const name = `${role}_l${layer}${direction}`
          this[name as `weight_${string}`] = new Parameter(empty(size, factory))
          this.#names.push(name)
        }
      }
    }
  }

  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize)
    for (const weight of this.parameters()) uniform_(weight, -bound, bound)
  }

  /** The weights of each layer and direction, in PyTorch's order. */
  get allWeights(): Parameter[][] {
    const count = this.#names.length / (this.numLayers * (this.bidirectional ? 2 : 1))
    const weights = this.#names.map((name) => this[name as `weight_${string}`] as Parameter)
    return Array.from({ length: weights.length / count }, (_, i) => weights.slice(i * count, (i + 1) * count))
  }

  abstract override forward(
    input: PackedSequence,
    state?: null,
  ): [output: PackedSequence, state: Tensor | [hN: Tensor, cN: Tensor]]
  /** What RNN, LSTM and GRU have in common: the state begins with zeros. */
  abstract override forward(input: Tensor, state?: null): [output: Tensor, state: Tensor | [hN: Tensor, cN: Tensor]]

  /** @internal The equations of a network, where they are not PyTorch's. */
  protected get equations(): Equations | undefined {
    return undefined
  }

  /** @internal Output, in the form of the input, and final states. */
  protected run(input: Tensor | PackedSequence, state: readonly Tensor[]): [Tensor | PackedSequence, ...Tensor[]] {
    const recurrence = this.#recurrence
    const packed = input instanceof PackedSequence
    const packing = packed ? input.packing : []
    const scope = enter()
    const weights = this.#names.map((name) => this[name as `weight_${string}`] as Parameter)
    const tensors = [idsOf([packed ? input.data : input]), idsOf(state), idsOf(weights), idsOf(packing)] as const
    const recorder = currentRecorder()
    const equations =
      this.equations ?? (recorder && (recurrence === 'RNN_RELU' ? { ...STANDARD, activation: 'relu' } : STANDARD))
    const ids =
      equations === undefined
        ? native.recurrent(recurrence, this, ...tensors)
        : native.composite(recurrence, this, equations, this.#roles, ...tensors, recorder?.what ?? 'nothing')
    const [output, ...rest] = ids as [number, ...number[]]
    const finals = rest.splice(0, recurrence === 'LSTM' ? 2 : 1).map((id) => wrap(id, scope))
    const form = rest.splice(0, packing.length)
    recorder?.add(
      this,
      recurrence,
      rest.map((id) => wrap(id, scope)),
      packed ? input : null,
    )
    return [packed ? PackedSequence.of([output, ...form], scope) : wrap(output, scope), ...finals]
  }

  /** The names of a layer's parameters without `_l0`. */
  get #roles(): string[] {
    return this.#names.filter((name) => name.endsWith('_l0')).map((name) => name.slice(0, -'_l0'.length))
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
