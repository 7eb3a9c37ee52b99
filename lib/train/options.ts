import { isMainThread } from 'node:worker_threads'
import {
  checkOptions,
  invalid,
  requireBoolean,
  requireChoice,
  requireInteger,
  requireNonNegative,
  requirePositive,
  requireProbability,
  requireString,
} from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { Metric } from '../metrics/metric.ts'
import { type MetricName, metricOf } from '../metrics/metric-of.ts'
import type { Module } from '../nn/module.ts'
import type { Parameter } from '../nn/parameter.ts'
import * as optim from '../optim/index.ts'
import type { Schedule, ScheduleSpec } from '../optim/lr-scheduler/index.ts'
import { Optimizer } from '../optim/optimizer.ts'
import type { Device } from '../tensor/tensor.ts'
import { type AuxiliaryLoss, requireAuxiliary } from './auxiliary.ts'
import { type Callback, requireCallbacks } from './callback.ts'
import { bestWeights } from './callbacks/best-weights.ts'
import { checkpoint } from './callbacks/checkpoint.ts'
import { earlyStopping } from './callbacks/early-stopping.ts'
import { automaticProgress, progressBar } from './callbacks/progress-bar.ts'
import type { Loss } from './criterion.ts'
import type { NonFinite } from './divergence.ts'
import { type InitOptions, requireInit } from './initialization.ts'
import { type MonitorMode, type MonitorOptions, requireMonitor } from './monitor.ts'
import { requireUsable } from './placement.ts'
import { type Settings, settingsOf } from './settings.ts'

