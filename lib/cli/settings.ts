// The settings of a training: flags, keys of a file of settings, help texts and the guide come from this table.
import {
  choice,
  choicesOf,
  count,
  flag,
  integer,
  type Kind,
  levels,
  named,
  natural,
  nonNegative,
  pairs,
  point,
  positive,
  probability,
  text,
  texts,
  values,
} from './kind.ts'

/** What a network learns to do. */
export const TASKS = ['forecast', 'classify', 'text'] as const
export type Task = (typeof TASKS)[number]

export interface Setting<T = unknown> {
  readonly kind: Kind<T>
  /** One sentence for help texts and the guide, without its default. */
  readonly help: string
  /** The value without one; if there is none, the setting has no effect. */
  readonly preset?: T
}

export function setting<T>(kind: Kind<T>, help: string): Setting<T>
export function setting<T>(kind: Kind<T>, help: string, preset: NoInfer<T>): Setting<T> & { readonly preset: T }
export function setting<T>(kind: Kind<T>, help: string, preset?: T): Setting<T> {
  return preset === undefined ? { kind, help } : { kind, help, preset }
}

const SCALERS = ['standard', 'minMax', 'robust', 'log', 'none'] as const
const POINT = 'where it starts: a time such as 2014 or 2014-06-30T12:00, its share of the rows such as 0.2, or none'

export const TASK = {
  task: setting(
    choice(...TASKS),
    'what is learned: to forecast columns of numbers, to tell the classes of sequences, or to go on with a text',
    'forecast',
  ),
} as const

export const DATA = {
  time: setting(text('<column>'), 'the column of times: ISO 8601 texts, or milliseconds since 1970'),
  timeFormat: setting(
    text('<format>'),
    "the format of times that are not in ISO 8601, such as '%b %d %Y', or %Y for years",
  ),
  order: setting(
    choice('monotonic', 'any'),
    'the order of rows: that of time, or any; then they are sorted',
    'monotonic',
  ),
  target: setting(texts('<column,…>'), 'the columns to forecast'),
  input: setting(
    texts('<column,…>'),
    'further columns that the network sees up to the present; for classes, those that it reads, by default all of numbers',
  ),
  calendar: setting(
    choicesOf('minute', 'hour', 'weekday', 'dayOfMonth', 'dayOfYear'),
    'inputs made from the time: the place in these cycles',
  ),
  group: setting(texts('<column,…>'), 'the columns whose values tell several series apart'),
  autoregressive: setting(flag, 'the network sees the past of the targets', true),
  missing: setting(
    choice('error', 'mask', 'forward', 'interpolate', 'drop'),
    'what becomes of cells without a value',
    'error',
  ),
  gaps: setting(
    choice('break', 'fill', 'ignore', 'error'),
    'what becomes of steps that are absent: no window crosses them, rows are put in, neighbours are taken as such, or it fails',
    'break',
  ),
  frequency: setting(text('<step>'), "the distance of two steps, such as hour or '15 minutes'; else that of most rows"),
} as const

export const WINDOWS = {
  past: setting(count, 'the steps that the network reads', 30),
  horizon: setting(count, 'the steps that it forecasts', 1),
  stride: setting(count, 'the steps from one window to the next', 1),
  validation: setting(point, `the part by which the best epoch is chosen, ${POINT}`, 0.15),
  test: setting(point, `the part that the network has no part in, ${POINT}`, 0.15),
  scaler: setting(choice(...SCALERS), 'how columns are scaled, by their training part', 'standard'),
  scalers: setting(pairs, 'other scalers for single columns'),
  scalePerGroup: setting(flag, 'each group has scales of its own', true),
  difference: setting(
    count,
    'the network forecasts what targets add to their values so many steps before: 1 takes a trend away, 12 the season of months, too',
  ),
  intervals: setting(
    levels,
    'the probabilities of the intervals of forecasts, from the errors on the validation part; none for no intervals',
    [0.8, 0.95],
  ),
  season: setting(count, 'the steps of a season, for the seasonal naive forecast to compare with'),
} as const

export const CLASSES = {
  label: setting(text('<column>'), 'the column of the class of a sequence'),
  sequence: setting(
    texts('<column,…>'),
    'the columns that tell sequences apart, if a row is a step; without, a row is a sequence and its inputs are the steps',
  ),
  classWeights: setting(
    choice('none', 'balanced'),
    'whether rare classes count more in the loss, so that all count the same',
    'none',
  ),
} as const

export const TEXT = {
  level: setting(choice('character', 'word'), 'what the tokens of the text are', 'character'),
  lowercase: setting(flag, 'the text is converted to lower case', false),
  minCount: setting(count, 'how often a token must come to be in the vocabulary', 1),
  maxSize: setting(count, 'the most tokens of the vocabulary, the most frequent ones'),
  sequenceLength: setting(count, 'the steps through which gradients flow back', 64),
  embeddingSize: setting(count, 'the size of the vector of a token', 32),
  tieWeights: setting(
    flag,
    "the head's weight is that of the embedding, which must be as large as the hidden size",
    false,
  ),
} as const

