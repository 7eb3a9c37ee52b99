import {
  GRUModel,
  LSTMModel,
  type ModelOptions,
  type RecurrentModel,
  RNNModel,
  SequenceModel,
} from '../models/index.ts'
import * as nn from '../nn/index.ts'
import { LinearModel } from './networks/linear-model.ts'
import type { TrainedModel } from './networks/load.ts'
import { TransformerModel } from './networks/transformer-model.ts'
import type { WindowModel } from './networks/window-model.ts'
import { OWN } from './plan.ts'
import { UsageError } from './problem.ts'
import type { Settings } from './settings.ts'

export interface ModelSizes extends Pick<ModelOptions, 'embedding' | 'horizon' | 'output' | 'tieWeights'> {
  readonly inputSize: number
  readonly outputSize: number
}

/** A new model that forecasts windows: a recurrent one, or one that reads them at once. */
export function forecasterOf(settings: Settings, sizes: ModelSizes & { readonly horizon: number }): TrainedModel {
  return windowModelOf(settings, sizes) ?? modelOf(settings, sizes)
}

function windowModelOf(
  { model, past, hiddenSize, numLayers, dropout, outputDropout, output, bias }: Settings,
  { inputSize, outputSize, horizon }: ModelSizes & { readonly horizon: number },
): WindowModel | undefined {
  const sizes = { past, inputSize, horizon, outputSize }
  if (model === 'linear') return new LinearModel(sizes, { bias })
  if (model !== 'transformer') return undefined
  return new TransformerModel(sizes, { hiddenSize, numLayers, dropout, outputDropout, output })
}

/** A new recurrent model for the settings. */
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
    default:
      throw new UsageError(`a ${model} reads windows of numbers: choose a recurrent network`)
  }
}
