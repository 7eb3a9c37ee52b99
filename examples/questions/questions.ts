// What one can adjust, and values to compare.
import { nn } from 'libtorch-rnn'
import { GRUModel, type RecurrentModel, RNNModel, SequenceModel } from 'libtorch-rnn/models'
import {
  activationRegularization,
  l1Regularization,
  type TrainerOptions,
  temporalActivationRegularization,
} from 'libtorch-rnn/train'

/** A setting of a run: what differs from the others. */
export interface Setting {
  /** The value, as the chart shows it. */
  label: string
  /** The steps that the network reads. */
  past?: number
  epochs?: number
  model?: (inputSize: number) => RecurrentModel
  trainer?: Partial<TrainerOptions>
}

export interface Question {
  name: string
  /** What is asked, as the title of the chart. */
  title: string
  settings: readonly Setting[]
}

export const HORIZON = 3
const head = { output: 'last', horizon: HORIZON, batchFirst: true } as const

/** The network of all questions that do not ask for another. */
export function gru(inputSize: number, hiddenSize = 16, options: { outputDropout?: number } = {}): RecurrentModel {
  return new GRUModel(inputSize, hiddenSize, 1, { ...head, ...options })
}

const values = <T>(list: readonly T[], of: (value: T) => Omit<Setting, 'label'>): Setting[] =>
  list.map((value) => ({ label: String(value), ...of(value) }))

/** A ChungGRU, whose functions can be chosen. */
const chung = (options: nn.ChungGRUOptions) => (inputSize: number) =>
  new SequenceModel(new nn.ChungGRU(inputSize, 16, { batchFirst: true, ...options }), 1, {
    output: 'last',
    horizon: HORIZON,
  })

export const QUESTIONS: readonly Question[] = [
  {
    name: 'learning-rate',
    title: 'Learning rate',
    settings: values([0.0003, 0.003, 0.03, 0.3], (lr) => ({ trainer: { lr } })),
  },
  {
    name: 'batch-size',
    title: 'Batch size, at the same number of epochs',
    settings: values([8, 32, 128, 512], (batchSize) => ({ trainer: { batchSize } })),
  },
  {
    name: 'sequence-length',
    title: 'Sequence length: days that the network reads',
    settings: values([2, 7, 21, 60], (past) => ({ past })),
  },
  {
    name: 'hidden-size',
    title: 'Hidden size',
    settings: values([2, 8, 32, 96], (size) => ({ model: (inputSize) => gru(inputSize, size) })),
  },
  {
    name: 'dropout',
    title: 'Dropout before the head',
    settings: values([0, 0.2, 0.5, 0.8], (outputDropout) => ({
      model: (inputSize) => gru(inputSize, 16, { outputDropout }),
    })),
  },
  {
    name: 'activation',
    title: 'Activation function of an RNN (tanh, ReLU) and of a GRU',
    settings: [
      ...values(['tanh', 'relu'] as const, (nonlinearity) => ({
        model: (inputSize: number) => new RNNModel(inputSize, 16, 1, { ...head, nonlinearity }),
      })).map((one) => ({ ...one, label: `RNN ${one.label}` })),
      ...values(['tanh', 'softsign', 'relu'] as const, (activation) => ({ model: chung({ activation }) })).map(
        (one) => ({
          ...one,
          label: `GRU ${one.label}`,
        }),
      ),
    ],
  },
  {
    name: 'gate-function',
    title: 'Gate function of a GRU',
    settings: values(['sigmoid', 'hardSigmoid', 'elliottSigmoid'] as const, (gateActivation) => ({
      model: chung({ gateActivation }),
    })),
  },
  {
    name: 'initialization',
    title: 'First values of the recurrent weights',
    settings: [
      { label: "PyTorch's" },
      ...values(['orthogonal', 'xavierUniform', 'kaimingNormal'] as const, (recurrent) => ({
        trainer: { init: { recurrent } },
      })),
      { label: 'zero', trainer: { init: { recurrent: 0, input: 0, linear: 0 } } },
    ],
  },
  {
    name: 'clipping',
    title: 'Clipping of the norm of gradients, with SGD at a rate of 0.5',
    settings: [
      { label: 'none', trainer: { optimizer: 'sgd', lr: 0.5 } },
      ...values([1, 0.1, 0.01], (clipGradNorm) => ({ trainer: { optimizer: 'sgd', lr: 0.5, clipGradNorm } })),
    ],
  },
  {
    name: 'auxiliary-losses',
    title: 'Auxiliary losses',
    settings: [
      { label: 'none' },
      { label: 'small outputs', trainer: { auxiliaryLosses: [activationRegularization(0.1)] } },
      { label: 'slow outputs', trainer: { auxiliaryLosses: [temporalActivationRegularization(1)] } },
      { label: 'small weights', trainer: { auxiliaryLosses: [l1Regularization(1e-3)] } },
    ],
  },
]
