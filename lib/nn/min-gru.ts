import type { Tensor } from '../tensor/tensor.ts'
import { type Equations, readZoneout, STANDARD, type ZoneoutOptions } from './equations.ts'
import { RECURRENCES } from './recurrence.ts'
import { equations, RecurrentModule, type RecurrentOptions, run } from './recurrent.ts'
import { optionRepr } from './repr.ts'
import type { PackedSequence } from './utils/packed-sequence.ts'

export interface MinGRUOptions extends Omit<RecurrentOptions, 'backend'>, ZoneoutOptions {}

/**
 * The minimal gated recurrent unit. Its gate and candidate depend only on the input. ⊙ is the elementwise product:
 *
 *     z(t) = σ(W_z x(t) + b_z)
 *     n(t) = W_n x(t) + b_n
 *     h(t) = (1 - z(t)) ⊙ h(t-1) + z(t) ⊙ n(t)
 *
 * With `zoneout`, units keep h(t-1) at random.
 *
 * Parameters of layer k: `weight_ih_lk` (2H, I) with the rows of z and n, and `bias_lk` (2H). Their names end in
 * `_reverse` for the reverse direction. They are initialized uniformly from ±1/√H. Each forward pass is one native call
 * that runs ATen operations step by step.
 *
 * @example
 * const network = new nn.MinGRU(10, 20)
 * const [output, hN] = network.forward(torch.randn([5, 3, 10]))
 * @see Feng et al., "Were RNNs all we needed?", arXiv:2410.01201, section 3.1
 * @throws {TorchError} if a size is not an integer from 1 to 2^50, an option is unknown, or `zoneout` is not from 0 to
 *   1.
 */
export class MinGRU extends RecurrentModule {
  /** The probability that a unit keeps its previous h. */
  readonly zoneout: number

  constructor(inputSize: number, hiddenSize: number, options: MinGRUOptions = {}, ...none: undefined[]) {
    const { bias = true } = options ?? {}
    const { zoneout } = readZoneout('MinGRU', options ?? {}, ['zoneout'])
    super('MIN_GRU', inputSize, hiddenSize, options, ['zoneout'], none, (inputs) => ({
      weight_ih: [2 * hiddenSize, inputs],
      ...(bias ? { bias: [2 * hiddenSize] } : {}),
    }))
    this.zoneout = zoneout
  }

  /** @internal */
  override get [equations](): Equations {
    return { ...STANDARD, activation: RECURRENCES.MIN_GRU.activation, zoneout: this.zoneout }
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
    return super.extraRepr() + optionRepr({ zoneout: this.zoneout }, STANDARD)
  }
}
