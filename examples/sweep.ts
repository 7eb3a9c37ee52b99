// Which network remembers best? Each one is trained from several seeds to name the first of 10 numbers it has read.
import { torch } from 'libtorch-rnn'
import { GRUModel, LSTMModel, RNNModel } from 'libtorch-rnn/models'
import { Trainer } from 'libtorch-rnn/train'

torch.setNumThreads(1) // the fastest for networks this small
torch.manualSeed(1)
const numbers = torch.rand([1280, 10, 1])
const [train, test] = [numbers.narrow(0, 0, 1024), numbers.narrow(0, 1024, 256)]

console.log('RMSE on the test part, mean and spread of three seeds; 0.29 is that of a guess')
for (const Model of [RNNModel, LSTMModel, GRUModel]) {
  const results: number[] = []
  for (const seed of [1, 2, 3]) {
    torch.manualSeed(seed) // for the initial weights; the option is for the order of the samples
    const model = new Model(1, 16, 1, { output: 'last', batchFirst: true })
    const options = { epochs: 30, lr: 1e-2, clipGradNorm: 1, schedule: 'cosine', metrics: ['rmse'], seed } as const
    const trainer = new Trainer(model, options)
    await trainer.fit([train, train.select(1, 0)]) // (N, L, 1) and (N, 1)
    const { rmse } = await trainer.evaluate([test, test.select(1, 0)])
    results.push(Number(rmse))
  }
  const mean = results.reduce((sum, value) => sum + value, 0) / results.length
  const spread = Math.sqrt(results.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (results.length - 1))
  console.log(`${Model.name.padEnd(10)} ${mean.toFixed(3)} ± ${spread.toFixed(3)}`)
}
