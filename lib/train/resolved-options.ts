import { isMainThread } from 'node:worker_threads'
import {
  checkOptions,
  invalid,
  requireBoolean,
  requireChoice,
  requireInteger,
  requirePositive,
  requireProbability,
  requireString,
} from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { Metric } from '../metrics/metric.ts'
import { metricOf } from '../metrics/metric-of.ts'
import { type Schedule, scheduleOf } from '../optim/lr-scheduler/index.ts'
import type { Device } from '../tensor/tensor.ts'
import { type AuxiliaryLoss, requireAuxiliary } from './auxiliary.ts'
import { type Callback, requireCallbacks } from './callback.ts'
import { bestWeights } from './callbacks/best-weights.ts'
import { checkpoint } from './callbacks/checkpoint.ts'
import { earlyStopping } from './callbacks/early-stopping.ts'
import { automaticProgress, progressBar } from './callbacks/progress-bar.ts'
import type { NonFinite } from './divergence.ts'
import { type InitOptions, requireInit } from './initialization.ts'
import { type MonitorMode, type MonitorOptions, type ResultNames, requireMonitor } from './monitor.ts'
import { readWeightDecay, type WeightDecay } from './optimizer.ts'
import type { TrainerOptions } from './options.ts'
import { requireUsable } from './placement.ts'
import { type Settings, settingsOf } from './settings.ts'

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

/** Options with their defaults, and what they stand for. */
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
  weightDecay: WeightDecay | undefined
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
  if (options.lr === Infinity) throw invalid('Trainer', 'lr', 'a finite number', options.lr, 'ERR_TORCH_VALUE')
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
  const metrics = numbersOf(readMetrics('Trainer', options.metrics ?? []))
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
  // The averages would be the first weights for ever.
  if (movingAverage === 1) {
    throw invalid('Trainer', 'movingAverage', 'less than 1, such as 0.999', movingAverage, 'ERR_TORCH_VALUE')
  }
  const watching = schedule === undefined ? undefined : scheduleOf(schedule)
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

/**
 * Metrics by name, or instances.
 *
 * @param others whose names are taken
 * @throws {TorchError} if one is neither, or two have the same name.
 */
export function readMetrics(owner: string, given: unknown, others: readonly Metric<unknown>[] = []): Metric<unknown>[] {
  if (!Array.isArray(given)) throw invalid(owner, 'metrics', 'an array of names or metrics', given)
  const metrics = given.map((metric) => metricOf(owner, metric))
  const all = [...others, ...metrics]
  const results = all.map(({ name }) => resultName('', name))
  if (results.includes('Loss')) {
    throw torchError(
      'ERR_TORCH_OPTION',
      `${owner}: a metric has the name '${all[results.indexOf('Loss')]?.name}', which is that of the loss in results: give it another, { name: 'error' }`,
    )
  }
  const twice = all.find((_, i) => results.indexOf(results[i] as string) !== i)
  if (twice === undefined) return metrics
  const own = others.some(({ name }) => resultName('', name) === resultName('', twice.name))
    ? ', one of them of the trainer'
    : ''
  throw torchError(
    'ERR_TORCH_OPTION',
    `${owner}: two metrics have the name '${twice.name}'${own}: give one of them a name`,
  )
}

/** @throws {TorchError} if a metric has no number for the result of an epoch. */
function numbersOf(metrics: Metric<unknown>[]): Metric<unknown>[] {
  const tensor = metrics.find((metric) => !metric.isScalar)
  if (tensor === undefined) return metrics
  throw torchError(
    'ERR_TORCH_OPTION',
    `Trainer: the result of ${describe(tensor)}, '${tensor.name}', is a Tensor, not a number for each epoch: give it to evaluate(data, { metrics: [...] })`,
  )
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

/** The names of the numbers in the result of an epoch, with or without validation. */
export function resultNames(metrics: readonly Metric<unknown>[], hasValidation: boolean): ResultNames {
  const of = (pass: string): string[] => metrics.map(({ name }) => resultName(pass, name))
  const validation = ['validationLoss', ...of('validation')]
  const names = ['epoch', 'trainLoss', 'seconds', ...of('train'), 'lr']
  return hasValidation ? { names: [...names, ...validation], missing: [] } : { names, missing: validation }
}
