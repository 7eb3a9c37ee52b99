import type { Linear } from '../nn/linear.ts'
import { LSTM, type LSTMOptions } from '../nn/lstm.ts'
import { headOf, RecurrentModel } from './model.ts'

/** {@link LSTM} and a linear head. */
export class LSTMModel extends RecurrentModel<LSTM> {
  readonly lstm: LSTM
  readonly linear: Linear

  constructor(
    inputSize: number,
    hiddenSize: number,
    outputSize: number,
    options: LSTMOptions = {},
    ...none: undefined[]
  ) {
    super(inputSize, hiddenSize, outputSize, none)
    this.lstm = new LSTM(inputSize, hiddenSize, options)
    this.linear = headOf(this.lstm, outputSize)
  }

  override get network(): LSTM {
    return this.lstm
  }
}
