import { requireBoolean, requireChoice, requireInteger, requireSubclass } from '../check.ts'
import { native } from '../tensor/binding.ts'
import { enter } from '../tensor/context.ts'
import { empty } from '../tensor/creation.ts'
import { idsOf, type Tensor, wrap } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import { type FactoryOptions, factoryOf } from './factory.ts'
import { uniform_ } from './init.ts'
import { type LSTMState, pairOf } from './lstm.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { RECURRENCES, type Recurrence } from './recurrence.ts'
import { run } from './recurrent.ts'
import { weightIds } from './weights.ts'

export interface RecurrentCellOptions extends FactoryOptions {
  /** If `false`, no biases are used. Default `true`. */
  bias?: boolean
}

export interface RNNCellOptions extends RecurrentCellOptions {
  /** Default `'tanh'`. */
  nonlinearity?: 'tanh' | 'relu'
}

/** Base of the three cells: parameters with PyTorch's names, initialized uniformly from ±1/√hiddenSize. */
export abstract class RecurrentCell extends Module {
  /** The number of input features, I. */
  readonly inputSize: number
  /** The number of hidden units, H. */
  readonly hiddenSize: number
  /** Whether the cell has biases. */
  readonly bias: boolean
  /** The weights of the input: (H, I) for RNN, (4H, I) for LSTM, (3H, I) for GRU. */
  declare weight_ih: Parameter
  /** The weights of the hidden state: (H, H) for RNN, (4H, H) for LSTM, (3H, H) for GRU. */
  declare weight_hh: Parameter
  /** The bias of the input: (H) for RNN, (4H) for LSTM, (3H) for GRU; `null` if there are no biases. */
  declare bias_ih: Parameter | null
  /** The bias of the hidden state: (H) for RNN, (4H) for LSTM, (3H) for GRU; `null` if there are no biases. */
  declare bias_hh: Parameter | null

  constructor(
    inputSize: number,
    hiddenSize: number,
    options: RecurrentCellOptions,
    gates: number,
    none: readonly unknown[],
    own: string[] = [],
  ) {
    requireSubclass(new.target, RecurrentCell, 'nn.LSTMCell')
    super()
    const name = new.target.name
    checkArguments(name, options, ['bias', 'device', 'dtype', ...own], none)
    const { bias = true } = options
    requireBoolean(name, 'bias', bias)
    requireInteger(name, 'inputSize', inputSize, 0)
    requireInteger(name, 'hiddenSize', hiddenSize, 0)
    const factory = factoryOf(options)
    const create = (...size: number[]): Parameter => new Parameter(empty(size, factory))
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    this.bias = bias
    this.registerParameter('weight_ih', create(gates * hiddenSize, inputSize))
    this.registerParameter('weight_hh', create(gates * hiddenSize, hiddenSize))
    this.registerParameter('bias_ih', bias ? create(gates * hiddenSize) : null)
    this.registerParameter('bias_hh', bias ? create(gates * hiddenSize) : null)
    this.resetParameters()
  }

  /** Reinitializes weights and biases from PyTorch's default distribution. */
  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0
    for (const weight of this.parameters()) uniform_(weight, -bound, bound)
  }

  /** @internal The next state. */
  protected [run](recurrence: Recurrence, input: Tensor, state: readonly Tensor[]): Tensor[] {
    const scope = enter()
    const bias = (name: 'bias_ih' | 'bias_hh'): Uint32Array => weightIds(this, this[name] === null ? [] : [name])
    return native
      .recurrentCell(
        recurrence,
        [this.inputSize, this.hiddenSize],
        idsOf([input]),
        idsOf(state),
        weightIds(this, ['weight_ih', 'weight_hh']),
        bias('bias_ih'),
        bias('bias_hh'),
      )
      .map((id) => wrap(id, scope))
  }

  protected override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.bias ? '' : ', bias=False'}`
  }
}

/**
 * One step of {@link RNN}: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with relu.
 *
 * Parameters: `weight_ih` (H, I), `weight_hh` (H, H), `bias_ih` and `bias_hh` (H).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.RNNCell.html
 * @throws {TorchError} if a size is not an integer of at least 0, or an option is unknown.
 */
export class RNNCell extends RecurrentCell {
  /** The activation function of the hidden state. */
  readonly nonlinearity: 'tanh' | 'relu'

  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}, ...none: undefined[]) {
    super(inputSize, hiddenSize, options, RECURRENCES.RNN_TANH.gates, none, ['nonlinearity'])
    const { nonlinearity = 'tanh' } = options
    requireChoice('RNNCell', 'nonlinearity', nonlinearity, ['tanh', 'relu'])
    this.nonlinearity = nonlinearity
  }

  /**
   * @param input (N, I), or (I) without a batch
   * @param h (N, H), or (H) without a batch. Default: zeros.
   * @returns the next h
   */
  override forward(input: Tensor, h?: Tensor | null): Tensor {
    return this[run](this.nonlinearity === 'relu' ? 'RNN_RELU' : 'RNN_TANH', input, given(h))[0] as Tensor
  }

  protected override extraRepr(): string {
    return `${super.extraRepr()}${this.nonlinearity === 'tanh' ? '' : `, nonlinearity=${this.nonlinearity}`}`
  }
}

/**
 * One step of {@link LSTM}, with the same equations.
 *
 * Parameters: `weight_ih` (4H, I) with the rows of i, f, g, o, `weight_hh` (4H, H), `bias_ih` and `bias_hh` (4H).
 *
 * @example
 * const cell = new nn.LSTMCell(10, 20)
 * let state: nn.LSTMState | undefined
 * for (const x of torch.randn([6, 3, 10]).unbind()) state = cell.forward(x, state)
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html
 * @throws {TorchError} if a size is not an integer of at least 0, or an option is unknown.
 */
export class LSTMCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}, ...none: undefined[]) {
    super(inputSize, hiddenSize, options, RECURRENCES.LSTM.gates, none)
  }

  /**
   * @param input (N, I), or (I) without a batch
   * @param state h and c, each (N, H), or (H) without a batch. Default: zeros.
   * @returns the next h and c
   */
  override forward(input: Tensor, state?: LSTMState | null): [h: Tensor, c: Tensor] {
    const [h, c] = this[run]('LSTM', input, pairOf('LSTMCell', state))
    return [h as Tensor, c as Tensor]
  }
}

/**
 * One step of {@link GRU}, with the same equations.
 *
 * Parameters: `weight_ih` (3H, I) with the rows of r, z, n, `weight_hh` (3H, H), `bias_ih` and `bias_hh` (3H).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.GRUCell.html
 * @throws {TorchError} if a size is not an integer of at least 0, or an option is unknown.
 */
export class GRUCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}, ...none: undefined[]) {
    super(inputSize, hiddenSize, options, RECURRENCES.GRU.gates, none)
  }

  /**
   * @param input (N, I), or (I) without a batch
   * @param h (N, H), or (H) without a batch. Default: zeros.
   * @returns the next h
   */
  override forward(input: Tensor, h?: Tensor | null): Tensor {
    return this[run]('GRU', input, given(h))[0] as Tensor
  }
}

function given(state: Tensor | null | undefined): Tensor[] {
  return state === undefined || state === null ? [] : [state]
}