export interface TrainerOptions {
  /** The number of passes over the training data. Default 10; no limit if `maxSteps` or `maxSeconds` is given. */
  epochs?: number
  /** The number of updates of the weights after which the `fit` ends. Default: no limit. */
  maxSteps?: number
  /** The time after which the `fit` ends, with the step that is running. Default: no limit. */
  maxSeconds?: number
  /** The number of samples per step, if the trainer makes the batches. Default 32. */
  batchSize?: number
  /**
   * Cut `[inputs, targets]`, two series (T, I) and (T, O), into windows of this length. Default: the two tensors hold
   * samples, and are not cut.
   */
  sequenceLength?: number
  /**
   * The first values of the model's parameters, by their kind, such as `{ recurrent: 'orthogonal', bias: 0 }`: see
   * {@link InitOptions}. They are drawn when the trainer is made, with its `seed` if there is one. Default: the model's
   * values stay.
   */
  init?: InitOptions
  /** The learning rate. Default 1e-3. Not allowed if `optimizer` is a function: set the learning rate there. */
  lr?: number
  /**
   * How the learning rates change: `'cosine'`, `'linear'`, `'oneCycle'`, `'plateau'`, …, or with options, such as
   * `{ name: 'cosine', warmup: 0.1 }`: see `optim.lrScheduler.scheduleOf`. Default: they stay.
   */
  schedule?: ScheduleSpec
  /**
   * Also averages the weights, with this decay of older ones per update, such as 0.999. The averages are validated, and
   * become the model's weights at the end. Default: no averages.
   */
  movingAverage?: number
  /**
   * Begins each batch with the state in which the model ended the batch before: truncated back-propagation through time.
   * For batches that continue each other row by row, such as those of `TextDataset`; `first: true` in a batch begins
   * anew. The model needs `forwardWithState`, as those of `libtorch-rnn/models` have it. Default `false`.
   */
  carryState?: boolean
  /** The name of an optimizer, or a function that makes one from the model's parameters. Default `'adam'`. */
  optimizer?: OptimizerName | ((parameters: Parameter[]) => Optimizer)
  /**
   * The name of a loss, a loss module, or a function of output and target that returns a one-element tensor. For
   * elementwise losses such as `'mse'`, output and target must have the same shape. Default `'mse'`.
   */
  loss?: Loss
  /**
   * Terms that are added to the loss in training, such as `activationRegularization(2)`: see {@link AuxiliaryLoss}. The
   * losses in the results are without them.
   */
  auxiliaryLosses?: readonly AuxiliaryLoss[]
  /** The maximum norm of all gradients together. Default: no limit. */
  clipGradNorm?: number
  /** The maximum absolute value of each element of the gradients, clipped before their norm. Default: no limit. */
  clipGradValue?: number
  /**
   * How many batches make one update of the weights: the same as batches that are so many times as large, in less
   * memory. Default 1.
   */
  accumulateGradBatches?: number
  /**
   * The `weightDecay` of the optimizer, for an optimizer by name. `{ value, biases: false }` leaves out biases and all
   * other parameters of one dimension. Default: the optimizer's.
   */
  weightDecay?: number | { value: number; biases?: boolean }
  /**
   * Metrics by name, or instances, computed for the training data (while the weights change) and the validation data:
   * `['mae']` gives `trainMae` and `validationMae` in the results of each epoch.
   */
  metrics?: readonly (MetricName | Metric)[]
  /**
   * The units of metrics of numbers such as `'mae'`, if the data are windows of a `Series`, or a `Subset` of them: `'data'`,
   * after the inverse of their scaler, of each group by its own; or `'scaled'`, as the model and the loss have them. A
   * metric with an `inverse` is left alone. A `MASE` without a scale gets that of the training windows. Default `'data'`.
   */
  metricUnits?: 'data' | 'scaled'
  /**
   * The number of an epoch's result by which epochs are compared, such as `'validationMae'`. Default: `validationLoss`,
   * or `trainLoss` without validation data.
   */
  monitor?: string
  /** Ends the `fit` after so many epochs without improvement: see {@link earlyStopping}. */
  patience?: number
  /** Gives the model the weights of the best epoch at the end: see {@link bestWeights}. Default `false`. */
  restoreBest?: boolean
  /** A folder for checkpoints, written after each epoch: see {@link checkpoint}. */
  checkpoint?: string
  /**
   * What SIGTERM and SIGINT (Ctrl-C) during a `fit` do. `'checkpoint'`: the `fit` ends after the current step and
   * writes a checkpoint into the folder of `checkpoint`, to be resumed; then the process ends as it does by default. A
   * SIGINT after that ends it at once. If the checkpoint cannot be written, `fit` rejects, and the process goes on. If
   * the program has a listener of its own for the signal, the process goes on: `fit` resolves with the completed
   * epochs, and `run.stopReason` is the name of the signal. Default: the trainer does not listen to signals. Not in a
   * worker thread, which gets none.
   */
  onSignal?: 'checkpoint'
  /** What else takes part in a `fit`. */
  callbacks?: readonly Callback[]
  /**
   * Gives the trainer its own random number generator with this seed: see `Trainer.generator`. On CUDA, the first `fit`
   * seeds the device. Default: torch's generator, which `torch.manualSeed` seeds.
   */
  seed?: number
  /**
   * What to do if a loss is NaN or infinite. `'throw'` ends the `fit` with `ERR_TORCH_NON_FINITE`. The error tells the
   * epoch, the step and the origin: the data, a parameter, the model or the loss function. On the CPU, `fit` ends at
   * that step, before it changes the weights. On a GPU, reading a value at each step would cost time, so `fit` ends
   * within a second or at the end of the pass. `'warn'` gives the same information in one warning and continues.
   * `'ignore'` continues silently. `evaluate` always just returns the value. Default `'throw'`.
   */
  nonFinite?: NonFinite
  /** Shuffle the samples in each epoch, if the trainer makes the batches. Default `true`. */
  shuffle?: boolean
  /**
   * The device to compute on: `'cpu'`, `'cuda'` or one such as `'cuda:1'`. The model, a loss module and the optimizer's
   * state are moved there. Each batch is moved there before it enters the model. Default: the model's device.
   */
  device?: Device
  /**
   * The dtype of the training: the floating-point weights of the model and of a loss module are converted when the
   * trainer is made, those of each batch before it enters the model. Predictions have it, too. Default: the dtypes that
   * model and data have, which must agree.
   */
  dtype?: 'float32' | 'float64' | 'bfloat16'
  /**
   * Compute the model and the loss in this dtype where that is safe: see `torch.autocast`. float16 also uses a
   * `GradScaler`, `Trainer.scaler`. LibTorch cannot train a float16 LSTM on the CPU. Default: keep the dtypes.
   */
  autocast?: 'bfloat16' | 'float16'
  /**
   * On CUDA, capture whole steps as CUDA graphs, one per batch shape, and replay them. This is many times faster if the
   * GPU computes faster than the program can launch work. Learning rates can still be changed.
   *
   * - `'auto'`: in `fit`, if a step consists of this library's code only (a model of `libtorch-rnn/models` as it is, with
   *   an LSTM, GRU or RNN; losses and metrics of this library; SGD, Adam, AdamW or Adagrad) and at least half of the
   *   device's memory stays free. If not, steps run without CUDA graphs.
   * - `true`: in `fit`, `evaluate` and `predict`. The TypeScript code of the model and the loss then runs only when a step
   *   is captured, so it must do the same for all batches of a shape. If a step cannot be captured, the trainer warns and
   *   continues without CUDA graphs.
   * - `false`: never.
   *
   * `Trainer.cudaGraphFallback` says why steps run without. Default `'auto'`.
   */
  cudaGraph?: boolean | 'auto'
  /**
   * `true`: a progress bar on a terminal, or else a line per epoch, on standard error. `'auto'`: a progress bar on a
   * terminal, but not in a test runner, and otherwise nothing. Default `'auto'`.
   */
  progress?: boolean | 'auto'
}

