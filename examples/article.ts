// The article's program: a recurrent network with 10 inputs, 20 hidden units and 5 outputs reads a sequence of 10 steps.
import { Command } from 'commander'
import { type Device, torch } from 'libtorch-rnn'
import { GRUModel, LSTMModel, RNNModel } from 'libtorch-rnn/models'
import { deviceOption } from './support/options.ts'

const { device } = new Command('article').addOption(deviceOption()).parse().opts<{ device: Device }>()

const [inputSize, hiddenSize, outputSize] = [10, 20, 5]
const input = torch.randn([10, 1, inputSize], { device }) // (L, N, inputSize): 10 steps of 1 sequence

for (const Model of [RNNModel, LSTMModel, GRUModel]) {
  const model = new Model(inputSize, hiddenSize, outputSize).to(device)
  const output = model.forward(input)
  console.log(model)
  console.log(`output of shape [${output.shape}]:`)
  console.log(output, '\n')
}
