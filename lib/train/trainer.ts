import type { GradScaler } from '../amp/index.ts'
import { CUDAGraph } from '../cuda/index.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { RecurrentModel } from '../models/model.ts'
import { Module } from '../nn/module.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { LearningRates } from '../optim/rates.ts'
import { checkBoolean, checkOptions } from '../options.ts'
import { inferenceMode, offload, tidy } from '../tensor/context.ts'
import { manualSeed } from '../tensor/seed.ts'
import { type Device, isTensor, type Tensor } from '../tensor/tensor.ts'
import { moved } from './feed.ts'
import { type Graph, Graphs, signatureOf } from './graph.ts'
import { type EpochResult, History } from './history.ts'
import { optimizerOf, type ResolvedOptions, readOptions, type TrainerOptions } from './options.ts'
import { deviceOf, onDevice, place } from './placement.ts'
import { type ProgressListener, terminalProgress } from './progress.ts'
import { Runner } from './runner.ts'
import { type Source, sourceOf, type TrainingData } from './source.ts'
import { evaluating, Step, type TrainableModel } from './step.ts'

export interface FitOptions {
  /** Data to compute a loss on after each epoch, with which nothing is trained. */
  validation?: TrainingData
  /** Stops between two steps; `fit` then rejects with the signal's reason. */
  signal?: AbortSignal
}

export interface PredictOptions {
  /** Capture the model once for each shape of inputs, and replay it. Default: the trainer's own option. */
  cudaGraph?: boolean
}

/** How often a step is reported: a bar needs no more. */
const REPORT_INTERVAL_MS = 100

/**
 * Trains a model. Each step (the batch, forward, loss, backward, clipping, the optimizer) runs on a thread of its own,
 * whatever of it is written in TypeScript: the event loop stays free. Its tensors are disposed when it is done. On a GPU
 * no step waits for a value: the loss is added up there and read once per epoch, while the next batches are on their way.
 *
 * @example
 * const trainer = new Trainer(model, { epochs: 50, batchSize: 32, learningRate: 1e-2, clipGradNorm: 1 })
 * const history = await trainer.fit([inputs, targets], { validation: [heldOutInputs, heldOutTargets] })
 * @example
 * new Trainer(model, { device: 'cuda', autocast: 'bfloat16', cudaGraph: true })
 */
export class Trainer {
  readonly model: TrainableModel
  readonly optimizer: Optimizer
  readonly #options: ResolvedOptions
  // The model, and a loss that is a module: what has tensors to be moved.
  readonly #modules: Module[]
  readonly #step: Step
  #fitting = false
  #fallback: string | null = null
  readonly #warnings = new Set<string>()
  #predictions: { device: Device; graphs: Graphs } | undefined

