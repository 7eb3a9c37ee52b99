import { torch } from 'libtorch-rnn'
import { StandardScaler } from 'libtorch-rnn/data'
import { GRUModel } from 'libtorch-rnn/models'
import { Trainer } from 'libtorch-rnn/train'
import { Machine } from './machine.ts'

/** How many measurements ahead a forecast goes. */
export const HORIZON = 12
const [PAST, WINDOWS] = [64, 1000]

/** Trains a model that forecasts a machine's temperature, and saves it with its scaler. */
export async function trainModel(file: string, epochs = 30): Promise<void> {
  torch.manualSeed(0)
  const machine = new Machine(1)
  const series = Float32Array.from({ length: PAST + HORIZON + WINDOWS }, () => machine.next())
  const scaler = new StandardScaler().fit(torch.tensor(series).unsqueeze(1))
  const scaled = scaler.transform(torch.tensor(series).unsqueeze(1))
  // (N, past + horizon, 1)
  const windows = scaled
    .unfold(0, PAST + HORIZON, 1)
    .transpose(1, 2)
    .contiguous()
  const model = new GRUModel(1, 32, 1, { batchFirst: true, output: 'last', horizon: HORIZON })
  const trainer = new Trainer(model, { epochs, batchSize: 50, lr: 1e-2, schedule: 'cosine', seed: 0, progress: false })
  await trainer.fit([windows.narrow(1, 0, PAST), windows.narrow(1, PAST, HORIZON)])
  await model.save(file, { scaler })
}