/** The networks that are recurrent. */
export const RECURRENT = ['rnn', 'lstm', 'gru', 'peepholeLstm', 'chungGru', 'minGru'] as const
/** Those that read a whole window at once, to compare with. */
export const WINDOWED = ['linear', 'transformer'] as const

export const MODEL = {
  model: setting(
    choice(...RECURRENT, ...WINDOWED),
    'the network; a linear one and a transformer, an encoder, read whole windows, and forecast only',
    'gru',
  ),
  hiddenSize: setting(count, 'the units of each layer', 64),
  numLayers: setting(count, 'the number of layers', 1),
  output: setting(choice('last', 'mean', 'max'), 'what the head sees of the outputs of all steps', 'last'),
  dropout: setting(probability, 'dropout between layers', 0),
  outputDropout: setting(probability, 'dropout before the head', 0),
  bidirectional: setting(flag, 'a second network reads each window backwards', false),
  bias: setting(flag, 'the network has biases', true),
  nonlinearity: setting(choice('tanh', 'relu'), "the activation of an rnn's units; tanh without"),
  projSize: setting(count, 'the size of the projected outputs of an lstm or peepholeLstm'),
  peephole: setting(choice('diagonal', 'full', 'none'), 'what the gates of a peepholeLstm see of the cell'),
  forgetInCandidate: setting(flag, 'the forget gate of a peepholeLstm scales the recurrent input of the candidate'),
  resetAfter: setting(flag, 'the reset gate of a chungGru acts after the product with the weights'),
  innerBias: setting(flag, 'a chungGru has a bias that its reset gate scales'),
  gateActivation: setting(
    choice('sigmoid', 'hardSigmoid', 'elliottSigmoid'),
    'the gate function of a peepholeLstm or chungGru',
  ),
  activation: setting(
    choice('tanh', 'hardTanh', 'softsign', 'relu', 'leakyRelu', 'elu', 'sigmoid', 'identity'),
    'the activation function of a peepholeLstm or chungGru',
  ),
  layerNorm: setting(flag, 'a peepholeLstm or chungGru is normalized at each step'),
  zoneout: setting(probability, 'the probability that a unit of a peepholeLstm, chungGru or minGru keeps its state'),
  cellZoneout: setting(probability, 'the same for the cells of a peepholeLstm'),
  backend: setting(choice('auto', 'libtorch'), "libtorch computes an rnn, lstm or gru by LibTorch's own kernels"),
} as const

export const TRAINING = {
  epochs: setting(count, 'the most passes over the training part', 100),
  maxSteps: setting(count, 'the most updates of the weights'),
  maxSeconds: setting(positive, 'the most seconds'),
  batchSize: setting(count, 'the samples of a step', 32),
  optimizer: setting(
    choice('adadelta', 'adagrad', 'adam', 'adamax', 'adamw', 'asgd', 'nadam', 'radam', 'rmsprop', 'rprop', 'sgd'),
    'the optimizer',
    'adam',
  ),
  init: setting(
    values,
    'the first values of the parts input, recurrent, linear, bias and forgetBias, such as recurrent=orthogonal,bias=0',
  ),
  lr: setting(positive, 'the learning rate', 1e-3),
  schedule: setting(
    named,
    'how the learning rate changes: constant, linear, cosine, oneCycle or plateau, or JSON such as {"name": "cosine", "warmup": 0.1}',
  ),
  weightDecay: setting(nonNegative, "the weight decay; else the optimizer's"),
  decayBiases: setting(flag, 'the weight decay also acts on biases', true),
  loss: setting(choice('mse', 'l1', 'smoothL1', 'huber'), 'the loss', 'mse'),
  activationRegularization: setting(nonNegative, 'the weight of the mean square of the outputs in the loss'),
  temporalActivationRegularization: setting(nonNegative, 'the weight of their changes from step to step in the loss'),
  l1Regularization: setting(nonNegative, 'the weight of the absolute values of all weights in the loss'),
  clipGradNorm: setting(positive, 'the maximum norm of all gradients together', 1),
  clipGradValue: setting(positive, 'the maximum of each element of a gradient'),
  accumulateGradBatches: setting(count, 'the batches of an update of the weights', 1),
  movingAverage: setting(probability, 'the decay of averages of the weights, which the model gets in the end'),
  metrics: setting(
    choicesOf(
      ...(['mae', 'mape', 'mase', 'mse', 'r2', 'rmse', 'smape', 'wape'] as const),
      ...(['accuracy', 'f1', 'precision', 'recall', 'bpc', 'perplexity'] as const),
    ),
    'what is measured; by default accuracy and f1 of classes, bpc and accuracy of a text',
    ['mae', 'rmse'],
  ),
  metricUnits: setting(choice('data', 'scaled'), 'the units of metrics', 'data'),
  monitor: setting(text('<result>'), 'the result by which epochs are compared, such as validationMae; else the loss'),
  patience: setting(natural, 'the epochs without improvement after which the training ends; 0 for no such end', 10),
  restoreBest: setting(flag, 'the model gets the weights of the best epoch', true),
  shuffle: setting(flag, 'a new order of the samples in each epoch', true),
  nonFinite: setting(choice('throw', 'warn', 'ignore'), 'what a loss that is NaN or infinite does', 'throw'),
  seed: setting(integer, 'the seed of all random numbers', 0),
} as const