/** The optimizers of this library but LBFGS, by class name in lower case: `'sgd'`, `'adam'`, … */
export type OptimizerName = Exclude<
  {
    [Name in keyof typeof optim]: (typeof optim)[Name] extends new (
      parameters: Parameter[],
      options: { lr: number },
    ) => Optimizer<{ lr: number }>
      ? Lowercase<Name & string>
      : never
  }[keyof typeof optim],
  'lbfgs'
>

const OPTIMIZERS = Object.fromEntries(
  Object.entries(optim)
    .filter(([, Class]) => 'prototype' in Class && Class.prototype instanceof Optimizer)
    .filter(([, Class]) => Class !== optim.LBFGS)
    .map(([name, Class]) => [name.toLowerCase(), Class]),
) as unknown as Record<
  OptimizerName,
  new (
    parameters: Parameter[] | { params: Parameter[]; weightDecay?: number }[],
    options: { lr: number; weightDecay?: number },
  ) => Optimizer<{ lr: number }>
>

const NAMES = [
  'epochs',
  'maxSteps',
  'maxSeconds',
  'batchSize',
  'sequenceLength',
  'init',
  'lr',
  'schedule',
  'movingAverage',
  'carryState',
  'optimizer',
  'loss',
  'auxiliaryLosses',
  'clipGradNorm',
  'clipGradValue',
  'accumulateGradBatches',
  'weightDecay',
  'metrics',
  'metricUnits',
  'monitor',
  'patience',
  'restoreBest',
  'checkpoint',
  'onSignal',
  'callbacks',
  'seed',
  'nonFinite',
  'shuffle',
  'device',
  'dtype',
  'autocast',
  'cudaGraph',
  'progress',
] as const

