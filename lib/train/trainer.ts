import type { GradScaler } from '../amp/index.ts'
import {
  checkOptions,
  invalid,
  requireBoolean,
  requireChoice,
  requireNone,
  requireSignal,
  requireString,
} from '../check.ts'
import { CUDAGraph, manualSeed as seedCuda } from '../cuda/index.ts'
import { type Batch, namedBatch } from '../data/batch.ts'
import type { BatchPlan } from '../data/loader.ts'
import { messageOf, torchError } from '../errors.ts'
import type { Metric } from '../metrics/metric.ts'
import type { MetricName } from '../metrics/metric-of.ts'
import { RecurrentModel } from '../models/model.ts'
import { Module } from '../nn/module.ts'
import { isFused } from '../optim/fused.ts'
import { moveState, type Optimizer } from '../optim/optimizer.ts'
import { LearningRates } from '../optim/rates.ts'
import type { AveragedModel } from '../optim/swa-utils/index.ts'
import { offload, retain } from '../tensor/context.ts'
import type { NestedArray } from '../tensor/data.ts'
import { Generator } from '../tensor/generator.ts'
import { withGenerator } from '../tensor/random.ts'
import { type Device, isTensor, type Tensor } from '../tensor/tensor.ts'
import { automatic } from './automatic-graph.ts'
import { averagesOf } from './averages.ts'
import { type Callback, Callbacks } from './callback.ts'
import { MANY } from './cut.ts'
import { causeOf, type NonFinite } from './divergence.ts'
import { checkDryRun, type DryRun, type DryRunOptions, dryRun } from './dry-run.ts'
import { Ending } from './ending.ts'
import { movedBatch } from './feed.ts'
import {
  type BatchSizeSearch,
  type FindBatchSizeOptions,
  findBatchSize,
  readFindOptions,
  requireResizable,
} from './find-batch-size.ts'
import { runEpochs } from './fit.ts'
import { type Graph, type GraphGuard, Graphs, signatureOf } from './graph.ts'
import { History } from './history.ts'
import { initialize } from './initialization.ts'
import { Interruption } from './interruption.ts'
import { hasSamplesFirst } from './layout.ts'
import { requireMonitors } from './monitor.ts'
import { optimizerOf } from './optimizer.ts'
import type { TrainerOptions } from './options.ts'
import { deviceOf, onDevice, place } from './placement.ts'
import { type PredictOptions, Predictor } from './predictor.ts'
import { scheduledRates } from './rates.ts'
import { type ResolvedOptions, readMetrics, readOptions, resultNames } from './resolved-options.ts'
import { Checkpoints } from './resume.ts'
import { close, Run } from './run.ts'
import { Runner, type RunnerOptions } from './runner.ts'
import { Signals } from './signals.ts'
import { type PredictionData, predictable, type Source, sourceOf, type TrainingData } from './source.ts'
import { Step, type TrainableModel } from './step.ts'
import type { TrialParts } from './trial.ts'
import {
  type LearningRateTest,
  readTuneOptions,
  type TuneLearningRateOptions,
  tuneLearningRate,
} from './tune-learning-rate.ts'
import { fitScales, trainingOf } from './units.ts'
import { use } from './usage.ts'

type MakeGraphs = RunnerOptions['makeGraphs']

/** @internal The key of the method that makes graphs: tests exchange it. */
export const makeGraph = Symbol('makeGraph')

export interface FitOptions {
  /** Held-out data; its loss is computed after each epoch. */
  validation?: TrainingData
  /** Stops between two steps. */
  signal?: AbortSignal
  /**
   * What an aborted signal means: `'reject'`: `fit` rejects with its reason. `'resolve'`: the epoch ends after the
   * current step, and `fit` resolves with its history. Default `'reject'`.
   */
  onAbort?: 'reject' | 'resolve'
  /**
   * Continue a `fit` from a checkpoint: a file, or a folder with checkpoints, of which the newest is taken; if the
   * folder has none yet, the `fit` starts from the beginning. On the CPU, the weights are then bit for bit those of a
   * `fit` that was never interrupted. The settings must be those that it was written with. A folder that does not exist
   * is an error, unless a callback of this trainer writes checkpoints there.
   */
  resume?: string
}

