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
  /** Passes over the training data. Default 10. */
  epochs?: number
  /** Samples per step, where the trainer makes the batches. Default 32. */
  batchSize?: number
  /** Cut `[inputs, targets]`, two series (T, I) and (T, O), into windows of this length. Default: they are samples. */
  sequenceLength?: number
  /** The learning rate. Default 1e-3. Not with an optimizer of one's own, which has its own. */
  lr?: number
  /** By name, or made from the model's parameters. Default `'adam'`. */
  optimizer?: OptimizerName | ((parameters: Parameter[]) => Optimizer)
  /**
   * By name, a loss module, or a function of output and target that gives a tensor of one element. For losses that compare
   * element by element, as `'mse'` does, output and target must be of one shape. Default `'mse'`.
   */
  loss?: Loss
  /** The greatest norm that all gradients together may have. Default: no limit. */
  clipGradNorm?: number
  /**
   * Gives the trainer random numbers of its own, which start from here: see `Trainer.generator`. On CUDA it seeds the
   * device at the first `fit`. Default: torch's, as `torch.manualSeed` sets them.
   */
  seed?: number
  /**
   * What to do about a loss that is NaN or infinite. `'throw'` ends the `fit` with `ERR_TORCH_NON_FINITE`, which tells the
   * epoch, the step and where it began: in the data, a parameter, the model or the loss function. On the CPU it ends at
   * that step, before the weights are changed by it; on a GPU, where reading a value at each step would cost time, within
   * a second or at the end of the pass. `'warn'` says the same once and goes on; `'ignore'` goes on. `evaluate` only ever
   * gives the value. Default `'throw'`.
   */
  nonFinite?: NonFinite
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
  /**
   * `true`: a bar on a terminal, else a line per epoch, on standard error. `'auto'`: the bar on a terminal, but not in a
   * test runner, and nothing elsewhere. Or a listener, which may be async: `fit` waits for it, and rejects with what it
   * throws. Default `'auto'`.
   */
  progress?: boolean | 'auto' | ProgressListener
}

/** Those that this library has, by the names of their classes: `'sgd'`, `'adam'`, … */
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
    .filter(([, Class]) => Class.prototype instanceof Optimizer)
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

/** Checks every option, and puts in the defaults. */
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
    throw torchError('ERR_TORCH_OPTION', 'Trainer: lr has no effect on an optimizer of your own: set it there')
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