export interface ResolvedOptions {
  epochs: number
  maxSteps: number
  maxSeconds: number
  batchSize: number
  sequenceLength: number | undefined
  init: InitOptions | undefined
  lr: number
  optimizer: NonNullable<TrainerOptions['optimizer']>
  loss: NonNullable<TrainerOptions['loss']>
  clipGradNorm: number | undefined
  clipGradValue: number | undefined
  accumulateGradBatches: number
  auxiliaryLosses: readonly AuxiliaryLoss[]
  weightDecay: { value: number; biases: boolean } | undefined
  schedule: Schedule | undefined
  movingAverage: number | undefined
  carryState: boolean
  monitor: MonitorOptions
  metrics: readonly Metric<unknown>[]
  metricUnits: 'data' | 'scaled'
  callbacks: readonly Callback[]
  /** Where a signal makes a `fit` write a checkpoint, if it is to. */
  signalFolder: string | undefined
  seed: number | undefined
  nonFinite: NonFinite
  shuffle: boolean
  device: Device | undefined
  dtype: TrainerOptions['dtype'] | undefined
  autocast: 'bfloat16' | 'float16' | undefined
  cudaGraph: boolean | 'auto'
  /** What a checkpoint must agree with. */
  settings: Settings
}

/** Checks all options and fills in the defaults. */
export function readOptions(options: TrainerOptions): ResolvedOptions {
  checkOptions('Trainer', options, NAMES)
  const counts = ['epochs', 'maxSteps', 'batchSize', 'sequenceLength', 'accumulateGradBatches'] as const
  for (const name of counts) {
    if (options[name] !== undefined) requireInteger('Trainer', name, options[name], 1)
  }
  for (const name of ['lr', 'clipGradNorm', 'clipGradValue', 'maxSeconds'] as const) {
    if (options[name] !== undefined) requirePositive('Trainer', name, options[name])
  }
  const { seed, nonFinite = 'throw', shuffle = true, progress = 'auto', optimizer = 'adam', loss = 'mse' } = options
  const { device, dtype, autocast, cudaGraph = 'auto', metricUnits = 'data', init } = options
  if (init !== undefined) requireInit('Trainer', init)
  if (seed !== undefined) requireInteger('Trainer', 'seed', seed)
  requireBoolean('Trainer', 'shuffle', shuffle)
  requireAutomatic('cudaGraph', cudaGraph)
  requireAutomatic('progress', progress)
  requireChoice('Trainer', 'nonFinite', nonFinite, ['throw', 'warn', 'ignore'])
  requireChoice('Trainer', 'metricUnits', metricUnits, ['data', 'scaled'])
  if (device !== undefined) requireUsable(device)
  if (autocast !== undefined) requireChoice('Trainer', 'autocast', autocast, ['bfloat16', 'float16'])
  if (dtype !== undefined) requireDType(dtype, autocast)
  for (const name of ['lr', 'weightDecay'] as const) {
    if (typeof optimizer !== 'function' || options[name] === undefined) continue
    throw torchError('ERR_TORCH_OPTION', `Trainer: ${name} has no effect on your own optimizer: set it there`)
  }
  const { auxiliaryLosses = [] } = options
  requireAuxiliary('Trainer', auxiliaryLosses)
  const { accumulateGradBatches = 1, maxSteps = Infinity, maxSeconds = Infinity } = options
  if (accumulateGradBatches > 1 && cudaGraph === true) {
    throw torchError('ERR_TORCH_OPTION', 'Trainer: cudaGraph captures whole steps, without accumulateGradBatches')
  }
  const isLimited = maxSteps < Infinity || maxSeconds < Infinity
  const metrics = readMetrics(options.metrics ?? [])
  const { carryState = false, schedule, movingAverage } = options
  requireBoolean('Trainer', 'carryState', carryState)
  if (carryState && options.shuffle === true) {
    throw torchError('ERR_TORCH_OPTION', 'Trainer: carryState continues one batch in the next: omit shuffle')
  }
  if (carryState && cudaGraph === true) {
    throw torchError(
      'ERR_TORCH_OPTION',
      'Trainer: cudaGraph captures steps that do not depend on each other, without carryState',
    )
  }
  if (movingAverage !== undefined) requireProbability('Trainer', 'movingAverage', movingAverage)
  const watching = schedule === undefined ? undefined : optim.lrScheduler.scheduleOf(schedule)
  const monitor = readMonitor(options, watching, metrics)
  return {
    epochs: options.epochs ?? (isLimited ? Infinity : 10),
    maxSteps,
    maxSeconds,
    clipGradValue: options.clipGradValue,
    accumulateGradBatches,
    auxiliaryLosses,
    weightDecay: readWeightDecay(options.weightDecay),
    metrics,
    metricUnits,
    callbacks: readCallbacks(options, monitor, progress),
    schedule: watching,
    movingAverage,
    carryState,
    monitor,
    signalFolder: readOnSignal(options),
    batchSize: options.batchSize ?? 32,
    sequenceLength: options.sequenceLength,
    init,
    lr: options.lr ?? 1e-3,
    clipGradNorm: options.clipGradNorm,
    optimizer,
    loss,
    seed,
    nonFinite,
    shuffle: shuffle && !carryState,
    device,
    dtype,
    autocast,
    cudaGraph,
    settings: settingsOf(options),
  }
}

