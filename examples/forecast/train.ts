import { type Device, torch } from 'libtorch-rnn'
import { GRUModel, LSTMModel, RNNModel } from 'libtorch-rnn/models'
import { type History, Trainer } from 'libtorch-rnn/train'
import type { Forecasts, Task } from './task.ts'

export const MODELS = { RNN: RNNModel, LSTM: LSTMModel, GRU: GRUModel } as const
export type ModelName = keyof typeof MODELS

export interface Settings {
  epochs: number
  hidden: number
  seed: number
  device: Device
}

export interface Trained {
  name: ModelName
  history: History
  forecasts: Forecasts
}

/** Trains one network, and forecasts with its weights from the epoch with the best validation loss. */
export async function train(name: ModelName, task: Task, { epochs, hidden, seed, device }: Settings): Promise<Trained> {
  torch.manualSeed(seed)
  const { horizon, context } = task.series
  const model = new MODELS[name](task.inputSize, hidden, horizon, { batchFirst: true })
  const trainer = new Trainer(model, {
    epochs,
    batchSize: 32,
    sequenceLength: context,
    lr: 3e-3,
    optimizer: 'adamw',
    clipGradNorm: 1,
    seed,
    device,
    progress: true,
    restoreBest: true,
  })
  const history = await trainer.fit(task.training, { validation: task.validation })
  const output = await trainer.predict(task.contexts)
  return { name, history, forecasts: task.forecasts(output) }
}
