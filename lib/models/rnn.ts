import type { Linear } from '../nn/linear.ts'
import { SHARED_OPTIONS } from '../nn/recurrent.ts'
import { RNN, type RNNOptions } from '../nn/rnn.ts'
import { PackedSequence } from '../nn/utils/rnn.ts'
import { zeros } from '../tensor/creation.ts'
import { requireTensor, type Tensor } from '../tensor/tensor.ts'
import { type ModelConfig, readConfig } from './config.ts'
import { headOf, RecurrentModel } from './model.ts'
import { type ModelOptions, splitOptions } from './options.ts'
import { markPlain } from './parts.ts'

export interface RNNModelOptions extends RNNOptions, ModelOptions {}

/** {@link RNN} from an explicit zero state, and a linear head. */
export class RNNModel extends RecurrentModel<RNN> {
  static {
    // Its zero state is the default of its network.
    markPlain(RNNModel)
  }

  readonly rnn: RNN
  readonly linear: Linear

  constructor(
    inputSize: number,
    hiddenSize: number,
    outputSize: number,
    options: RNNModelOptions = {},
    ...none: undefined[]
  ) {
    const [own, network] = splitOptions(new.target.name, options, [...SHARED_OPTIONS, 'nonlinearity'])
    super(inputSize, hiddenSize, outputSize, own, ...none)
    this.rnn = new RNN(inputSize, hiddenSize, network)
    this.linear = headOf(this, this.rnn)
  }

  /** A new model with the given {@link config}. @throws {TorchError} if it is not the config of such a model. */
  static fromConfig(config: ModelConfig): RNNModel {
    const { inputSize, hiddenSize, outputSize, network, model } = readConfig('RNNModel', config, 'RNN')
    return new this(inputSize, hiddenSize, outputSize, { ...network, ...model })
  }

  override get network(): RNN {
    return this.rnn
  }

  protected override initialState(input: Tensor | PackedSequence): Tensor {
    return this.zeroState(input)
  }

  /**
   * h(0) for an input of the network, which an embedding would have looked up: (layers * directions, N, hiddenSize), or
   * (layers * directions, hiddenSize) without a batch.
   */
  zeroState(input: Tensor | PackedSequence): Tensor {
    const { numLayers, bidirectional, hiddenSize, batchFirst } = this.rnn
    const layers = numLayers * (bidirectional ? 2 : 1)
    if (input instanceof PackedSequence) {
      const { dtype, device } = input.data
      // A size can be asked for within `offload`, a value cannot.
      const batch = input.sortedIndices?.size(0) ?? input.batchSizes.index(0).item<number>()
      return zeros([layers, batch, hiddenSize], { dtype, device })
    }
    requireTensor('RNNModel', 'input', input)
    const { shape, dtype, device } = input
    const batch = shape.length === 3 ? [shape[batchFirst ? 0 : 1] as number] : []
    return zeros([layers, ...batch, hiddenSize], { dtype, device })
  }
}