function requireDType(dtype: unknown, autocast: ResolvedOptions['autocast']): void {
  if (dtype === 'float16') {
    throw torchError(
      'ERR_TORCH_VALUE',
      "Trainer: dtype: 'float16' would lose small gradients: use autocast: 'float16', which scales them, or 'bfloat16'",
    )
  }
  requireChoice('Trainer', 'dtype', dtype, ['float32', 'float64', 'bfloat16'])
  if (autocast === undefined || dtype === 'float32') return
  throw torchError(
    'ERR_TORCH_OPTION',
    `Trainer: autocast chooses a dtype for each operation of a model in float32: dtype cannot be '${dtype}'`,
  )
}

function requireAutomatic(name: string, value: unknown): void {
  if (typeof value === 'boolean' || value === 'auto') return
  throw invalid('Trainer', name, "a boolean or 'auto'", value, 'ERR_TORCH_VALUE')
}

function readWeightDecay(given: TrainerOptions['weightDecay']): ResolvedOptions['weightDecay'] {
  if (given === undefined) return undefined
  const options = typeof given === 'object' && given !== null ? given : { value: given }
  checkOptions('Trainer', options, ['value', 'biases'])
  const { value, biases = true } = options
  requireNonNegative('Trainer', 'weightDecay', value)
  requireBoolean('Trainer', 'weightDecay.biases', biases)
  return { value, biases }
}

function readMetrics(given: unknown): Metric<unknown>[] {
  if (!Array.isArray(given)) throw invalid('Trainer', 'metrics', 'an array of names or metrics', given)
  const metrics = given.map((metric) => metricOf('Trainer', metric))
  const tensor = metrics.find((metric) => !metric.isScalar)
  if (tensor !== undefined) {
    throw torchError(
      'ERR_TORCH_OPTION',
      `Trainer: the result of ${describe(tensor)}, '${tensor.name}', is a Tensor, not a number: update and compute it yourself, with the outputs of predict`,
    )
  }
  const twice = metrics.find(({ name }, i) => metrics.findIndex((other) => other.name === name) !== i)
  if (twice === undefined) return metrics
  throw torchError('ERR_TORCH_OPTION', `Trainer: two metrics have the name '${twice.name}': give one of them a name`)
}

function readMonitor(
  { monitor, patience, restoreBest, checkpoint: folder }: TrainerOptions,
  schedule: Schedule | undefined,
  metrics: readonly Metric<unknown>[],
): MonitorOptions {
  if (monitor === undefined) return {}
  if (patience === undefined && restoreBest !== true && folder === undefined && schedule?.needsMetric !== true) {
    throw torchError(
      'ERR_TORCH_OPTION',
      "Trainer: monitor has no effect without patience, restoreBest, checkpoint or schedule: 'plateau'",
    )
  }
  const watch = { monitor, mode: modeOf(monitor, metrics) }
  requireMonitor('Trainer', watch)
  return watch
}

