import { invalid, requireNone } from '../check.ts'
import type { Linear } from '../nn/linear.ts'
import { RecurrentModule } from '../nn/recurrent.ts'
import { headOf, RecurrentModel } from './model.ts'

/**
 * Any recurrent network (RNN, LSTM, GRU, PeepholeLSTM, ChungGRU, or your own) and a linear head.
 *
 * @example
 * const network = new nn.PeepholeLSTM(10, 20, { peephole: 'full', gateActivation: 'hardSigmoid' })
 * const model = new SequenceModel(network, 5)
 * @throws {TorchError} if `network` is not a recurrent module.
 */
export class SequenceModel<Network extends RecurrentModule = RecurrentModule> extends RecurrentModel<Network> {
  readonly network: Network
  readonly linear: Linear

  constructor(network: Network, outputSize: number, ...none: undefined[]) {
    requireNone('SequenceModel', none)
    if (!(network instanceof RecurrentModule)) {
      throw invalid('SequenceModel', 'network', 'a recurrent module', network)
    }
    super(network.inputSize, network.hiddenSize, outputSize)
    this.network = network
    this.linear = headOf(network, outputSize)
  }
}
