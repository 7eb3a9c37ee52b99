import { checkOptions, invalid, requireBoolean, requireChoice } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { copyWeights, sharedOptions } from './convert.ts'
import {
  type Activation,
  type ActivationOptions,
  type Equations,
  type GateActivation,
  readActivations,
  STANDARD,
} from './equations.ts'
import { zeros_ } from './init.ts'
import { LSTM, type LSTMOptions, type LSTMState, pairOf } from './lstm.ts'
import { equations, RecurrentModule, run } from './recurrent.ts'
import { optionRepr } from './repr.ts'
import type { PackedSequence } from './utils/rnn.ts'

/** What the gates see of the cell state: nothing, only their own cell, or all cells. */
export type Peephole = 'none' | 'diagonal' | 'full'

export interface PeepholeLSTMOptions extends Omit<LSTMOptions, 'backend'>, ActivationOptions {
  /** Default `'diagonal'`. */
  peephole?: Peephole
  /** Whether the forget gate also scales the recurrent input W_hg h(t-1) of the candidate. Default `false`. */
  forgetInCandidate?: boolean
}

const OWN = ['projSize', 'peephole', 'forgetInCandidate', 'gateActivation', 'activation'] as const
const DEFAULTS = { ...STANDARD, peephole: 'diagonal' } as const

/**
 * Long short-term memory with peepholes: the gates see the cell state. The activation functions can be chosen. ⊙ is the
 * elementwise product:
 *
 *     i(t) = σ(W_xi x(t) + W_hi h(t-1) + W_ci c(t-1) + b_i)
 *     f(t) = σ(W_xf x(t) + W_hf h(t-1) + W_cf c(t-1) + b_f)
 *     g(t) = tanh(W_xg x(t) + W_hg h(t-1) + b_g), or with forgetInCandidate
 *     g(t) = tanh(W_xg x(t) + (W_hg h(t-1)) ⊙ f(t) + b_g)
 *     c(t) = f(t) ⊙ c(t-1) + i(t) ⊙ g(t)
 *     o(t) = σ(W_xo x(t) + W_ho h(t-1) + W_co c(t) + b_o)
 *     h(t) = o(t) ⊙ tanh(c(t)), times W_hr with projSize
 *
 * σ is `gateActivation`, tanh is `activation`. The peepholes W_ci, W_cf, W_co are vectors w ⊙ c with `'diagonal'` (Gers
 * and Schmidhuber, 2000), matrices with `'full'`, and absent with `'none'`, which is {@link LSTM} with one bias per
 * gate instead of two.
 *
 * Parameters of layer k: `weight_ih_lk` (4H, I) with the rows of i, f, g, o, `weight_hh_lk` (4H, H or projSize),
 * `weight_ch_lk` (3H), or (3H, H) when full, for i, f, o, and `bias_lk` (4H); names for the reverse direction end in
 * `_reverse`. They are initialized as in LSTM, uniformly from ±1/√H. Each forward is one native call, composed of ATen
 * operations step by step.
 *
 * @example
 * const lstm = new nn.PeepholeLSTM(10, 20, { peephole: 'full', forgetInCandidate: true })
 * const [output, [hN, cN]] = lstm.forward(torch.randn([5, 3, 10]))
 * @see Gers and Schmidhuber, "Recurrent nets that time and count", IJCNN 2000, doi:10.1109/IJCNN.2000.861302
 * @throws {TorchError} if a size is not an integer from 1 to 2^50, or an option or choice is unknown.
 */
export class PeepholeLSTM extends RecurrentModule {
  /** Which cells the gates see: `'none'`, only their own (`'diagonal'`), or all (`'full'`). */
  readonly peephole: Peephole
  /** Whether the forget gate also scales the recurrent input W_hg h(t-1) of the candidate. */
  readonly forgetInCandidate: boolean
  /** The activation function of the gates i, f and o. */
  readonly gateActivation: GateActivation
  /** The activation function of the candidate g and of the cell state c. */
  readonly activation: Activation

