import type { GradScaler } from '../amp/index.ts'
import { checkOptions, invalid, requireBoolean, requireNone, requireSignal } from '../check.ts'
import { manualSeed as seedCuda } from '../cuda/index.ts'
import { torchError } from '../errors.ts'
import { Module } from '../nn/module.ts'
import { moveState, type Optimizer } from '../optim/optimizer.ts'
import type { NestedArray } from '../tensor/data.ts'
import { Generator } from '../tensor/generator.ts'
import { withGenerator } from '../tensor/random.ts'
import { type Device, isTensor, type Tensor } from '../tensor/tensor.ts'
import { type Callback, Callbacks } from './callback.ts'
import { MANY } from './cut.ts'
import { checkDryRun, type DryRun, type DryRunOptions, dryRun } from './dry-run.ts'
import { Ending } from './ending.ts'
import { type EvaluateOptions, type Evaluation, type EvaluationOf, evaluate, type Measured } from './evaluation.ts'
import {
  type BatchSizeSearch,
  type FindBatchSizeOptions,
  findBatchSize,
  readFindOptions,
  requireResizable,
} from './find-batch-size.ts'
import { type FitOptions, readFitOptions } from './fit-options.ts'
import { runFit } from './fitting.ts'
import { type Graph, graphOn } from './graph.ts'
import { GraphMaker } from './graph-maker.ts'
import { History } from './history.ts'
import { initialize } from './initialization.ts'
import { requireMonitors } from './monitor.ts'
import { optimizerOf } from './optimizer.ts'
import type { TrainerOptions } from './options.ts'
import type { TrainerParts } from './parts.ts'
import { deviceOf, onDevice, place } from './placement.ts'
import { type PredictOptions, Predictor } from './predictor.ts'
import { sourceFor } from './reader.ts'
import { type ResolvedOptions, readOptions, resultNames } from './resolved-options.ts'
import { Runners } from './runners.ts'
import { requireSameScales, requireScales } from './scales.ts'
import { Signals } from './signals.ts'
import { type PredictionData, predictable, type Source, type TrainingData } from './source.ts'
import { Step, type TrainableModel } from './step.ts'
import type { TrialParts } from './trial.ts'
import {
  type LearningRateTest,
  readTuneOptions,
  type TuneLearningRateOptions,
  tuneLearningRate,
} from './tune-learning-rate.ts'
import { use } from './usage.ts'

/** @internal The key of the method that makes graphs: tests exchange it. */
export const makeGraph = Symbol('makeGraph')

/**
 * Trains a model. Each step (batch, forward, loss, backward, clipping, optimizer) runs on a separate thread, including
 * the parts written in TypeScript, so the event loop stays free. Its tensors are disposed when it ends. On a GPU no
 * step waits for a value: the loss is summed there and read once per epoch, while the next batches are being copied.
 *
 * @example
 * const trainer = new Trainer(model, { epochs: 50, batchSize: 32, lr: 1e-2, clipGradNorm: 1 })
 * const history = await trainer.fit([inputs, targets], { validation: [heldOutInputs, heldOutTargets] })
 * @example
 * new Trainer(model, { device: 'cuda', autocast: 'bfloat16' })
 * @throws {TorchError} for an unknown option or an invalid value, such as a device that does not exist.
 */
export class Trainer {
  readonly model: TrainableModel
  /** Its `paramGroups` can be changed between epochs: `trainer.optimizer.paramGroups[0].lr = 1e-4`. */
  readonly optimizer: Optimizer<{ lr: number }>
  /**
   * With a `seed`, the source of all random numbers of a `fit` on the CPU: the order of samples, dropout, and draws of
   * the model, the loss and the data. Nothing else draws from it, and each `fit` continues where the last one ended.
   * Save its state (`getState`, `setState`) in checkpoints.
   */
  readonly generator: Generator | undefined
  readonly #options: ResolvedOptions
  readonly #parts: TrainerParts
  readonly #graphs: GraphMaker
  readonly #runners: Runners
  readonly #predictor: Predictor
  // The method that trains at the moment.
  #running: string | undefined
  #history: History | undefined
  #seededCuda = false