/** The working data of a `fit`. */
interface Fit {
  source: Source
  held: Source | undefined
  device: Device
  history: History
  callbacks: Callbacks
  ending: Ending
  signals: Signals | undefined
  signal: AbortSignal | undefined
  /** Whether an abort of the signal is a regular end. */
  resolves: boolean
  resume: string | undefined
}

/** The mean loss of a pass in evaluation mode, and the values of the trainer's metrics by name. */
export interface Evaluation<Value = number> {
  loss: number
  [metric: string]: Value | number
}

export interface EvaluateOptions {
  /** Stops between two steps. */
  signal?: AbortSignal
  /**
   * What to measure besides the trainer's metrics: names or instances, whose results may be tensors, such as
   * `new F1({ average: 'none' })` or `'confusionMatrix'`. A `MASE` without a scale gets that of the training windows of
   * the split that the data are a part of. Default: nothing.
   */
  metrics?: readonly (MetricName | Metric<unknown>)[]
}

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
  // The model and a loss module: the modules with tensors to move.
  readonly #modules: Module[]
  readonly #step: Step
  // Another one, since a state that is carried belongs to a pass.
  readonly #evaluation: Step
  #averaged: AveragedModel<TrainableModel> | undefined
  // The method that trains at the moment.
  #running: string | undefined
  #history: History | undefined
  #seededCuda = false
  #fallback: string | null = null
  readonly #warnings = new Set<string>()
  readonly #predictor: Predictor

  constructor(model: TrainableModel, options: TrainerOptions = {}, ...none: undefined[]) {
    requireNone('Trainer', none)
    if (typeof model?.forward !== 'function' || typeof model.parameters !== 'function') {
      throw invalid('Trainer', 'model', 'a Module', model)
    }
    this.#options = readOptions(options)
    const { device, dtype, loss, seed, init } = this.#options
    this.model = model
    this.#modules = loss instanceof Module ? [model, loss] : [model]
    this.generator = seed === undefined ? undefined : new Generator().manualSeed(seed)
    if (init !== undefined) this.#drawing(() => initialize('Trainer', model, init))
    // An optimizer creates its state on the devices of the parameters, and in their dtypes.
    if (dtype !== undefined) for (const module of this.#modules) module.to({ dtype })
    if (device !== undefined) place(this.#modules, device)
    this.optimizer = optimizerOf(this.#options, model)
    const stepOptions = { ...this.#options, owner: 'Trainer' } as const
    this.#step = new Step(model, this.optimizer, {
      ...stepOptions,
      onUpdated: () => this.#averaged?.updateParameters(model),
    })
    this.#evaluation = new Step(model, this.optimizer, stepOptions)
    this.#step.prepare(this.#place())
    this.#predictor = new Predictor({
      model,
      step: this.#evaluation,
      batchSize: this.#options.batchSize,
      place: () => this.#place(),
      moves: (device) => this.#moves(device),
      makeGraphs: (device) => this.#makeGraphs(device),
    })
  }

  /**
   * Trains for `epochs` epochs and returns the history. Call it again to continue. A `fit` that is stopped (by a
   * callback, a limit, or a signal with `onAbort: 'resolve'`) resolves, too.
   *
   * @throws {TorchError} (rejects) `ERR_TORCH_NON_FINITE` for a NaN or infinite loss, see
   *   {@link TrainerOptions.nonFinite}; `ERR_TORCH_SHAPE` for targets that the loss cannot compare with the output;
   *   `ERR_TORCH_FORMAT` for a damaged checkpoint, `ERR_TORCH_VALUE` for one of another model or with other settings, and
   *   for a `monitor` that no epoch will have; `ERR_TORCH_FILE` for a folder with checkpoints of another `fit`;
   *   `ERR_TORCH_RUNTIME` while another `fit` of this trainer, or one with the same metrics or stateful callbacks, is
   *   running; whatever the model, the loss, the data, a callback or the signal
   *   throws. {@link Trainer.history} then has the completed epochs.
   */
  async fit(data: TrainingData, options: FitOptions = {}): Promise<History> {
    checkOptions('fit', options, ['validation', 'signal', 'onAbort', 'resume'])
    const { validation, signal, onAbort = 'reject', resume } = options
    requireSignal('fit', signal)
    requireChoice('fit', 'onAbort', onAbort, ['reject', 'resolve'])
    if (resume !== undefined) requireString('fit', 'resume', resume)
    if (resume === '') throw invalid('fit', 'resume', 'the path of a file or folder', resume, 'ERR_TORCH_VALUE')
    this.#requireIdle()
    if (onAbort === 'reject') signal?.throwIfAborted()
    const source = this.#source(data, this.#options.shuffle)
    const held = validation === undefined ? undefined : this.#source(validation, false)
    this.#requireMonitors(held !== undefined)
    const ending = new Ending()
    const callbacks = new Callbacks(this.#options.callbacks, ending)
    const device = this.#place()
    this.#step.prepare(device)
    this.#seedCuda(device)
    const release = this.#use('fit', this.#options.callbacks)
    this.#running = 'fit'
    this.#fallback = null
    const history = new History()
    this.#history = history
    const signals = this.#options.signalFolder === undefined ? undefined : new Signals(() => ending.demand())
    const resolves = onAbort === 'resolve'
    const aborted = (): void => ending.demand()
    signal?.addEventListener('abort', aborted)
    if (signal?.aborted === true) aborted()
    try {
      await this.#drawing(() =>
        this.#fit({ source, held, device, history, callbacks, ending, signals, signal, resolves, resume }),
      )
    } finally {
      signal?.removeEventListener('abort', aborted)
      this.#step.reset()
      this.#running = undefined
      release()
      signals?.close()
    }
    await signals?.raise()
    return history
  }

  async #fit(fit: Fit): Promise<void> {
    const { source, held, device, history, callbacks, ending, signals, signal, resolves, resume } = fit
    const { epochs, maxSteps, maxSeconds, nonFinite, schedule, monitor, metrics, metricUnits } = this.#options
    const { signalFolder: folder, accumulateGradBatches, settings } = this.#options
    if (source.windows !== undefined) await fitScales(metrics, source.windows, metricUnits === 'scaled')
    const { model, optimizer, generator, scaler } = this
    const averaged = this.#average(source)
    const rates =
      schedule && scheduledRates(schedule, { optimizer, epochs, maxSteps, monitor, ...this.#updates(source) })
    const training = this.#training(device, source)
    const validated = averaged?.module ?? model
    const validation = averaged && new Step(validated, optimizer, { ...this.#options, owner: 'Trainer' })
    const validating =
      held === undefined
        ? undefined
        : this.#evaluating(device, nonFinite, this.#graphsFor(device, held), { step: validation })
    const modules = averaged === undefined ? this.#modules : [...this.#modules, averaged]
    const { carried } = this.#step
    const saved = {
      settings,
      modules,
      optimizer,
      rates,
      scaler,
      generator,
      source,
      training,
      carried,
      callbacks,
      history,
    }
    const checkpoints = new Checkpoints(saved)
    const save = (path: string): Promise<void> => checkpoints.save(path, run)
    const loss = (): Promise<number> => training.meanLoss()
    const batches = source.length
    const run = new Run({
      model,
      validated,
      optimizer,
      history,
      epochs,
      batches,
      resume,
      loss,
      save,
      onStop: () => ending.ask(),
    })
    const interruption =
      signals === undefined || folder === undefined
        ? undefined
        : new Interruption({ signals, run, checkpoints, folder })
    const check = (): void => {
      if (signal?.aborted !== true) return
      if (!resolves) signal.throwIfAborted()
      run.stop(`aborted: ${messageOf(signal.reason)}`)
    }
    try {
      await runEpochs({
        run,
        callbacks,
        held,
        source,
        training,
        validating,
        rates,
        maxSteps,
        maxSeconds,
        accumulateGradBatches,
        isUpdated: () => this.#step.isUpdated,
        finish: () => this.#step.finish(),
        begin: () => checkpoints.begin(),
        passed: () => {
          this.#step.reset()
          validation?.reset()
          this.#evaluation.reset()
        },
        end: () => {
          if (averaged !== undefined) model.loadStateDict(averaged.module.stateDict())
        },
        check,
        ending,
        interruption,
        resumed: resume === undefined ? undefined : await checkpoints.load(resume, run),
      })
    } catch (error) {
      await callbacks.exception(run, error)
      throw error
    } finally {
      this.#averaged = undefined
      run[close]()
      await checkpoints.close()
      training.dispose()
      validating?.dispose()
    }
  }

  /** The model that averages the weights in this `fit`, if they are to be averaged. */
  #average(source: Source): AveragedModel<TrainableModel> | undefined {
    const { movingAverage, epochs, maxSteps } = this.#options
    if (movingAverage === undefined) return undefined
    const { updates } = this.#updates(source)
    const most = Math.min(maxSteps, updates === undefined ? Infinity : epochs * updates)
    this.#averaged = averagesOf(this.model, movingAverage, most)
    return this.#averaged
  }

  #updates({ length }: Source): { updates: number | undefined } {
    return { updates: length === undefined ? undefined : Math.ceil(length / this.#options.accumulateGradBatches) }
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
    const device = this.#place()
    this.#step.prepare(device)
    const release = this.#use(name)
    this.#running = name
    try {
      return await fn({
        modules: this.#modules,
        optimizer: this.optimizer,
        generator: this.generator,
        metrics: this.#options.metrics,
        inUnits: this.#options.metricUnits === 'data',
        step: this.#step,
        device,
        moves: this.#moves(device),
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
   * @throws {TorchError} (rejects) for data that are none; whatever the model, the loss or a metric throws.
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
  evaluate(data: TrainingData, options: EvaluateOptions): Promise<Evaluation<NestedArray>>
  async evaluate(data: TrainingData, options: EvaluateOptions = {}): Promise<Evaluation<NestedArray>> {
    checkOptions('evaluate', options, ['signal', 'metrics'])
    const { signal, metrics: further = [] } = options
    requireSignal('evaluate', signal)
    const added = readMetrics('evaluate', further, this.#options.metrics)
    const source = this.#source(data, false)
    const measured = [...this.#options.metrics, ...added]
    const release = use(measured, [], { trainer: this, method: 'evaluate' })
    try {
      const { windows } = source
      if (windows !== undefined) await fitScales(added, trainingOf(windows), this.#options.metricUnits === 'scaled')
      const device = this.#place()
      const graphs = this.#options.cudaGraph === true ? this.#makeGraphs(device) : undefined
      const runner = this.#evaluating(device, 'ignore', graphs, { metrics: measured, arrays: true })
      try {
        const { loss, metrics } = await runner.pass(source, { name: 'evaluate', begin: () => signal?.throwIfAborted() })
        return { loss, ...metrics }
      } finally {
        this.#evaluation.reset()
        runner.dispose()
      }
    } finally {
      release()
      for (const metric of added) if (!(further as readonly unknown[]).includes(metric)) metric.dispose()
    }
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
      this.#source(predictable(inputs, batchSize), false, batchSize ?? Math.max(this.#options.batchSize, MANY)),
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
    return this.#fallback
  }

  /** The scaler of `autocast: 'float16'`, whose state belongs in checkpoints; `undefined` without float16. */
  get scaler(): GradScaler | undefined {
    return this.#step.scaler
  }

  /** @internal A graph to capture into. @throws {TorchError} if CUDA graphs are not available. */
  protected [makeGraph](device: Device): Graph {
    if (device === 'cpu')
      throw torchError(
        'ERR_TORCH_DEVICE',
        "CUDA graphs need a CUDA device, but the model is on the CPU: pass device: 'cuda'",
      )
    const graph = new CUDAGraph()
    return {
      capture: (fn) => onDevice(device, () => graph.capture(fn)),
      replay: () => graph.replay(),
      reset: () => graph.reset(),
    }
  }

  #training(device: Device, source: Source): Runner {
    const { nonFinite, metrics, metricUnits } = this.#options
    // An optimizer with its own step reads its rates as numbers.
    const rates = isFused(this.optimizer) ? this.#rates() : undefined
    return new Runner({
      device,
      moves: this.#moves(device),
      step: (batch, rates) =>
        this.#step.train(batch, device, { rates, finite: nonFinite === 'throw', output: metrics.length > 0 }),
      metrics,
      inUnits: metricUnits === 'data',
      makeGraphs: this.#graphsFor(device, source),
      signature: () => signatureOf(this.#modules, this.optimizer, rates),
      rates,
      nonFinite,
      exact: device === 'cpu',
      ...this.#reasons(device),
    })
  }

  #evaluating(
    device: Device,
    nonFinite: NonFinite,
    makeGraphs: MakeGraphs,
    {
      step = this.#evaluation,
      ...measuring
    }: { step?: Step | undefined } & Partial<Pick<RunnerOptions, 'metrics' | 'arrays'>> = {},
  ): Runner {
    return new Runner({
      device,
      moves: this.#moves(device),
      step: (batch) => step.evaluate(batch, device, nonFinite === 'throw'),
      metrics: this.#options.metrics,
      ...measuring,
      inUnits: this.#options.metricUnits === 'data',
      makeGraphs,
      signature: () => signatureOf(this.#modules),
      nonFinite,
      exact: device === 'cpu',
      ...this.#reasons(device),
    })
  }

  /** Explains a failed step for a runner. */
  #reasons(device: Device): Pick<RunnerOptions, 'cause' | 'explained'> {
    const { model } = this
    const cause = async (plan: BatchPlan, late: boolean): Promise<string> => {
      const { result, release } = retain(() => (plan.queueable ? offload(() => plan.load() as Batch) : plan.load()))
      try {
        return await causeOf({
          batch: namedBatch(await result),
          indices: plan.indices,
          batchFirst: model.batchFirst ?? true,
          model,
          predict: (batch) => this.#evaluation.output(movedBatch(batch, device), device),
          late,
        })
      } finally {
        release()
      }
    }
    return { cause, explained: (error) => this.#step.explained(error) }
  }

  #rates(): LearningRates | undefined {
    const { optimizer } = this
    return optimizer.paramGroups.every(({ lr }) => typeof lr === 'number') ? new LearningRates(optimizer) : undefined
  }

  /** Graphs for a `fit` with these data, if they are wanted and available. */
  #graphsFor(device: Device, { windows }: Source): MakeGraphs {
    const { model, optimizer } = this
    const options = this.#options
    if (options.cudaGraph === false) return undefined
    if (options.cudaGraph === true) return this.#makeGraphs(device)
    const guard = automatic({ model, optimizer, options, device, windows })
    if (typeof guard !== 'string') return this.#makeGraphs(device, guard)
    if (device !== 'cpu') this.#fallBack(guard, false)
    return undefined
  }

  /** Graphs, if they are available. `guard`: nobody asked for them, so what is in their way is no reason to warn. */
  #makeGraphs(device: Device, guard?: GraphGuard): MakeGraphs {
    const warns = guard === undefined
    try {
      this[makeGraph](device).reset()
    } catch (error) {
      if (warns || device !== 'cpu') this.#fallBack((error as Error).message, warns)
      return undefined
    }
    return (queue) =>
      new Graphs({
        device,
        queue,
        make: () => this[makeGraph](device),
        onFallback: (reason) => this.#fallBack(reason, warns),
        guard,
      })
  }

  #fallBack(reason: string, warns: boolean): void {
    this.#fallback = reason
    if (!warns || this.#warnings.has(reason)) return
    this.#warnings.add(reason)
    process.emitWarning(`Trainer: cudaGraph: ${reason}`, { code: 'TORCH_CUDA_GRAPH' })
  }

  /** The device of the model, after moving it there if needed. */
  #place(): Device {
    const { device } = this.#options
    if (device === undefined) return deviceOf(this.model)
    const target = place(this.#modules, device)
    moveState(this.optimizer)
    return target
  }

  #moves(device: Device): boolean {
    return this.#options.device !== undefined || device !== 'cpu'
  }

  #source(data: TrainingData, shuffle: boolean, batchSize = this.#options.batchSize): Source {
    const { model } = this
    // A model with its own forward may well read rows.
    const reads = model instanceof RecurrentModel && model.forward === RecurrentModel.prototype.forward
    // With batchFirst, an embedding reads rows of tokens as they are.
    const reader =
      reads && (model.embedding === null || !model.batchFirst)
        ? { name: model.constructor.name, tokens: model.embedding !== null }
        : undefined
    return sourceOf(data, {
      ...this.#options,
      batchSize,
      shuffle,
      batchFirst: model.batchFirst ?? true,
      samplesFirst: hasSamplesFirst(model),
      reader,
    })
  }
}