  constructor(inputSize: number, hiddenSize: number, options: PeepholeLSTMOptions = {}, ...none: undefined[]) {
    const { peephole = 'diagonal', forgetInCandidate = false, bias = true, projSize = 0 } = options ?? {}
    const { gateActivation, activation } = readActivations('PeepholeLSTM', options ?? {})
    requireChoice('PeepholeLSTM', 'peephole', peephole, ['none', 'diagonal', 'full'])
    requireBoolean('PeepholeLSTM', 'forgetInCandidate', forgetInCandidate)
    super('LSTM', inputSize, hiddenSize, options, OWN, none, (inputs, outputs) => ({
      weight_ih: [4 * hiddenSize, inputs],
      weight_hh: [4 * hiddenSize, outputs],
      ...(peephole === 'diagonal' ? { weight_ch: [3 * hiddenSize] } : {}),
      ...(peephole === 'full' ? { weight_ch: [3 * hiddenSize, hiddenSize] } : {}),
      ...(bias ? { bias: [4 * hiddenSize] } : {}),
      ...(projSize > 0 ? { weight_hr: [projSize, hiddenSize] } : {}),
    }))
    this.peephole = peephole
    this.forgetInCandidate = forgetInCandidate
    this.gateActivation = gateActivation
    this.activation = activation
  }

  /**
   * A network that computes the same as an LSTM, with copies of its weights. Each bias is the sum of the LSTM's two.
   *
   * @param options.peephole Peepholes to add. They are initialized to zero, so the outputs are the same until they are
   *   trained. Default `'none'`.
   */
  static fromLSTM(lstm: LSTM, options: { peephole?: Peephole } = {}): PeepholeLSTM {
    if (!(lstm instanceof LSTM)) throw invalid('PeepholeLSTM.fromLSTM', 'lstm', 'an LSTM', lstm)
    const { inputSize, hiddenSize, bias, projSize } = lstm
    checkOptions('PeepholeLSTM.fromLSTM', options, ['peephole'])
    const { peephole = 'none' } = options
    const network = new PeepholeLSTM(inputSize, hiddenSize, { ...sharedOptions(lstm), projSize, peephole })
    copyWeights(lstm, network, (source) => ({
      weight_ih: source('weight_ih'),
      weight_hh: source('weight_hh'),
      ...(bias ? { bias: source('bias_ih').add(source('bias_hh')) } : {}),
      ...(projSize > 0 ? { weight_hr: source('weight_hr') } : {}),
    }))
    for (const [name, weight] of network.namedParameters()) if (name.startsWith('weight_ch')) zeros_(weight)
    return network
  }

  /**
   * An LSTM that computes the same, with copies of the weights. The second of its two biases is zero.
   *
   * @throws {TorchError} if the equations are not those of an LSTM.
   */
  toLSTM(): LSTM {
    const { inputSize, hiddenSize, bias, projSize } = this
    const { gateActivation, activation, peephole, forgetInCandidate } = this
    const difference = optionRepr({ gateActivation, activation, peephole, forgetInCandidate }, STANDARD)
    if (difference !== '') {
      throw torchError('ERR_TORCH_VALUE', `toLSTM: an LSTM cannot have ${difference.slice(2)}`)
    }
    const lstm = new LSTM(inputSize, hiddenSize, { ...sharedOptions(this), projSize })
    copyWeights(this, lstm, (source) => ({
      weight_ih: source('weight_ih'),
      weight_hh: source('weight_hh'),
      ...(bias ? { bias_ih: source('bias'), bias_hh: source('bias').mul(0) } : {}),
      ...(projSize > 0 ? { weight_hr: source('weight_hr') } : {}),
    }))
    return lstm
  }

  /** @internal */
  protected override get [equations](): Equations {
    const { peephole, forgetInCandidate, gateActivation, activation } = this
    return { ...STANDARD, peephole, forgetInCandidate, gateActivation, activation }
  }

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
    const [output, hN, cN] = this[run](input, pairOf('PeepholeLSTM', state))
    return [output, [hN as Tensor, cN as Tensor]]
  }

  protected override extraRepr(): string {
    const { peephole, forgetInCandidate, gateActivation, activation } = this
    return super.extraRepr() + optionRepr({ peephole, forgetInCandidate, gateActivation, activation }, DEFAULTS)
  }
}
