import type { Metric } from '../metrics/metric.ts'
import type { MetricName } from '../metrics/metric-of.ts'
import type { Parameter } from '../nn/parameter.ts'
import type { ScheduleSpec } from '../optim/lr-scheduler/index.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Device } from '../tensor/tensor.ts'
import type { AuxiliaryLoss } from './auxiliary.ts'
import type { Callback } from './callback.ts'
import type { Loss } from './criterion.ts'
import type { NonFinite } from './divergence.ts'
import type { InitOptions } from './initialization.ts'
import type { OptimizerName } from './optimizer.ts'

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
   * Also averages the weights, with this decay of older ones per update, such as 0.999: over about 1 / (1 - decay)
   * updates. As with PyTorch's `AveragedModel`, the first update is copied, so a `fit` should be a few times as long; it
   * warns if it is shorter. The averages are validated, and become the model's weights at the end. Default: no averages.
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
  /**
   * A folder for checkpoints, written after each epoch: see {@link checkpoint}. Each run needs its own: `fit` rejects if
   * the folder has checkpoints that it does not `resume`.
   */
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
   * seeds the device. A `fit` that is resumed continues with the random numbers of its checkpoint, whatever the seed.
   * Default: torch's generator, which `torch.manualSeed` seeds.
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
