import { checkOptions, invalid, requireBoolean } from '../check.ts'
import { torchError } from '../errors.ts'
import { zerosLike } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
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
import { GRU, type GRUOptions } from './gru.ts'
import { equations, RecurrentModule, run } from './recurrent.ts'
import { optionRepr } from './repr.ts'
import type { PackedSequence } from './utils/packed-sequence.ts'

export interface ChungGRUOptions
  extends Omit<GRUOptions, 'backend'>,
    ActivationOptions,
    LayerNormalizationOptions,
    ZoneoutOptions {
  /** If `true`, r scales the product W_hn h(t-1); if `false`, it scales h(t-1) before the product. Default `true`. */
  resetAfter?: boolean
  /** If `true`, a bias is added to W_hn h(t-1) before r scales it, as in PyTorch's GRU. Default `false`. */
  innerBias?: boolean
}

const OWN = ['resetAfter', 'innerBias', 'gateActivation', 'activation', 'layerNorm', 'zoneout'] as const

/**
 * The gated recurrent unit as Chung et al. (2014) define it: the update gate z weighs the new candidate, whereas in
 * PyTorch's {@link GRU} z weighs the old state. The activation functions can be chosen. ⊙ is the elementwise product:
 *
 *     r(t) = σ(W_xr x(t) + W_hr h(t-1) + b_r)
 *     z(t) = σ(W_xz x(t) + W_hz h(t-1) + b_z)
 *     n(t) = tanh(W_xn x(t) + r(t) ⊙ (W_hn h(t-1) + b_hn) + b_n), b_hn only with innerBias
 *     h(t) = (1 - z(t)) ⊙ h(t-1) + z(t) ⊙ n(t)
 *
 * With `resetAfter: false`, n(t) = tanh(W_xn x(t) + W_hn (r(t) ⊙ h(t-1)) + b_n), as in the paper. σ is
 * `gateActivation`, tanh is `activation`.
 *
 * With `layerNorm`, each product of a weight in these equations is normalized over its units: LN(W x) = α ⊙ (W x -
 * mean) / √(variance + 1e-5), together for r and z, and apart for n, as Ba et al. (2016) do. With `zoneout`, units keep
 * h(t-1) at random.
 *
 * Parameters of layer k: `weight_ih_lk` (3H, I) with the rows of r, z, n, `weight_hh_lk` (3H, H), `bias_lk` (3H) and,
 * with innerBias, `bias_hn_lk` (H); with layerNorm, the gains α `weight_ln_ih_lk` and `weight_ln_hh_lk` (3H); names for
 * the reverse direction end in `_reverse`. They are initialized as in GRU, uniformly from ±1/√H, and gains to 1. Each
 * forward is one native call, composed of ATen operations step by step.
 *
 * @example
 * const gru = new nn.ChungGRU(10, 20, { gateActivation: 'hardSigmoid' })
 * const [output, hN] = gru.forward(torch.randn([5, 3, 10]))
 * @see Chung et al., "Empirical evaluation of gated recurrent neural networks on sequence modeling", arXiv:1412.3555
 * @see Ba et al., "Layer normalization", arXiv:1607.06450, for `layerNorm`
 * @throws {TorchError} if a size is not an integer from 1 to 2^50, an option or choice is unknown, or `zoneout` is not
 *   from 0 to 1.
 */
export class ChungGRU extends RecurrentModule {
  /** Whether r scales the product W_hn h(t-1), rather than h(t-1) before the product. */
  readonly resetAfter: boolean
  /** Whether the bias b_hn is added to W_hn h(t-1) before r scales it. */
  readonly innerBias: boolean
  /** The activation function of the gates r and z. */
  readonly gateActivation: GateActivation
  /** The activation function of the candidate n. */
  readonly activation: Activation
  /** Whether products with the weights are normalized. */
  readonly layerNorm: boolean
  /** The probability that a unit keeps its previous h. */
  readonly zoneout: number

  constructor(inputSize: number, hiddenSize: number, options: ChungGRUOptions = {}, ...none: undefined[]) {
    const { resetAfter = true, innerBias = false, layerNorm = false, bias = true } = options ?? {}
    const { gateActivation, activation } = readActivations('ChungGRU', options ?? {})
    const { zoneout } = readZoneout('ChungGRU', options ?? {}, ['zoneout'])
    for (const [name, value] of Object.entries({ resetAfter, innerBias, layerNorm })) {
      requireBoolean('ChungGRU', name, value)
    }
    if (innerBias && !resetAfter) {
      throw torchError('ERR_TORCH_VALUE', 'ChungGRU: innerBias needs resetAfter: without it, the only bias is `bias`')
    }
    if (innerBias && !bias) throw torchError('ERR_TORCH_VALUE', 'ChungGRU: innerBias needs bias')
    super('GRU', inputSize, hiddenSize, options, OWN, none, (inputs) => ({
      weight_ih: [3 * hiddenSize, inputs],
      weight_hh: [3 * hiddenSize, hiddenSize],
      ...(bias ? { bias: [3 * hiddenSize] } : {}),
      ...(innerBias ? { bias_hn: [hiddenSize] } : {}),
      ...(layerNorm ? { weight_ln_ih: [3 * hiddenSize], weight_ln_hh: [3 * hiddenSize] } : {}),
    }))
    this.resetAfter = resetAfter
    this.innerBias = innerBias
    this.gateActivation = gateActivation
    this.activation = activation
    this.layerNorm = layerNorm
    this.zoneout = zoneout
  }

