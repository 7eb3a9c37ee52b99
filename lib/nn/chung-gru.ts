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
  readActivations,
  STANDARD,
} from './equations.ts'
import { GRU, type GRUOptions } from './gru.ts'
import { RecurrentModule } from './recurrent.ts'
import { optionRepr } from './repr.ts'
import type { PackedSequence } from './utils/rnn.ts'

export interface ChungGRUOptions extends Omit<GRUOptions, 'backend'>, ActivationOptions {
  /** Whether r scales W_hn h(t-1), after the product, rather than h(t-1) before it. Default `true`. */
  resetAfter?: boolean
  /** Whether a bias is added to W_hn h(t-1) before r scales it, as PyTorch's GRU does. Default `false`. */
  innerBias?: boolean
}

const OWN = ['resetAfter', 'innerBias', 'gateActivation', 'activation'] as const

/**
 * The gated recurrent unit whose update gate z says how much is new, as Chung et al. (2014) write it; in PyTorch's
 * {@link GRU} z says how much stays. Its functions can be chosen. With ⊙ element by element:
 *
 *     r(t) = σ(W_xr x(t) + W_hr h(t-1) + b_r)
 *     z(t) = σ(W_xz x(t) + W_hz h(t-1) + b_z)
 *     n(t) = tanh(W_xn x(t) + r(t) ⊙ (W_hn h(t-1) + b_hn) + b_n), with b_hn only where innerBias is set
 *     h(t) = (1 - z(t)) ⊙ h(t-1) + z(t) ⊙ n(t)
 *
 * and n(t) = tanh(W_xn x(t) + W_hn (r(t) ⊙ h(t-1)) + b_n), the paper's own, with `resetAfter: false`. σ is
 * `gateActivation`, tanh is `activation`.
 *
 * Parameters of layer k: `weight_ih_lk` (3H, I) with the rows of r, z, n, `weight_hh_lk` (3H, H), `bias_lk` (3H) and,
 * with innerBias, `bias_hn_lk` (H); those of the second direction end in `_reverse`. They start as in GRU, uniform from
 * ±1/√H. Each forward is one native call, by steps of ATen operations.
 *
 * @example
 * const gru = new nn.ChungGRU(10, 20, { gateActivation: 'hardSigmoid' })
 * const [output, hN] = gru.forward(torch.randn([5, 3, 10]))
 * @see Chung et al., "Empirical evaluation of gated recurrent neural networks on sequence modeling", arXiv:1412.3555
 * @throws {TorchError} for sizes that are no integers from 1 to 2^50, and for unknown options or choices.
 */
export class ChungGRU extends RecurrentModule {
  readonly resetAfter: boolean
  readonly innerBias: boolean
  readonly gateActivation: GateActivation
  readonly activation: Activation

  constructor(inputSize: number, hiddenSize: number, options: ChungGRUOptions = {}) {
    const { resetAfter = true, innerBias = false, bias = true } = options ?? {}
    const { gateActivation, activation } = readActivations('ChungGRU', options ?? {})
    for (const [name, value] of Object.entries({ resetAfter, innerBias })) requireBoolean('ChungGRU', name, value)
    if (innerBias && !resetAfter) {
      throw torchError('ERR_TORCH_VALUE', 'ChungGRU: innerBias needs resetAfter: without it, bias is all that there is')
    }
    if (innerBias && !bias) throw torchError('ERR_TORCH_VALUE', 'ChungGRU: innerBias needs bias')
    super('GRU', inputSize, hiddenSize, options, OWN, (inputs) => ({
      weight_ih: [3 * hiddenSize, inputs],
      weight_hh: [3 * hiddenSize, hiddenSize],
      ...(bias ? { bias: [3 * hiddenSize] } : {}),
      ...(innerBias ? { bias_hn: [hiddenSize] } : {}),
    }))
    this.resetAfter = resetAfter
    this.innerBias = innerBias
    this.gateActivation = gateActivation
    this.activation = activation
  }

  /**
   * The network that computes what PyTorch's GRU computes, with copies of its weights: the rows of z change their sign,
   * and the two biases of r and of z become one each.
   *
   * @param options.innerBias Whether to keep the bias that PyTorch has within the reset gate. Default: as `gru.bias`.
   * @throws {TorchError} with `innerBias: false` where that bias is not zero: nothing else could replace it.
   */
  static fromGRU(gru: GRU, options: { innerBias?: boolean } = {}): ChungGRU {
    if (!(gru instanceof GRU)) throw invalid('ChungGRU.fromGRU', 'gru', 'a GRU', gru)
    checkOptions('ChungGRU.fromGRU', options, ['innerBias'])
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
          'fromGRU: the bias of this GRU within the reset gate (b_hn) is not zero, which innerBias: false has no place for',
        )
      }
      const sum = source('bias_ih').add(functions.cat([gates, zerosLike(inner)]))
      return { ...weights, bias: negateUpdate(sum), ...(innerBias ? { bias_hn: inner } : {}) }
    })
    return network
  }

  /**
   * PyTorch's GRU that computes the same, with copies of the weights; of its two biases of r and of z, the second is 0.
   *
   * @throws {TorchError} when its functions, or where the reset gate stands, are not those of PyTorch.
   */
  toGRU(): GRU {
    const { inputSize, hiddenSize, bias, innerBias, gateActivation, activation, resetAfter } = this
    const difference = optionRepr({ gateActivation, activation, resetAfter }, STANDARD)
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
  protected override get equations(): Equations {
    const { resetAfter, gateActivation, activation } = this
    return { ...STANDARD, resetAfter, gateActivation, activation, updateIsCandidate: true }
  }

  override forward(input: PackedSequence, h0?: Tensor | null): [output: PackedSequence, hN: Tensor]
  /**
   * @param input (L, N, I), or (N, L, I) with batchFirst, or (L, I) without a batch; or a packed sequence
   * @param h0 (layers * D, N, H), D being 2 if bidirectional, else 1; (layers * D, H) without a batch. Default: zeros.
   * @returns the output (L, N, D * H) of the last layer, in the form of the input, and h after the last step of each
   *   sequence
   */
  override forward(input: Tensor, h0?: Tensor | null): [output: Tensor, hN: Tensor]
  override forward(input: Tensor | PackedSequence, h0?: Tensor | null): [Tensor | PackedSequence, Tensor] {
    const [output, hN] = this.run(input, h0 === undefined || h0 === null ? [] : [h0])
    return [output, hN as Tensor]
  }

  protected override extraRepr(): string {
    const { resetAfter, innerBias, gateActivation, activation } = this
    const defaults = { ...STANDARD, innerBias: false }
    return super.extraRepr() + optionRepr({ resetAfter, innerBias, gateActivation, activation }, defaults)
  }
}

/** The rows of r, z, n with those of z negated: σ(-x) = 1 - σ(x). */
function negateUpdate(rows: Tensor): Tensor {
  const [r, z, n] = rows.chunk(3)
  return functions.cat([r as Tensor, (z as Tensor).neg(), n as Tensor])
}