/** All callbacks: those that options stand for, and the user's. */
function readCallbacks(options: TrainerOptions, watch: MonitorOptions, progress: boolean | 'auto'): Callback[] {
  const { patience, restoreBest = false, checkpoint: folder, callbacks = [] } = options
  requireCallbacks('Trainer', callbacks)
  if (patience !== undefined) requireInteger('Trainer', 'patience', patience, 1)
  requireBoolean('Trainer', 'restoreBest', restoreBest)
  if (folder !== undefined) requireString('Trainer', 'checkpoint', folder)
  const bar = progress === 'auto' ? automaticProgress() : progress ? progressBar() : undefined
  return [
    ...(bar === undefined ? [] : [bar]),
    ...(patience === undefined ? [] : [earlyStopping({ ...watch, patience })]),
    ...(restoreBest ? [bestWeights(watch)] : []),
    ...callbacks,
    // Last, to save the state that the others have reached.
    ...(folder === undefined ? [] : [checkpoint(folder, watch)]),
  ]
}

function readOnSignal({ onSignal, checkpoint: folder }: TrainerOptions): string | undefined {
  if (onSignal === undefined) return undefined
  requireChoice('Trainer', 'onSignal', onSignal, ['checkpoint'])
  if (folder === undefined) {
    throw torchError('ERR_TORCH_OPTION', "Trainer: onSignal: 'checkpoint' needs the option checkpoint, a folder")
  }
  if (isMainThread) return folder
  throw torchError('ERR_TORCH_OPTION', 'Trainer: onSignal cannot be used in a worker thread, which gets no signals')
}

/** The direction in which a monitored number improves. */
function modeOf(monitor: string, metrics: readonly Metric<unknown>[]): MonitorMode {
  const metric = metrics.find(({ name }) => ['train', 'validation'].some((pass) => monitor === resultName(pass, name)))
  return metric?.higherIsBetter === true ? 'max' : 'min'
}

/** The name of a metric's value in the results of an epoch: `validationMae`. */
export function resultName(pass: string, metric: string): string {
  return `${pass}${metric.slice(0, 1).toUpperCase()}${metric.slice(1)}`
}

/** @throws {TorchError} for an optimizer that evaluates the loss several times per step. */
export function refuseClosure(owner: string, optimizer: Optimizer): void {
  if (!(optimizer instanceof optim.LBFGS)) return
  const { name } = optimizer.constructor
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: ${name} evaluates the loss several times per step, on the same data: call its step with a function, in a loop of your own`,
  )
}

export function optimizerOf({ optimizer, lr, weightDecay }: ResolvedOptions, model: Module): Optimizer<{ lr: number }> {
  const parameters = [...model.parameters()]
  if (typeof optimizer === 'function') {
    if (optimizer.prototype instanceof Optimizer) {
      const { name } = optimizer
      throw torchError(
        'ERR_TORCH_TYPE',
        `Trainer: optimizer must be an optimizer's name or a function that makes one: (parameters) => new ${name}(parameters)`,
      )
    }
    const made = optimizer(parameters)
    if (made instanceof Optimizer) {
      refuseClosure('Trainer', made)
      return made as Optimizer<{ lr: number }>
    }
    throw invalid('Trainer', 'optimizer', 'a function that returns an Optimizer', made)
  }
  if (!Object.hasOwn(OPTIMIZERS, optimizer)) {
    const hint = String(optimizer).toLowerCase() === 'lbfgs' ? '; LBFGS needs a loop of your own' : ''
    throw invalid(
      'Trainer',
      'optimizer',
      `${Object.keys(OPTIMIZERS).join(', ')} or a function${hint}`,
      optimizer,
      'ERR_TORCH_VALUE',
    )
  }
  if (weightDecay === undefined) return new OPTIMIZERS[optimizer](parameters, { lr })
  const settings = { lr, weightDecay: weightDecay.value }
  if (weightDecay.biases) return new OPTIMIZERS[optimizer](parameters, settings)
  const groups = [
    { params: parameters.filter(({ ndim }) => ndim > 1) },
    { params: parameters.filter(({ ndim }) => ndim <= 1), weightDecay: 0 },
  ]
  return new OPTIMIZERS[optimizer](
    groups.filter(({ params }) => params.length > 0),
    settings,
  )
}
