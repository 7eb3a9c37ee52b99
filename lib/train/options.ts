import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import {
  BCELoss,
  BCEWithLogitsLoss,
  CrossEntropyLoss,
  HuberLoss,
  L1Loss,
  MSELoss,
  NLLLoss,
  PoissonNLLLoss,
  SmoothL1Loss,
} from '../nn/index.ts'
import type { Module } from '../nn/module.ts'
import type { Parameter } from '../nn/parameter.ts'
import { Adam, AdamW, Optimizer, SGD } from '../optim/index.ts'
import { checkOptions } from '../options.ts'
import type { Device, Tensor } from '../tensor/tensor.ts'
import { requireDevice } from './placement.ts'
import type { ProgressListener } from './progress.ts'

/** The loss of an output against a target: one number. */
export type Criterion = (output: Tensor, target: Tensor) => Tensor

export interface TrainerOptions {
  /** Passes over the training data. Default 10. */
  epochs?: number
  /** Samples per step, where the trainer makes the batches. Default 32. */
  batchSize?: number
  /** Cut `[inputs, targets]`, two series (T, I) and (T, O), into windows of this length. Default: they are samples. */
  sequenceLength?: number
  /** Default 1e-3. Not with an optimizer of one's own, which has its own. */
  learningRate?: number
  /** By name, or made from the model's parameters. Default `'adam'`. */
  optimizer?: 'sgd' | 'adam' | 'adamw' | ((parameters: Parameter[]) => Optimizer)
  /** By name, a loss module, or a function. Default `'mse'`. */
  loss?: keyof typeof LOSSES | { forward: Criterion } | Criterion
  /** The greatest norm that all gradients together may have. Default: no limit. */
  clipGradNorm?: number
  /** Seeds torch and the order of samples at the start of each `fit`. Default: not seeded. */
  seed?: number
  /** A new order of samples in each epoch, where the trainer makes the batches. Default `true`. */
  shuffle?: boolean
  /**
   * Where to compute: `'cpu'`, `'cuda'` or one such as `'cuda:1'`. The model, a loss that is a module, and the optimizer's
   * state are moved there, and each batch on its way to the model. Default: where the model is.
   */
  device?: Device
  /**
   * Compute the model and the loss in this dtype where that does no harm: `torch.autocast`. float16 brings a `GradScaler`
   * along, `Trainer.scaler`. On the CPU LibTorch has no LSTM of float16 to train. Default: as they are.
   */
  autocast?: 'bfloat16' | 'float16'
  /**
   * On CUDA, capture whole steps and predictions into CUDA graphs, one for each shape of a batch, and replay them: many
   * times faster where the GPU is done sooner than the program can tell it what to do. What the model and the loss do in
   * TypeScript then happens when a step is captured, and must be the same for all batches of a shape; learning rates can
   * be changed. Where a step cannot be captured, the trainer warns and goes on without: see
   * `Trainer.cudaGraphFallback`. Default `false`.
   */
  cudaGraph?: boolean
  /** A bar on a terminal, else a line per epoch, on standard error; or a listener. Default `true`. */
  progress?: boolean | ProgressListener
}

const OPTIMIZERS = { sgd: SGD, adam: Adam, adamw: AdamW } as const
// Those of one output and one target, with defaults that make sense; the others are given as modules.
const LOSSES = {
  mse: MSELoss,
  l1: L1Loss,
  smoothL1: SmoothL1Loss,
  huber: HuberLoss,
  crossEntropy: CrossEntropyLoss,
  nll: NLLLoss,
  bce: BCELoss,
  bceWithLogits: BCEWithLogitsLoss,
  poissonNll: PoissonNLLLoss,
} as const

const NAMES = [
  'epochs',
  'batchSize',
  'sequenceLength',
  'learningRate',
  'optimizer',
  'loss',
  'clipGradNorm',
  'seed',
  'shuffle',
  'device',
  'autocast',
  'cudaGraph',
  'progress',
] as const

