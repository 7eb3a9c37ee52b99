import { checkOptions, invalid, requireBoolean, requireChoice, requireInteger, requirePositive } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Module } from '../nn/module.ts'
import type { Parameter } from '../nn/parameter.ts'
import * as optim from '../optim/index.ts'
import { Optimizer } from '../optim/optimizer.ts'
import type { Device } from '../tensor/tensor.ts'
import type { Loss } from './criterion.ts'
import type { NonFinite } from './divergence.ts'
import { requireUsable } from './placement.ts'
import type { ProgressListener } from './progress.ts'

export interface TrainerOptions {
  /** The number of passes over the training data. Default 10. */
  epochs?: number
  /** The number of samples per step, if the trainer makes the batches. Default 32. */
  batchSize?: number
  /**
   * Cut `[inputs, targets]`, two series (T, I) and (T, O), into windows of this length. Default: the two tensors hold
   * samples, and are not cut.
   */
  sequenceLength?: number
  /** The learning rate. Default 1e-3. Not allowed if `optimizer` is a function: set the learning rate there. */
  lr?: number
  /** The name of an optimizer, or a function that makes one from the model's parameters. Default `'adam'`. */
  optimizer?: OptimizerName | ((parameters: Parameter[]) => Optimizer)
  /**
   * The name of a loss, a loss module, or a function of output and target that returns a one-element tensor. For
   * elementwise losses such as `'mse'`, output and target must have the same shape. Default `'mse'`.
   */
  loss?: Loss
  /** The maximum norm of all gradients together. Default: no limit. */
  clipGradNorm?: number
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
   * Compute the model and the loss in this dtype where that is safe: see `torch.autocast`. float16 also uses a
   * `GradScaler`, `Trainer.scaler`. LibTorch cannot train a float16 LSTM on the CPU. Default: keep the dtypes.
   */
  autocast?: 'bfloat16' | 'float16'
  /**
   * On CUDA, capture whole steps and predictions as CUDA graphs, one per batch shape, and replay them. This is many
   * times faster if the GPU computes faster than the program can launch work. The TypeScript code of the model and the
   * loss then runs only when a step is captured, so it must do the same for all batches of a shape. Learning rates can
   * still be changed. If a step cannot be captured, the trainer warns and continues without CUDA graphs: see
   * `Trainer.cudaGraphFallback`. Default `false`.
   */
  cudaGraph?: boolean
  /**
   * `true`: a progress bar on a terminal, or else a line per epoch, on standard error. `'auto'`: a progress bar on a
   * terminal, but not in a test runner, and otherwise nothing. Or a listener, which may be async: `fit` waits for it,
   * and rejects with any error that it throws. Default `'auto'`.
   */
  progress?: boolean | 'auto' | ProgressListener
}

/** The optimizers of this library, by class name in lower case: `'sgd'`, `'adam'`, … */
export type OptimizerName = {
  [Name in keyof typeof optim]: (typeof optim)[Name] extends new (
    parameters: Parameter[],
    options: { lr: number },
  ) => Optimizer<{ lr: number }>
    ? Lowercase<Name & string>
    : never
}[keyof typeof optim]

const OPTIMIZERS = Object.fromEntries(
  Object.entries(optim)
    .filter(([, Class]) => 'prototype' in Class && Class.prototype instanceof Optimizer)
    .map(([name, Class]) => [name.toLowerCase(), Class]),
) as unknown as Record<
  OptimizerName,
  new (
    parameters: Parameter[],
    options: { lr: number },
  ) => Optimizer<{ lr: number }>
>

const NAMES = [
  'epochs',
  'batchSize',
  'sequenceLength',
  'lr',
  'optimizer',
  'loss',
  'clipGradNorm',
  'seed',
  'nonFinite',
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
  lr: number
  optimizer: NonNullable<TrainerOptions['optimizer']>
  loss: NonNullable<TrainerOptions['loss']>
  clipGradNorm: number | undefined
  seed: number | undefined
  nonFinite: NonFinite
  shuffle: boolean
  device: Device | undefined
  autocast: 'bfloat16' | 'float16' | undefined
  cudaGraph: boolean
  progress: boolean | 'auto' | ProgressListener
}

/** Checks all options and fills in the defaults. */
export function readOptions(options: TrainerOptions): ResolvedOptions {
  checkOptions('Trainer', options, NAMES)
  for (const name of ['epochs', 'batchSize', 'sequenceLength'] as const) {
    if (options[name] !== undefined) requireInteger('Trainer', name, options[name], 1)
  }
  for (const name of ['lr', 'clipGradNorm'] as const) {
    if (options[name] !== undefined) requirePositive('Trainer', name, options[name])
  }
  const { seed, nonFinite = 'throw', shuffle = true, progress = 'auto', optimizer = 'adam', loss = 'mse' } = options
  const { device, autocast, cudaGraph = false } = options
  if (seed !== undefined) requireInteger('Trainer', 'seed', seed)
  requireBoolean('Trainer', 'shuffle', shuffle)
  requireBoolean('Trainer', 'cudaGraph', cudaGraph)
  if (!['boolean', 'function'].includes(typeof progress) && progress !== 'auto') {
    throw invalid('Trainer', 'progress', "a boolean, 'auto' or a function", progress, 'ERR_TORCH_VALUE')
  }
  requireChoice('Trainer', 'nonFinite', nonFinite, ['throw', 'warn', 'ignore'])
  if (device !== undefined) requireUsable(device)
  if (autocast !== undefined) requireChoice('Trainer', 'autocast', autocast, ['bfloat16', 'float16'])
  if (typeof optimizer === 'function' && options.lr !== undefined) {
    throw torchError('ERR_TORCH_OPTION', 'Trainer: lr has no effect on your own optimizer: set it there')
  }
  return {
    epochs: options.epochs ?? 10,
    batchSize: options.batchSize ?? 32,
    sequenceLength: options.sequenceLength,
    lr: options.lr ?? 1e-3,
    clipGradNorm: options.clipGradNorm,
    optimizer,
    loss,
    seed,
    nonFinite,
    shuffle,
    device,
    autocast,
    cudaGraph,
    progress,
  }
}

export function optimizerOf({ optimizer, lr }: ResolvedOptions, model: Module): Optimizer<{ lr: number }> {
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
    if (made instanceof Optimizer) return made as Optimizer<{ lr: number }>
    throw invalid('Trainer', 'optimizer', 'a function that returns an Optimizer', made)
  }
  if (!Object.hasOwn(OPTIMIZERS, optimizer)) {
    throw invalid(
      'Trainer',
      'optimizer',
      `${Object.keys(OPTIMIZERS).join(', ')} or a function`,
      optimizer,
      'ERR_TORCH_VALUE',
    )
  }
  return new OPTIMIZERS[optimizer](parameters, { lr })
}
