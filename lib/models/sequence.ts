import { invalid } from '../check.ts'
import { factoryOf } from '../nn/factory.ts'
import type { Linear } from '../nn/linear.ts'
import { RecurrentModule } from '../nn/recurrent.ts'
import { type ModelConfig, networkOf, readConfig } from './config.ts'
import { headOf, RecurrentModel } from './model.ts'
import type { ModelOptions } from './options.ts'

/**
 * Any recurrent network (RNN, LSTM, GRU, PeepholeLSTM, ChungGRU, MinGRU, or your own) and a linear head.
 *
 * @example
 * const network = new nn.PeepholeLSTM(10, 20, { peephole: 'full', gateActivation: 'hardSigmoid' })
 * const model = new SequenceModel(network, 5)
 * @throws {TorchError} if `network` is not a recurrent module.
 */
export class SequenceModel<Network extends RecurrentModule = RecurrentModule> extends RecurrentModel<Network> {
  readonly network: Network
  readonly linear: Linear

  constructor(network: Network, outputSize: number, options: ModelOptions = {}, ...none: undefined[]) {
    if (!(network instanceof RecurrentModule)) {
      throw invalid('SequenceModel', 'network', 'a recurrent module', network)
    }
    const factory = factoryOf(network.allWeights[0]?.[0] ?? {})
    super(network.inputSize, network.hiddenSize, outputSize, { ...options, ...factory }, ...none)
    this.network = network
    this.linear = headOf(this, network)
  }

  /** A new model with the given {@link config}. @throws {TorchError} if it is not the config of such a model. */
  static fromConfig(config: ModelConfig): SequenceModel {
    const network = networkOf('SequenceModel', config)
    const { outputSize, model } = readConfig('SequenceModel', config)
    const { dtype: _, ...options } = model
    return new this(network, outputSize, options)
  }
}
