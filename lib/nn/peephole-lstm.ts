import { checkOptions, invalid, requireBoolean, requireChoice } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { copyWeights, sharedOptions } from './convert.ts'
import {
  type Activation,
  type ActivationOptions,
  type Equations,
  type GateActivation,
  type LayerNormalizationOptions,
  readActivations,
  readZoneout,
  STANDARD,
  type ZoneoutOptions,
} from './equations.ts'
import { zeros_ } from './init.ts'
import { LSTM, type LSTMOptions, type LSTMState, pairOf } from './lstm.ts'
import { equations, RecurrentModule, run } from './recurrent.ts'
import { optionRepr } from './repr.ts'
import type { PackedSequence } from './utils/packed-sequence.ts'

/** What the gates see of the cell state: nothing, only their own cell, or all cells. */
export type Peephole = 'none' | 'diagonal' | 'full'

export interface PeepholeLSTMOptions
  extends Omit<LSTMOptions, 'backend'>,
    ActivationOptions,
    LayerNormalizationOptions,
    ZoneoutOptions {
  /** Default `'diagonal'`. */
  peephole?: Peephole
  /** Whether the forget gate also scales the recurrent input W_hg h(t-1) of the candidate. Default `false`. */
  forgetInCandidate?: boolean
  /** The same as `zoneout` for the cell state c. Default 0. */
  cellZoneout?: number
}

const OWN = [
  'projSize',
  'peephole',
  'forgetInCandidate',
  'gateActivation',
  'activation',
  'layerNorm',
  'zoneout',
  'cellZoneout',
] as const
const PLAIN = { ...STANDARD, layerNorm: false } as const

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
 * With `layerNorm`, the products with x and h, each over all four gates, and the cell state are normalized, as Ba et
 * al. (2016) do: LN(v) = α ⊙ (v - mean) / √(variance + 1e-5), a sum W_x x(t) + W_h h(t-1) is then LN(W_x x(t)) + LN(W_h
 * h(t-1)), and h(t) = o(t) ⊙ tanh(LN(c(t)) + β). Peepholes are added as they are. With `zoneout` and `cellZoneout`,
 * units keep h(t-1) and c(t-1) at random; h(t) follows from the c(t) of the equations.
 *
 * Parameters of layer k: `weight_ih_lk` (4H, I) with the rows of i, f, g, o, `weight_hh_lk` (4H, H or projSize),
 * `weight_ch_lk` (3H), or (3H, H) when full, for i, f, o, and `bias_lk` (4H); with layerNorm, the gains α
 * `weight_ln_ih_lk` and `weight_ln_hh_lk` (4H) and `weight_ln_c_lk` (H), and with biases β `bias_ln_c_lk` (H); names
 * for the reverse direction end in `_reverse`. They are initialized as in LSTM, uniformly from ±1/√H, gains to 1 and β
 * to 0. Each forward is one native call, composed of ATen operations step by step.
 *
 * @example
 * const lstm = new nn.PeepholeLSTM(10, 20, { peephole: 'full', forgetInCandidate: true })
 * const [output, [hN, cN]] = lstm.forward(torch.randn([5, 3, 10]))
 * @see Gers and Schmidhuber, "Recurrent nets that time and count", IJCNN 2000, doi:10.1109/IJCNN.2000.861302
 * @see Ba et al., "Layer normalization", arXiv:1607.06450, for `layerNorm`
 * @throws {TorchError} if a size is not an integer from 1 to 2^50, an option or choice is unknown, or a probability is
 *   not from 0 to 1.
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
  /** Whether products with the weights, and the cell state, are normalized. */
  readonly layerNorm: boolean
  /** The probability that a unit keeps its previous h. */
  readonly zoneout: number
  /** The probability that a unit keeps its previous c. */
  readonly cellZoneout: number

  constructor(inputSize: number, hiddenSize: number, options: PeepholeLSTMOptions = {}, ...none: undefined[]) {
    const { peephole = 'diagonal', forgetInCandidate = false, layerNorm = false } = options ?? {}
    const { bias = true, projSize = 0 } = options ?? {}
    const { gateActivation, activation } = readActivations('PeepholeLSTM', options ?? {})
    requireChoice('PeepholeLSTM', 'peephole', peephole, ['none', 'diagonal', 'full'])
    requireBoolean('PeepholeLSTM', 'forgetInCandidate', forgetInCandidate)
    requireBoolean('PeepholeLSTM', 'layerNorm', layerNorm)
    const { zoneout, cellZoneout } = readZoneout('PeepholeLSTM', options ?? {}, ['zoneout', 'cellZoneout'])
    super('LSTM', inputSize, hiddenSize, options, OWN, none, (inputs, outputs) => ({
      weight_ih: [4 * hiddenSize, inputs],
      weight_hh: [4 * hiddenSize, outputs],
      ...(peephole === 'diagonal' ? { weight_ch: [3 * hiddenSize] } : {}),
      ...(peephole === 'full' ? { weight_ch: [3 * hiddenSize, hiddenSize] } : {}),
      ...(bias ? { bias: [4 * hiddenSize] } : {}),
      ...(projSize > 0 ? { weight_hr: [projSize, hiddenSize] } : {}),
      ...(layerNorm
        ? { weight_ln_ih: [4 * hiddenSize], weight_ln_hh: [4 * hiddenSize], weight_ln_c: [hiddenSize] }
        : {}),
      ...(layerNorm && bias ? { bias_ln_c: [hiddenSize] } : {}),
    }))
    this.peephole = peephole
    this.forgetInCandidate = forgetInCandidate
    this.gateActivation = gateActivation
    this.activation = activation
    this.layerNorm = layerNorm
    this.zoneout = zoneout
    this.cellZoneout = cellZoneout
  }

  /**
   * A network that computes the same as an LSTM, with copies of its weights. Each bias is the sum of the LSTM's two.
   *
   * @param options.peephole Peepholes to add. They are initialized to zero, so the outputs are the same until they are
   *   trained. Default `'none'`.
   */
  static fromLSTM(lstm: LSTM, options: { peephole?: Peephole } = {}, ...none: undefined[]): PeepholeLSTM {
    if (!(lstm instanceof LSTM)) throw invalid('PeepholeLSTM.fromLSTM', 'lstm', 'an LSTM', lstm)
    const { inputSize, hiddenSize, bias, projSize } = lstm
    checkOptions('PeepholeLSTM.fromLSTM', options, ['peephole'], none)
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
    const { gateActivation, activation, peephole, forgetInCandidate, layerNorm, zoneout, cellZoneout } = this
    const options = { gateActivation, activation, peephole, forgetInCandidate, layerNorm, zoneout, cellZoneout }
    const difference = optionRepr(options, PLAIN)
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
  override get [equations](): Equations {
    const { peephole, forgetInCandidate, gateActivation, activation, zoneout, cellZoneout } = this
    return { ...STANDARD, peephole, forgetInCandidate, gateActivation, activation, zoneout, cellZoneout }
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
    const { peephole, forgetInCandidate, gateActivation, activation, layerNorm, zoneout, cellZoneout } = this
    const options = { peephole, forgetInCandidate, gateActivation, activation, layerNorm, zoneout, cellZoneout }
    return super.extraRepr() + optionRepr(options, { ...PLAIN, peephole: 'diagonal' })
  }
}