export const MACHINE = {
  device: setting(text('<device>'), 'where to compute: cpu, cuda or cuda:1', 'cpu'),
  dtype: setting(choice('float32', 'float64', 'bfloat16'), 'the dtype of the training; models are saved in float32'),
  autocast: setting(choice('bfloat16', 'float16'), 'mixed precision'),
  cudaGraph: setting(flag, 'whole steps are captured as CUDA graphs; without it, where that is safe'),
  mmap: setting(flag, 'data are kept in temporary files that are mapped into memory, which they may exceed', false),
  threads: setting(count, "the threads of an operation; else LibTorch's choice"),
} as const

/** All settings, by the part of help texts in which they are. */
export const PARTS = {
  Task: TASK,
  Data: DATA,
  Windows: WINDOWS,
  Classes: CLASSES,
  Text: TEXT,
  Model: MODEL,
  Training: TRAINING,
  Machine: MACHINE,
} as const

export const SETTINGS = {
  ...TASK,
  ...DATA,
  ...WINDOWS,
  ...CLASSES,
  ...TEXT,
  ...MODEL,
  ...TRAINING,
  ...MACHINE,
} as const

export type Key = keyof typeof SETTINGS

/** Settings that were given. */
export type Given = { [K in Key]?: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never }

/** Those with a value if none is given. */
type Preset = { [K in Key]: (typeof SETTINGS)[K] extends { readonly preset: unknown } ? K : never }[Key]

/** All settings, each with what it is if it was not given. */
export type Settings = Omit<Given, Preset> & Required<Pick<Given, Preset>>

/** The metrics of each task. */
export const METRICS = {
  forecast: ['mae', 'mape', 'mase', 'mse', 'r2', 'rmse', 'smape', 'wape'],
  classify: ['accuracy', 'f1', 'precision', 'recall'],
  text: ['accuracy', 'bpc', 'perplexity'],
} as const satisfies Record<Task, Given['metrics']>

/** Values without one that are others for a task. */
export const TASK_PRESETS: Readonly<Record<Task, Given>> = {
  forecast: {},
  classify: { metrics: ['accuracy', 'f1'] },
  text: { metrics: ['bpc', 'accuracy'], validation: 0.1, test: 0.1, lr: 3e-3 },
}

const ONLY_FORECAST = ['output', 'bidirectional', 'loss', 'metricUnits', 'shuffle', 'dtype', 'mmap'] as const

/** The settings of data and windows that sequences have, too. */
const OF_SEQUENCES: readonly Key[] = [
  ...(['time', 'timeFormat', 'input', 'missing', 'validation', 'test', 'scaler', 'scalers'] as const),
]

/** The settings that have no effect on a task. */
export const IDLE: Readonly<Record<Task, readonly Key[]>> = {
  forecast: [...Object.keys(CLASSES), ...Object.keys(TEXT)] as Key[],
  classify: [
    ...([...Object.keys(DATA), ...Object.keys(WINDOWS)] as Key[]).filter((key) => !OF_SEQUENCES.includes(key)),
    ...(Object.keys(TEXT) as Key[]),
    'loss',
    'metricUnits',
    'mmap',
  ],
  text: [
    ...([...Object.keys(DATA), ...Object.keys(WINDOWS), ...Object.keys(CLASSES)] as Key[]).filter(
      (key) => !['validation', 'test'].includes(key),
    ),
    ...ONLY_FORECAST,
  ],
}

/** Options of a `Trainer` that have no setting, and why. */
export const UNSET = {
  callbacks: 'they are code',
  carryState: 'texts go on from batch to batch, and windows do not',
  auxiliaryLosses: 'activationRegularization, temporalActivationRegularization and l1Regularization stand for it',
  checkpoint: 'it is in the folder --out',
  onSignal: 'a run always writes a checkpoint',
  progress: '--quiet and --verbose',
} as const

/** The name of a flag: `--hidden-size`. */
export const flagOf = (key: string): string => `--${key.replaceAll(/[A-Z]/g, (part) => `-${part.toLowerCase()}`)}`
