import type { Linear } from '../nn/linear.ts'
import { RNN, type RNNOptions } from '../nn/rnn.ts'
import { zeros } from '../tensor/creation.ts'
import { requireTensor, type Tensor } from '../tensor/tensor.ts'
import { headOf, RecurrentModel } from './model.ts'

/** {@link RNN} from an explicit zero state, and a linear head. */
export class RNNModel extends RecurrentModel<RNN> {
  readonly rnn: RNN
  readonly linear: Linear

  constructor(
    inputSize: number,
    hiddenSize: number,
    outputSize: number,
    options: RNNOptions = {},
    ...none: undefined[]
  ) {
    super(inputSize, hiddenSize, outputSize, none)
    this.rnn = new RNN(inputSize, hiddenSize, options)
    this.linear = headOf(this.rnn, outputSize)
  }

  override get network(): RNN {
    return this.rnn
  }

  protected override initialState(input: Tensor): Tensor {
    return this.zeroState(input)
  }

  /** h(0) for an input: (layers * directions, N, hiddenSize). */
  zeroState(input: Tensor): Tensor {
    requireTensor('RNNModel', 'input', input)
    const { numLayers, bidirectional, hiddenSize, batchFirst } = this.rnn
    const { shape, dtype, device } = input
    const batch = shape.length === 3 ? [shape[batchFirst ? 0 : 1] as number] : []
    return zeros([numLayers * (bidirectional ? 2 : 1), ...batch, hiddenSize], { dtype, device })
  }
}