  constructor(model: TrainableModel, options: TrainerOptions = {}, ...none: undefined[]) {
    requireNone('Trainer', none)
    if (typeof model?.forward !== 'function' || typeof model.parameters !== 'function') {
      throw invalid('Trainer', 'model', 'a Module', model)
    }
    const read = readOptions(options)
    const { device, dtype, loss, seed, init, batchSize } = read
    this.#options = read
    this.model = model
    const modules = loss instanceof Module ? [model, loss] : [model]
    this.generator = seed === undefined ? undefined : new Generator().manualSeed(seed)
    if (init !== undefined) this.#drawing(() => initialize('Trainer', model, init))
    // An optimizer creates its state on the devices of the parameters, and in their dtypes.
    if (dtype !== undefined) for (const module of modules) module.to({ dtype })
    if (device !== undefined) place(modules, device)
    const optimizer = optimizerOf(read, model)
    this.optimizer = optimizer
    const stepOptions = { ...read, owner: 'Trainer' } as const
    const onUpdated = (): void => this.#parts.averaged?.updateParameters(model)
    const step = new Step(model, optimizer, { ...stepOptions, onUpdated })
    const evaluation = new Step(model, optimizer, stepOptions)
    const { generator } = this
    this.#parts = { model, modules, optimizer, generator, options: read, step, evaluation, averaged: undefined }
    this.#graphs = new GraphMaker(this.#parts, (device) => this[makeGraph](device))
    this.#runners = new Runners(this.#parts, this.#graphs)
    step.prepare(this.#place())
    this.#predictor = new Predictor({
      model,
      step: evaluation,
      batchSize,
      place: () => this.#place(),
      moves: (device) => this.#runners.moves(device),
      makeGraphs: (device) => this.#graphs.make(device),
    })
  }

  /**
   * Trains for `epochs` epochs and returns the history. Call it again to continue. A `fit` that is stopped (by a
   * callback, a limit, or a signal with `onAbort: 'resolve'`) resolves, too.
   *
   * @throws {TorchError} (rejects) `ERR_TORCH_NON_FINITE` for a NaN or infinite loss, see
   *   {@link TrainerOptions.nonFinite}; `ERR_TORCH_VALUE` for validation windows with other scales or columns;
   *   `ERR_TORCH_SHAPE` for targets that the loss cannot compare with the output;
   *   `ERR_TORCH_FORMAT` for a damaged checkpoint, `ERR_TORCH_VALUE` for one of another model or with other settings, and
   *   for a `monitor` that no epoch will have; `ERR_TORCH_FILE` for a folder with checkpoints of another `fit`;
   *   `ERR_TORCH_RUNTIME` while another `fit` of this trainer, or one with the same metrics or stateful callbacks, is
   *   running; whatever the model, the loss, the data, a callback or the signal
   *   throws. {@link Trainer.history} then has the completed epochs.
   */
  async fit(data: TrainingData, options: FitOptions = {}): Promise<History> {
    const { validation, signal, onAbort, resume } = readFitOptions(options)
    this.#requireIdle()
    if (onAbort === 'reject') signal?.throwIfAborted()
    const source = this.#source(data, this.#options.shuffle)
    const held = validation === undefined ? undefined : this.#source(validation, false)
    if (held !== undefined) requireSameScales('fit', source, held)
    this.#requireMonitors(held !== undefined)
    const ending = new Ending()
    const callbacks = new Callbacks(this.#options.callbacks, ending)
    const device = this.#place()
    this.#parts.step.prepare(device)
    this.#seedCuda(device)
    const release = this.#use('fit', this.#options.callbacks)
    this.#running = 'fit'
    this.#graphs.forget()
    const history = new History()
    this.#history = history
    const signals = this.#options.signalFolder === undefined ? undefined : new Signals(() => ending.demand())
    const resolves = onAbort === 'resolve'
    const aborted = (): void => ending.demand()
    signal?.addEventListener('abort', aborted)
    if (signal?.aborted === true) aborted()
    try {
      const fit = { source, held, device, history, callbacks, ending, signals, signal, resolves, resume }
      await this.#drawing(() => runFit(this.#parts, this.#runners, this.#graphs, fit))
    } finally {
      signal?.removeEventListener('abort', aborted)
      this.#parts.step.reset()
      this.#running = undefined
      release()
      signals?.close()
    }
    await signals?.raise()
    return history
  }

  /**
   * The learning rate range test: trains for some steps, with rates that grow exponentially from `min` to `max`, and
   * suggests the one at which the loss fell fastest. Then weights, optimizer, metrics and random numbers are exactly as
   * before; only `apply` gives the optimizer the suggested rate. Data that can be iterated only once is used up.
   *
   * @throws {TorchError} (rejects) for an unknown option or an invalid value; while a `fit` is running; with `apply`, if
   *   the loss did not fall at any rate.
   * @see https://arxiv.org/abs/1506.01186 (Smith 2017, Cyclical Learning Rates for Training Neural Networks)
   * @see https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.tuner.tuning.Tuner.html#lightning.pytorch.tuner.tuning.Tuner.lr_find
   */
  async tuneLearningRate(data: TrainingData, options: TuneLearningRateOptions = {}): Promise<LearningRateTest> {
    const read = readTuneOptions(options)
    const source = this.#source(data, this.#options.shuffle)
    return await this.#trying('tuneLearningRate', options.signal, (parts) => tuneLearningRate(parts, source, read))
  }

  /**
   * Trains for some steps with batches of `min` samples, twice, four times … as many, until there is no more memory, or
   * until larger batches do not take less time per sample. Then weights, optimizer, metrics and random numbers are
   * exactly as before. It tells nothing about how well a size trains: with another one, the learning rate has to be
   * found anew.
   *
   * @param data samples: a dataset or tensors. The batches of a `DataLoader` or an iterable have their size already
   * @throws {TorchError} (rejects) for an unknown option or an invalid value; while a `fit` is running;
   *   `ERR_TORCH_OUT_OF_MEMORY` if not even the first size fits.
   */
  async findBatchSize(data: TrainingData, options: FindBatchSizeOptions = {}): Promise<BatchSizeSearch> {
    const read = readFindOptions(options)
    const { shuffle } = this.#options
    requireResizable(data, this.#source(data, shuffle))
    const sourceOf = (batchSize: number): Source => this.#source(data, shuffle, batchSize)
    return await this.#trying('findBatchSize', options.signal, (parts) => findBatchSize(parts, sourceOf, read))
  }

  /**
   * Makes a training step and a validation step, and some more to know their time, and returns shapes, sizes, losses,
   * memory and time; `console.log` prints them as a table. Then weights, optimizer, metrics and random numbers are exactly as before. Callbacks are not
   * called.
   *
   * @throws {TorchError} (rejects) for an unknown option or an invalid value; while a `fit` is running; for everything
   *   that a step throws, such as for wrong shapes.
   */
  async dryRun(data: TrainingData, options: DryRunOptions = {}): Promise<DryRun> {
    checkDryRun(options)
    const { validation, signal } = options
    // Without validation data there is a validation step, too.
    this.#requireMonitors(true)
    const source = this.#source(data, this.#options.shuffle)
    const held = validation === undefined ? undefined : this.#source(validation, false)
    return await this.#trying('dryRun', signal, (parts) => dryRun(parts, source, held))
  }

  /** Calls `fn`, which may train, while nothing else can. */
  async #trying<T>(name: string, signal: AbortSignal | undefined, fn: (parts: TrialParts) => Promise<T>): Promise<T> {
    this.#requireIdle()
    signal?.throwIfAborted()
    const { modules, step } = this.#parts
    const device = this.#place()
    step.prepare(device)
    const release = this.#use(name)
    this.#running = name
    try {
      return await fn({
        modules,
        optimizer: this.optimizer,
        generator: this.generator,
        metrics: this.#options.metrics,
        inUnits: this.#options.metricUnits === 'data',
        step,
        device,
        moves: this.#runners.moves(device),
        signal,
        drawing: (draw) => this.#drawing(draw),
      })
    } finally {
      this.#running = undefined
      release()
    }
  }

  #use(method: string, callbacks: readonly Callback[] = []): () => void {
    return use(this.#options.metrics, callbacks, { trainer: this, method })
  }

  #requireMonitors(hasValidation: boolean): void {
    const { callbacks, schedule, monitor, metrics } = this.#options
    const scheduled = schedule?.needsMetric === true ? monitor.monitor : undefined
    requireMonitors(callbacks, scheduled, resultNames(metrics, hasValidation))
  }

  #requireIdle(): void {
    if (this.#running === undefined) return
    throw torchError('ERR_TORCH_RUNTIME', `Trainer: a ${this.#running} of this trainer is running already`)
  }

  /** The history of the last `fit`. If it is running, was aborted or failed: the completed epochs. */
  get history(): History | undefined {
    return this.#history
  }

  #drawing<T>(fn: () => T): T {
    return this.generator === undefined ? fn() : withGenerator(this.generator, fn)
  }

  /** A CUDA device has one generator, shared by the whole process. */
  #seedCuda(device: Device): void {
    const { seed } = this.#options
    if (seed === undefined || device === 'cpu' || this.#seededCuda) return
    onDevice(device, () => seedCuda(seed))
    this.#seededCuda = true
  }

  /**
   * The mean loss over all targets, and the trainer's metrics, in evaluation mode.
   *
   * @throws {TorchError} (rejects) for data that are none, or windows with other scales or columns than those that the
   *   model was trained on; whatever the model, the loss or a metric throws.
   */
  evaluate(data: TrainingData, options?: EvaluateOptions & { metrics?: undefined }): Promise<Evaluation>
  /**
   * The same, and further metrics. Tensors of results come as nested arrays: a score for each class as a list, a
   * confusion matrix as one of rows.
   *
   * @example
   * const { f1, confusionMatrix } = await trainer.evaluate(test, { metrics: [new F1({ average: 'none' }), 'confusionMatrix'] })
   * @throws {TorchError} (rejects) if two metrics have the same name.
   */
  evaluate<const Metrics extends Measured>(
    data: TrainingData,
    options: EvaluateOptions<Metrics> & { metrics: Metrics },
  ): Promise<EvaluationOf<Metrics>>
  /** The same with options that may or may not have metrics. */
  evaluate(data: TrainingData, options: EvaluateOptions): Promise<Evaluation<NestedArray>>
  async evaluate(data: TrainingData, options: EvaluateOptions = {}): Promise<Evaluation<NestedArray>> {
    checkOptions('evaluate', options, ['signal', 'metrics'])
    requireSignal('evaluate', options.signal)
    const runners = { runners: this.#runners, graphs: this.#graphs, place: () => this.#place() }
    return await evaluate(
      this,
      this.#parts,
      runners,
      () => this.#scaled('evaluate', this.#source(data, false)),
      options,
    )
  }

  /**
   * The model's output for `inputs`, in evaluation mode, computed off the main thread and on the trainer's device, and
   * returned on the device of the inputs. Many samples are computed in batches, one after another, so this needs the
   * memory of only one batch besides inputs and outputs.
   *
   * Inputs are a tensor, or data as for `fit`, whose targets are not needed: a dataset, a `DataLoader`, batches, or `{
   * input, lengths, … }`. The outputs of their batches are joined along the samples, on the CPU; outputs for each step
   * of sequences of different lengths are continued with zeros. Row i is the output of sample i, also if a `DataLoader`
   * shuffles or sorts by length.
   *
   * @throws {TorchError} (rejects) for a loader that leaves out samples before others, or draws one twice; whatever the
   *   model or the data throws.
   */
  async predict(inputs: Tensor | PredictionData, options: PredictOptions = {}): Promise<Tensor> {
    checkOptions('predict', options, ['batchSize', 'cudaGraph'])
    const { cudaGraph = this.#options.cudaGraph === true, batchSize } = options
    requireBoolean('predict', 'cudaGraph', cudaGraph)
    if (isTensor(inputs) || (typeof inputs !== 'object' && typeof inputs !== 'function') || inputs === null) {
      return await this.#predictor.predict(inputs, batchSize, cudaGraph)
    }
    if (options.cudaGraph === true) {
      throw torchError('ERR_TORCH_OPTION', 'predict: cudaGraph is for a tensor of inputs: data are computed without')
    }
    return await this.#predictor.predictBatches(
      this.#scaled(
        'predict',
        this.#source(predictable(inputs, batchSize), false, batchSize ?? Math.max(this.#options.batchSize, MANY)),
      ),
    )
  }

  /** {@link predict} on this thread, which blocks, and without CUDA graphs. */
  predictSync(inputs: Tensor, options: Pick<PredictOptions, 'batchSize'> = {}): Tensor {
    checkOptions('predictSync', options, ['batchSize'])
    return this.#predictor.predictSync(inputs, options.batchSize)
  }

  /**
   * Why steps of the last `fit`, or predictions, ran on a CUDA device without CUDA graphs although `cudaGraph` is not
   * `false`: a sentence; else `null`. With `cudaGraph: true` it was also emitted as a warning, on the CPU, too.
   */
  get cudaGraphFallback(): string | null {
    return this.#graphs.fallback
  }

  /** The scaler of `autocast: 'float16'`, whose state belongs in checkpoints; `undefined` without float16. */
  get scaler(): GradScaler | undefined {
    return this.#parts.step.scaler
  }

  /** @internal A graph to capture into. @throws {TorchError} if CUDA graphs are not available. */
  protected [makeGraph](device: Device): Graph {
    return graphOn(device)
  }

  /** The device of the model, after moving it there if needed. */
  #place(): Device {
    const { device } = this.#options
    if (device === undefined) return deviceOf(this.model)
    const target = place(this.#parts.modules, device)
    moveState(this.optimizer)
    return target
  }

  /** A source with the scales that the model knows. */
  #scaled(owner: string, source: Source): Source {
    requireScales(owner, this.model, source.windows?.dataset.scaler)
    return source
  }

  #source(data: TrainingData, shuffle: boolean, batchSize = this.#options.batchSize): Source {
    return sourceFor(this.model, data, { ...this.#options, batchSize, shuffle })
  }
}