  /**
   * A network that computes the same as PyTorch's GRU, with copies of its weights. The rows of z are negated, and the
   * two biases of r, and those of z, are added up.
   *
   * @param options.innerBias Whether to keep the bias that PyTorch has inside the reset gate (b_hn). Default:
   *   `gru.bias`.
   * @throws {TorchError} with `innerBias: false` if that bias is not zero: no other parameter could replace it.
   */
  static fromGRU(gru: GRU, options: { innerBias?: boolean } = {}, ...none: undefined[]): ChungGRU {
    if (!(gru instanceof GRU)) throw invalid('ChungGRU.fromGRU', 'gru', 'a GRU', gru)
    checkOptions('ChungGRU.fromGRU', options, ['innerBias'], none)
    const { inputSize, hiddenSize, bias } = gru
    const { innerBias = bias } = options
    const network = new ChungGRU(inputSize, hiddenSize, { ...sharedOptions(gru), innerBias })
    copyWeights(gru, network, (source) => {
      const weights = { weight_ih: negateUpdate(source('weight_ih')), weight_hh: negateUpdate(source('weight_hh')) }
      if (!bias) return weights
      const gates = source('bias_hh').narrow(0, 0, 2 * hiddenSize)
      const inner = source('bias_hh').narrow(0, 2 * hiddenSize, hiddenSize)
      if (!innerBias && inner.countNonzero().item() !== 0) {
        throw torchError(
          'ERR_TORCH_VALUE',
          'fromGRU: the bias of this GRU inside the reset gate (b_hn) is not zero, so innerBias: false cannot represent it',
        )
      }
      const sum = source('bias_ih').add(functions.cat([gates, zerosLike(inner)]))
      return { ...weights, bias: negateUpdate(sum), ...(innerBias ? { bias_hn: inner } : {}) }
    })
    return network
  }

  /**
   * A PyTorch GRU that computes the same, with copies of the weights. The second of its biases of r and z is 0.
   *
   * @throws {TorchError} if its activations or the position of the reset gate differ from PyTorch's, or with layerNorm
   *   or zoneout.
   */
  toGRU(): GRU {
    const { inputSize, hiddenSize, bias, innerBias } = this
    const { gateActivation, activation, resetAfter, layerNorm, zoneout } = this
    const difference = optionRepr(
      { gateActivation, activation, resetAfter, layerNorm, zoneout },
      { ...STANDARD, layerNorm: false },
    )
    if (difference !== '') {
      throw torchError('ERR_TORCH_VALUE', `toGRU: PyTorch's GRU cannot have ${difference.slice(2)}`)
    }
    const gru = new GRU(inputSize, hiddenSize, sharedOptions(this))
    copyWeights(this, gru, (source) => {
      const weights = { weight_ih: negateUpdate(source('weight_ih')), weight_hh: negateUpdate(source('weight_hh')) }
      if (!bias) return weights
      const zeros = zerosLike(source('bias'))
      const inner = innerBias ? source('bias_hn') : zeros.narrow(0, 0, hiddenSize)
      const gates = zeros.narrow(0, 0, 2 * hiddenSize)
      return { ...weights, bias_ih: negateUpdate(source('bias')), bias_hh: functions.cat([gates, inner]) }
    })
    return gru
  }

  /** @internal */
  override get [equations](): Equations {
    const { resetAfter, gateActivation, activation, zoneout } = this
    return { ...STANDARD, resetAfter, gateActivation, activation, zoneout, updateIsCandidate: true }
  }

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

  protected override extraRepr(): string {
    const { resetAfter, innerBias, gateActivation, activation, layerNorm, zoneout } = this
    const defaults = { ...STANDARD, innerBias: false, layerNorm: false }
    const options = { resetAfter, innerBias, gateActivation, activation, layerNorm, zoneout }
    return super.extraRepr() + optionRepr(options, defaults)
  }
}

/** The rows of r, z and n, with the rows of z negated: σ(-x) = 1 - σ(x). */
function negateUpdate(rows: Tensor): Tensor {
  const [r, z, n] = rows.chunk(3)
  return functions.cat([r as Tensor, (z as Tensor).neg(), n as Tensor])
}
