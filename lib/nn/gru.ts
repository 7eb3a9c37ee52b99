import type { Tensor } from '../tensor/tensor.ts'
import { RecurrentModule, type RecurrentOptions, run } from './recurrent.ts'
import type { PackedSequence } from './utils/packed-sequence.ts'

export type GRUOptions = RecurrentOptions

/**
 * The gated recurrent unit, with the gates r and z and the candidate n. ⊙ is the elementwise product:
 *
 *     r(t) = σ(W_ir x(t) + b_ir + W_hr h(t-1) + b_hr)
 *     z(t) = σ(W_iz x(t) + b_iz + W_hz h(t-1) + b_hz)
 *     n(t) = tanh(W_in x(t) + b_in + r(t) ⊙ (W_hn h(t-1) + b_hn))
 *     h(t) = (1 - z(t)) ⊙ n(t) + z(t) ⊙ h(t-1)
 *
 * Parameters of layer k: `weight_ih_lk` (3H, I) with the rows of r, z, n, `weight_hh_lk` (3H, H), `bias_ih_lk` and
 * `bias_hh_lk` (3H); names for the reverse direction end in `_reverse`.
 *
 * @example
 * const gru = new nn.GRU(10, 20, { batchFirst: true })
 * const [output, hN] = gru.forward(torch.randn([3, 5, 10]))
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html
 * @throws {TorchError} if a size is not an integer from 1 to 2^50, or an option is unknown.
 */
export class GRU extends RecurrentModule {
  constructor(inputSize: number, hiddenSize: number, options: GRUOptions = {}, ...none: undefined[]) {
    super('GRU', inputSize, hiddenSize, options, [], none)
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
