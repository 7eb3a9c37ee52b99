import type { Linear } from '../nn/linear.ts'
import { LSTM, type LSTMOptions } from '../nn/lstm.ts'
import { SHARED_OPTIONS } from '../nn/recurrent.ts'
import { type ModelConfig, readConfig } from './config.ts'
import { headOf, RecurrentModel } from './model.ts'
import { type ModelOptions, splitOptions } from './options.ts'

export interface LSTMModelOptions extends LSTMOptions, ModelOptions {}

/** {@link LSTM} and a linear head. */
export class LSTMModel extends RecurrentModel<LSTM> {
  readonly lstm: LSTM
  readonly linear: Linear

  constructor(
    inputSize: number,
    hiddenSize: number,
    outputSize: number,
    options: LSTMModelOptions = {},
    ...none: undefined[]
  ) {
    const [own, network] = splitOptions(new.target.name, options, [...SHARED_OPTIONS, 'projSize'])
    super(inputSize, hiddenSize, outputSize, own, ...none)
    this.lstm = new LSTM(inputSize, hiddenSize, network)
    this.linear = headOf(this, this.lstm)
  }

  /** A new model with the given {@link config}. @throws {TorchError} if it is not the config of such a model. */
  static fromConfig(config: ModelConfig): LSTMModel {
    const { inputSize, hiddenSize, outputSize, network, model } = readConfig('LSTMModel', config, 'LSTM')
    return new this(inputSize, hiddenSize, outputSize, { ...network, ...model })
  }

  override get network(): LSTM {
    return this.lstm
  }
}
