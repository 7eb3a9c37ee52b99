import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { RecurrentModule, type RecurrentOptions, run } from './recurrent.ts'
import type { PackedSequence } from './utils/packed-sequence.ts'

export interface LSTMOptions extends RecurrentOptions {
  /** Project h to this size with `weight_hr_lk` (projSize, H). Default 0: no projection. */
  projSize?: number
}

/** The hidden and the cell state. */
export type LSTMState = readonly [h: Tensor, c: Tensor]

/** @internal The state given to `module`, or an empty array. @throws {TorchError} if it is not a pair. */
export function pairOf(module: string, state: LSTMState | null | undefined): LSTMState | [] {
  if (state === undefined || state === null) return []
  if (Array.isArray(state) && state.length === 2) return state as unknown as LSTMState
  throw torchError('ERR_TORCH_TYPE', `${module}: the state must be [h, c], two Tensors, got ${describe(state)}`, {
    op: module,
  })
}

/**
 * Long short-term memory, with the gates i, f and o, the candidate g and the cell state c. ⊙ is the elementwise
 * product:
 *
 *     i(t) = σ(W_ii x(t) + b_ii + W_hi h(t-1) + b_hi)
 *     f(t) = σ(W_if x(t) + b_if + W_hf h(t-1) + b_hf)
 *     g(t) = tanh(W_ig x(t) + b_ig + W_hg h(t-1) + b_hg)
 *     o(t) = σ(W_io x(t) + b_io + W_ho h(t-1) + b_ho)
 *     c(t) = f(t) ⊙ c(t-1) + i(t) ⊙ g(t)
 *     h(t) = o(t) ⊙ tanh(c(t)), times W_hr with projSize
 *
 * Parameters of layer k: `weight_ih_lk` (4H, I) with the rows of i, f, g, o, `weight_hh_lk` (4H, H or projSize),
 * `bias_ih_lk` and `bias_hh_lk` (4H); names for the reverse direction end in `_reverse`.
 *
 * @example
 * const lstm = new nn.LSTM(10, 20, { numLayers: 2, dropout: 0.1 })
 * const [output, [hN, cN]] = lstm.forward(torch.randn([5, 3, 10]))
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
 * @throws {TorchError} if a size is not an integer from 1 to 2^50, or an option is unknown.
 */
export class LSTM extends RecurrentModule {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}, ...none: undefined[]) {
    super('LSTM', inputSize, hiddenSize, options, ['projSize'], none)
  }

  // These two overloads are the same in RNN, LSTM and GRU, so that TypeScript accepts a call on a union of them.
  override forward(input: PackedSequence, state?: null): [output: PackedSequence, state: [hN: Tensor, cN: Tensor]]
  override forward(input: Tensor, state?: null): [output: Tensor, state: [hN: Tensor, cN: Tensor]]
  override forward(
    input: PackedSequence,
    state?: LSTMState | null,
  ): [output: PackedSequence, state: [hN: Tensor, cN: Tensor]]
  /**
   * @param input (L, N, I), or (N, L, I) with batchFirst, or (L, I) without a batch; or a packed sequence
   * @param state h (layers * D, N, P) and c (layers * D, N, H), where D is 2 if bidirectional, else 1, and P is
   *   projSize if set, else H; without N if there is no batch. Default: zeros.
   * @returns the output (L, N, D * P) of the last layer, in the layout of the input, and the state after the last step
   *   of each sequence
   */
  override forward(input: Tensor, state?: LSTMState | null): [output: Tensor, state: [hN: Tensor, cN: Tensor]]
  override forward(
    input: Tensor | PackedSequence,
    state?: LSTMState | null,
  ): [Tensor | PackedSequence, [Tensor, Tensor]] {
    const [output, hN, cN] = this[run](input, pairOf('LSTM', state))
    return [output, [hN as Tensor, cN as Tensor]]
  }
}
