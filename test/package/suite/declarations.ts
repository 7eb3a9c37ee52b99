// What the declarations of all parts of the package must compile with, checked by declarations.ts.
import { nn, Tensor, TorchError, torch } from 'libtorch-rnn'
import { DataLoader, TensorDataset } from 'libtorch-rnn/data'
import { gradientFlow } from 'libtorch-rnn/inspect'
import { saveFile } from 'libtorch-rnn/io'
import { LSTMModel } from 'libtorch-rnn/models'
import { GRU } from 'libtorch-rnn/nn'
import { Adam } from 'libtorch-rnn/optim'
import { type EpochResult, Trainer } from 'libtorch-rnn/train'

export class Forecaster extends nn.Module {
  gru = new GRU(3, 8)
  override forward(x: Tensor): Tensor {
    return this.gru.forward(x)[0]
  }
}

export async function main(): Promise<EpochResult[]> {
  using x = torch.ones([2, 3])
  const values: readonly number[] = x.sum(0).toArray() as number[]
  const model = new LSTMModel(3, 8, 1)
  await saveFile(model.stateDict(), `${values.length}.safetensors`)
  for (const [inputs] of new DataLoader(new TensorDataset(x, x))) inputs.dispose()
  await gradientFlow(new nn.LSTM(1, 1), x, ([output]) => output.sum())
  const trainer = new Trainer(model, { optimizer: (parameters) => new Adam(parameters, { lr: 0.1 }) })
  // What is not found would be `any`, and these no errors.
  // @ts-expect-error
  const shape: number = x.shape
  // @ts-expect-error
  torch.zeros([2], { dtpye: 'int64' })
  // @ts-expect-error
  new Tensor()
  // @ts-expect-error
  new TorchError(shape)
  // @ts-expect-error
  new Trainer(model, { epoch: 1 })
  // @ts-expect-error
  new DataLoader(new TensorDataset(x, x), { batch: 1 })
  const { epochs } = await trainer.fit([x, x])
  return [...epochs]
}