export interface ResolvedOptions {
  epochs: number
  batchSize: number
  sequenceLength: number | undefined
  learningRate: number
  optimizer: NonNullable<TrainerOptions['optimizer']>
  loss: NonNullable<TrainerOptions['loss']>
  clipGradNorm: number | undefined
  seed: number | undefined
  shuffle: boolean
  device: Device | undefined
  autocast: 'bfloat16' | 'float16' | undefined
  cudaGraph: boolean
  progress: boolean | ProgressListener
}

function invalid(name: string, wanted: string, value: unknown): never {
  throw torchError('ERR_TORCH_VALUE', `Trainer: ${name} must be ${wanted}, got ${describe(value)}`)
}

/** Checks every option, and puts in the defaults. */
export function readOptions(options: TrainerOptions): ResolvedOptions {
  checkOptions('Trainer', options, NAMES)
  for (const name of ['epochs', 'batchSize', 'sequenceLength'] as const) {
    const value = options[name]
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) invalid(name, 'a positive integer', value)
  }
  for (const name of ['learningRate', 'clipGradNorm'] as const) {
    const value = options[name]
    if (value !== undefined && !(typeof value === 'number' && value > 0)) invalid(name, 'a positive number', value)
  }
  const { seed, shuffle = true, progress = true, optimizer = 'adam', loss = 'mse' } = options
  if (seed !== undefined && !Number.isSafeInteger(seed)) invalid('seed', 'an integer', seed)
  if (typeof shuffle !== 'boolean') invalid('shuffle', 'a boolean', shuffle)
  if (!['boolean', 'function'].includes(typeof progress)) invalid('progress', 'a boolean or a function', progress)
  const { device, autocast, cudaGraph = false } = options
  if (device !== undefined) requireDevice(device)
  if (autocast !== undefined && autocast !== 'bfloat16' && autocast !== 'float16') {
    invalid('autocast', "'bfloat16' or 'float16'", autocast)
  }
  if (typeof cudaGraph !== 'boolean') invalid('cudaGraph', 'a boolean', cudaGraph)
  if (typeof optimizer === 'function' && options.learningRate !== undefined) {
    throw torchError(
      'ERR_TORCH_OPTION',
      'Trainer: learningRate has no effect on an optimizer of your own: set lr there',
    )
  }
  return {
    epochs: options.epochs ?? 10,
    batchSize: options.batchSize ?? 32,
    sequenceLength: options.sequenceLength,
    learningRate: options.learningRate ?? 1e-3,
    clipGradNorm: options.clipGradNorm,
    optimizer,
    loss,
    seed,
    shuffle,
    device,
    autocast,
    cudaGraph,
    progress,
  }
}

export function optimizerOf({ optimizer, learningRate }: ResolvedOptions, model: Module): Optimizer {
  const parameters = [...model.parameters()]
  if (typeof optimizer === 'function') {
    const made = optimizer(parameters)
    if (made instanceof Optimizer) return made
    return invalid('optimizer', 'a function that returns an Optimizer', made)
  }
  if (!Object.hasOwn(OPTIMIZERS, optimizer))
    invalid('optimizer', `${Object.keys(OPTIMIZERS).join(', ')} or a function`, optimizer)
  return new OPTIMIZERS[optimizer](parameters, { lr: learningRate })
}

export function criterionOf(loss: ResolvedOptions['loss']): Criterion {
  if (typeof loss === 'function') return loss
  if (typeof loss === 'object' && typeof loss?.forward === 'function') {
    return (output, target) => loss.forward(output, target)
  }
  if (typeof loss !== 'string' || !Object.hasOwn(LOSSES, loss))
    invalid('loss', `${Object.keys(LOSSES).join(', ')}, a loss module or a function`, loss)
  const module = new LOSSES[loss]()
  return (output, target) => module.forward(output, target)
}
