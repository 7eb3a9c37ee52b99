import { type Device, type Tensor, torch } from 'libtorch-rnn'
import { GRUModel, LSTMModel, RNNModel } from 'libtorch-rnn/models'
import { type History, Trainer } from 'libtorch-rnn/train'
import { type Forecasts, rangesOf, type Task } from './task.ts'

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
  /** Those on the validation part. */
  validated: Forecasts
  parameters: number
  /** The median time of one forecast, alone. */
  latencyMs: number
  /** How far four fifths of the values lie from their forecasts, for each step ahead. */
  ranges: [low: number, high: number][]
}

/**
 * Trains one network until its validation loss no longer falls, and forecasts with the weights of the best epoch. The
 * errors on the validation part tell how far to trust the forecasts.
 */
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
    patience: 12,
    restoreBest: true,
  })
  const history = await trainer.fit(task.training, { validation: task.validation })
  const { validationPart, testPart } = task
  const validated = validationPart.forecasts(await trainer.predict(validationPart.contexts))
  const forecasts = testPart.forecasts(await trainer.predict(testPart.contexts))
  const latencyMs = await latencyOf(trainer, testPart.contexts.narrow(0, 0, 1))
  const ranges = rangesOf(validated, validationPart.actual)
  return { name, history, forecasts, validated, ranges, parameters: model.countParameters(), latencyMs }
}

async function latencyOf(trainer: Trainer, context: Tensor): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < 21; i++) {
    const start = performance.now()
    const output = await trainer.predict(context)
    times.push(performance.now() - start)
    output.dispose()
  }
  return times.sort((a, b) => a - b)[10] as number
}
