import { requireChoice } from '../check.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { RecurrentModule, type RecurrentOptions, run } from './recurrent.ts'
import type { PackedSequence } from './utils/packed-sequence.ts'

export interface RNNOptions extends RecurrentOptions {
  /** Default `'tanh'`. */
  nonlinearity?: 'tanh' | 'relu'
}

/**
 * The Elman network h(t) = tanh(W_ih x(t) + b_ih + W_hh h(t-1) + b_hh), or with relu.
 *
 * Parameters of layer k: `weight_ih_lk` (H, I), `weight_hh_lk` (H, H), `bias_ih_lk` and `bias_hh_lk` (H); names for the
 * reverse direction end in `_reverse`. For k > 0, I is the output size of the previous layer.
 *
 * @example
 * const rnn = new nn.RNN(10, 20, { numLayers: 2 })
 * const [output, hN] = rnn.forward(torch.randn([5, 3, 10]))
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html
 * @throws {TorchError} if a size is not an integer from 1 to 2^50, or an option is unknown.
 */
export class RNN extends RecurrentModule {
  /** The activation function of the hidden state. */
  readonly nonlinearity: 'tanh' | 'relu'

  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}, ...none: undefined[]) {
    const nonlinearity = options?.nonlinearity ?? 'tanh'
    requireChoice('RNN', 'nonlinearity', nonlinearity, ['tanh', 'relu'])
    super(nonlinearity === 'relu' ? 'RNN_RELU' : 'RNN_TANH', inputSize, hiddenSize, options, ['nonlinearity'], none)
    this.nonlinearity = nonlinearity
  }

  // These two overloads are the same in RNN, LSTM and GRU, so that TypeScript accepts a call on a union of them.
  override forward(input: PackedSequence, state?: null): [output: PackedSequence, hN: Tensor]
  override forward(input: Tensor, state?: null): [output: Tensor, hN: Tensor]
  override forward(input: PackedSequence, h0?: Tensor | null): [output: PackedSequence, hN: Tensor]
  /**
   * @param input (L, N, I), or (N, L, I) with batchFirst, or (L, I) without a batch; or a packed sequence
   * @param h0 (layers * D, N, H), where D is 2 if bidirectional, else 1; (layers * D, H) without a batch. Default:
   *   zeros.
   * @returns the output (L, N, D * H) of the last layer, in the layout of the input, and h after the last step of each
   *   sequence
   */
  override forward(input: Tensor, h0?: Tensor | null): [output: Tensor, hN: Tensor]
  override forward(input: Tensor | PackedSequence, h0?: Tensor | null): [Tensor | PackedSequence, Tensor] {
    const [output, hN] = this[run](input, h0 === undefined || h0 === null ? [] : [h0])
    return [output, hN as Tensor]
  }
}
