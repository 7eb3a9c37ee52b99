import {
  GRUModel,
  LSTMModel,
  type ModelOptions,
  type RecurrentModel,
  RNNModel,
  SequenceModel,
} from '../models/index.ts'
import * as nn from '../nn/index.ts'
import { OWN } from './plan.ts'
import type { Settings } from './settings.ts'

export interface ModelSizes extends Pick<ModelOptions, 'embedding' | 'horizon' | 'output' | 'tieWeights'> {
  readonly inputSize: number
  readonly outputSize: number
}

/** A new model for the settings. */
export function modelOf(settings: Settings, { inputSize, outputSize, ...around }: ModelSizes): RecurrentModel {
  const { model, hiddenSize, numLayers, dropout, bidirectional, bias, outputDropout } = settings
  const own = Object.fromEntries(
    OWN[model].filter((key) => settings[key] !== undefined).map((key) => [key, settings[key]]),
  )
  const network = { numLayers, dropout, bidirectional, bias, batchFirst: true, ...own }
  const head = { ...around, outputDropout }
  switch (model) {
    case 'rnn':
      return new RNNModel(inputSize, hiddenSize, outputSize, { ...network, ...head })
    case 'lstm':
      return new LSTMModel(inputSize, hiddenSize, outputSize, { ...network, ...head })
    case 'gru':
      return new GRUModel(inputSize, hiddenSize, outputSize, { ...network, ...head })
    case 'peepholeLstm':
      return new SequenceModel(new nn.PeepholeLSTM(inputSize, hiddenSize, network), outputSize, head)
    case 'chungGru':
      return new SequenceModel(new nn.ChungGRU(inputSize, hiddenSize, network), outputSize, head)
    case 'minGru':
      return new SequenceModel(new nn.MinGRU(inputSize, hiddenSize, network), outputSize, head)
  }
}