  /** @throws {TorchError} for an unknown option, or a value that cannot be used, such as a device that is not there. */
  constructor(model: TrainableModel, options: TrainerOptions = {}) {
    if (typeof model?.forward !== 'function' || typeof model.parameters !== 'function') {
      throw torchError('ERR_TORCH_TYPE', `Trainer: model must be a Module, got ${describe(model)}`)
    }
    this.#options = readOptions(options)
    const { device, loss } = this.#options
    this.model = model
    this.#modules = loss instanceof Module ? [model, loss] : [model]
    // An optimizer makes its state where it finds the parameters.
    if (device !== undefined) place(this.#modules, device)
    this.optimizer = optimizerOf(this.#options, model)
    this.#step = new Step(model, this.optimizer, this.#options)
    this.#step.prepare(this.#place())
  }

  /** Trains for the number of epochs that was set, and tells how it went. Can be called again to go on. */
  async fit(data: TrainingData, options: FitOptions = {}): Promise<History> {
    checkOptions('fit', options, ['validation', 'signal'])
    const { validation, signal } = options
    requireSignal('fit', signal)
    if (this.#fitting) throw torchError('ERR_TORCH_RUNTIME', 'Trainer: a fit of this trainer is running already')
    signal?.throwIfAborted()
    const { epochs, seed, shuffle } = this.#options
    const source = this.#source(data, shuffle)
    const held = validation === undefined ? undefined : this.#source(validation, false)
    const report = this.#listener()
    const history = new History()
    const device = this.#place()
    this.#step.prepare(device)
    this.#fitting = true
    this.#fallback = null
    if (seed !== undefined) manualSeed(seed)
    let training: Runner | undefined
    let validating: Runner | undefined
    try {
      training = this.#training(device)
      validating = held === undefined ? undefined : this.#evaluating(device)
      for (let epoch = 1; epoch <= epochs; epoch++) {
        const start = performance.now()
        const trainLoss = await training.mean(source, this.#reporter(source, epoch, report, signal))
        const seconds = (performance.now() - start) / 1000
        const result: EpochResult = { epoch, trainLoss, seconds }
        if (held !== undefined && validating !== undefined) {
          result.validationLoss = await validating.mean(held, () => signal?.throwIfAborted())
        }
        history.epochs.push(result)
        report({ type: 'epoch', epochs, result })
      }
    } finally {
      training?.dispose()
      validating?.dispose()
      this.#fitting = false
      report({ type: 'end' })
    }
    return history
  }

  /** The mean loss over all samples, in evaluation mode. */
  async evaluate(data: TrainingData, options: Pick<FitOptions, 'signal'> = {}): Promise<number> {
    checkOptions('evaluate', options, ['signal'])
    const { signal } = options
    requireSignal('evaluate', signal)
    const source = this.#source(data, false)
    const runner = this.#evaluating(this.#place())
    try {
      return await runner.mean(source, () => signal?.throwIfAborted())
    } finally {
      runner.dispose()
    }
  }

  /**
   * The model's output for `inputs`, in evaluation mode, computed off the main thread and on the trainer's device. It
   * comes back to where the inputs are.
   */
  async predict(inputs: Tensor, options: PredictOptions = {}): Promise<Tensor> {
    checkOptions('predict', options, ['cudaGraph'])
    const { cudaGraph = this.#options.cudaGraph } = options
    checkBoolean('predict', 'cudaGraph', cudaGraph)
    if (!isTensor(inputs))
      throw torchError('ERR_TORCH_TYPE', `predict: inputs must be a Tensor, got ${describe(inputs)}`)
    const device = this.#place()
    const graphs = cudaGraph ? this.#predictionGraphs(device) : undefined
    if (graphs === undefined) return onDevice(device, () => offload(() => this.#predict(inputs, device)))
    return graphs.run([inputs], {
      run: ([input]) => this.#step.predict(moved(input as Tensor, device), device),
      finish: (output, fromGraph) => inferenceMode(() => output.to({ device: inputs.device, copy: fromGraph })),
      signature: evaluating(this.model, () => signatureOf([this.model])),
    })
  }

  /** {@link predict} on this thread, which it blocks, and without CUDA graphs. */
  predictSync(inputs: Tensor): Tensor {
    const device = this.#place()
    return onDevice(device, () => this.#predict(inputs, device))
  }

  /**
   * Why steps of the last `fit`, or predictions, ran without CUDA graphs although `cudaGraph` asked for them: a sentence,
   * of which there has been a warning; else `null`.
   */
  get cudaGraphFallback(): string | null {
    return this.#fallback
  }

  /** The scaler of `autocast: 'float16'`, whose state belongs into a checkpoint; without float16 `undefined`. */
  get scaler(): GradScaler | undefined {
    return this.#step.scaler
  }

  /** @internal A graph to capture into. @throws {TorchError} where there are none. */
  protected makeGraph(device: Device): Graph {
    if (device === 'cpu') throw torchError('ERR_TORCH_DEVICE', 'the model is on the CPU, and CUDA graphs are of CUDA')
    const graph = new CUDAGraph()
    return {
      capture: (fn) => onDevice(device, () => graph.capture(fn)),
      replay: () => graph.replay(),
      reset: () => graph.reset(),
    }
  }

  #predict(inputs: Tensor, device: Device): Tensor {
    if (!this.#moves(device)) return tidy(() => this.#step.predict(inputs, device))
    return tidy(() => this.#step.predict(moved(inputs, device), device).to({ device: inputs.device }))
  }

  #training(device: Device): Runner {
    // An optimizer with a step of its own reads its rates as numbers.
    const rates = this.optimizer.isFused ? this.#rates() : undefined
    return new Runner({
      device,
      moves: this.#moves(device),
      step: ([input, target], tensors) => this.#step.train([input as Tensor, target as Tensor], device, tensors),
      makeGraphs: this.#makeGraphs(device),
      signature: () => signatureOf(this.#modules, this.optimizer, rates),
      rates,
    })
  }

  #evaluating(device: Device): Runner {
    return new Runner({
      device,
      moves: this.#moves(device),
      step: ([input, target]) => this.#step.evaluate([input as Tensor, target as Tensor], device),
      makeGraphs: this.#makeGraphs(device),
      signature: () => signatureOf(this.#modules),
    })
  }

  #rates(): LearningRates | undefined {
    const { paramGroups } = this.optimizer as Optimizer<{ lr: number }>
    return paramGroups.every(({ lr }) => typeof lr === 'number')
      ? new LearningRates(this.optimizer as Optimizer<{ lr: number }>)
      : undefined
  }

  /** Graphs for a runner, where they were asked for and can be made. */
  #makeGraphs(
    device: Device,
    wanted = this.#options.cudaGraph,
  ): ((queue: <T>(fn: () => T) => Promise<T>) => Graphs) | undefined {
    if (!wanted) return undefined
    try {
      this.makeGraph(device).reset()
    } catch (error) {
      this.#fallBack((error as Error).message)
      return undefined
    }
    return (queue) =>
      new Graphs({
        device,
        queue,
        make: () => this.makeGraph(device),
        onFallback: (reason) => this.#fallBack(reason),
      })
  }

  #predictionGraphs(device: Device): Graphs | undefined {
    if (this.#predictions?.device === device) return this.#predictions.graphs
    this.#predictions?.graphs.dispose()
    const graphs = this.#makeGraphs(device, true)?.((fn) => onDevice(device, () => offload(() => tidy(fn))))
    this.#predictions = graphs && { device, graphs }
    return graphs
  }

  #fallBack(reason: string): void {
    this.#fallback = reason
    if (this.#warnings.has(reason)) return
    this.#warnings.add(reason)
    process.emitWarning(`Trainer: cudaGraph: ${reason}`, { code: 'TORCH_CUDA_GRAPH' })
  }

  /** Where the model is, after it has been moved there if it has to be. */
  #place(): Device {
    const { device } = this.#options
    if (device === undefined) return deviceOf(this.model)
    const target = place(this.#modules, device)
    this.optimizer.follow()
    return target
  }

  #moves(device: Device): boolean {
    return this.#options.device !== undefined || device !== 'cpu'
  }

  /** Reports a step now and then, and throws where the signal wants no more. */
  #reporter(source: Source, epoch: number, report: ProgressListener, signal: AbortSignal | undefined): () => void {
    const { epochs } = this.#options
    let reported = 0
    let step = 0
    return () => {
      signal?.throwIfAborted()
      step++
      if (performance.now() - reported <= REPORT_INTERVAL_MS) return
      reported = performance.now()
      report({ type: 'step', epoch, epochs, step, steps: source.length })
    }
  }

  #listener(): ProgressListener {
    const { progress } = this.#options
    if (typeof progress === 'function') return progress
    return progress ? terminalProgress() : () => {}
  }

  #source(data: TrainingData, shuffle: boolean): Source {
    const { model } = this
    // A model with a forward of its own may well read rows.
    const reads = model instanceof RecurrentModel && model.forward === RecurrentModel.prototype.forward
    return sourceOf(data, {
      ...this.#options,
      shuffle,
      batchFirst: model.batchFirst ?? true,
      reader: reads ? model.constructor.name : undefined,
    })
  }
}

/** Whether it is an AbortSignal, of whatever realm. */
function isSignal(value: unknown): value is AbortSignal {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'throwIfAborted' in value
}

function requireSignal(name: string, signal: unknown): void {
  if (signal !== undefined && !isSignal(signal)) {
    throw torchError('ERR_TORCH_TYPE', `${name}: signal must be an AbortSignal, got ${describe(signal)}`)
  }
}
