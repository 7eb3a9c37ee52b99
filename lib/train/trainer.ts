import { type Dataset, SequenceDataset, TensorDataset } from '../data/dataset.ts'
import { type Batch, type BatchPlan, DataLoader } from '../data/loader.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { Module } from '../nn/module.ts'
import { clipGradNorm } from '../nn/utils/index.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { checkOptions } from '../options.ts'
import { native } from '../tensor/binding.ts'
import { inferenceMode, offload, tidy } from '../tensor/context.ts'
import { zeros } from '../tensor/creation.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { History } from './history.ts'
import {
  type Criterion,
  criterionOf,
  optimizerOf,
  type ResolvedOptions,
  readOptions,
  type TrainerOptions,
} from './options.ts'
import { type ProgressListener, terminalProgress } from './progress.ts'

/** A model that the trainer can train: one tensor in, one out. */
export interface TrainableModel extends Module {
  forward(input: Tensor): Tensor
  /** Whether its batches are (N, L, …) rather than (L, N, …). Default, where it does not say: `true`. */
  readonly batchFirst?: boolean
}

/**
 * What a trainer takes: a {@link DataLoader}; a dataset; tensors of inputs and targets, whose first dimension are
 * samples, or the steps of one series where `sequenceLength` is set; or anything that iterates over batches.
 */
export type TrainingData =
  | DataLoader
  | Dataset
  | readonly [inputs: Tensor, targets: Tensor]
  | Iterable<Batch>
  | AsyncIterable<Batch>

export interface FitOptions {
  /** Data to compute a loss on after each epoch, with which nothing is trained. */
  validation?: TrainingData
  /** Stops between two steps; `fit` then rejects with the signal's reason. */
  signal?: AbortSignal
}

/** How often a step is reported: a bar needs no more. */
const REPORT_INTERVAL_MS = 100

/**
 * Trains a model. Each step (the batch, forward, loss, backward, clipping, the optimizer) runs on a thread of its own,
 * whatever of it is written in TypeScript: the event loop stays free. Its tensors are disposed when it is done.
 *
 * @example
 * const trainer = new Trainer(model, { epochs: 50, batchSize: 32, learningRate: 1e-2, clipGradNorm: 1 })
 * const history = await trainer.fit([inputs, targets], { validation: [heldOutInputs, heldOutTargets] })
 */
export class Trainer {
  readonly model: TrainableModel
  readonly optimizer: Optimizer
  readonly #options: ResolvedOptions
  readonly #criterion: Criterion
  #fitting = false

  /** @throws {TorchError} for an unknown option, or a value that cannot be used. */
  constructor(model: TrainableModel, options: TrainerOptions = {}) {
    if (typeof model?.forward !== 'function' || typeof model.parameters !== 'function') {
      throw torchError('ERR_TORCH_TYPE', `Trainer: model must be a Module, got ${describe(model)}`)
    }
    this.#options = readOptions(options)
    this.model = model
    this.optimizer = optimizerOf(this.#options, model)
    this.#criterion = criterionOf(this.#options.loss)
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
    this.#fitting = true
    if (seed !== undefined) native.manualSeed(seed)
    try {
      for (let epoch = 1; epoch <= epochs; epoch++) {
        const start = performance.now()
        const trainLoss = await this.#epoch(source, epoch, report, signal)
        const seconds = (performance.now() - start) / 1000
        const result = { epoch, trainLoss, seconds }
        history.epochs.push(held === undefined ? result : { ...result, validationLoss: await this.#loss(held, signal) })
        report({ type: 'epoch', epochs, result: history.epochs.at(-1) ?? result })
      }
    } finally {
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
    return this.#loss(this.#source(data, false), signal)
  }

  /** The model's output for `inputs`, in evaluation mode, computed off the main thread. */
  async predict(inputs: Tensor): Promise<Tensor> {
    return offload(() => this.predictSync(inputs))
  }

  /** {@link predict} on this thread, which it blocks. */
  predictSync(inputs: Tensor): Tensor {
    return tidy(() => evaluating(this.model, () => inferenceMode(() => this.model.forward(inputs))))
  }

  async #epoch(
    source: Source,
    epoch: number,
    report: ProgressListener,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { epochs, clipGradNorm: maxNorm } = this.#options
    let reported = 0
    let step = 0
    return this.#mean(source, signal, (load) => {
      step++
      if (performance.now() - reported > REPORT_INTERVAL_MS) {
        reported = performance.now()
        report({ type: 'step', epoch, epochs, step, steps: source.length })
      }
      this.model.train()
      const [input, target] = load()
      this.optimizer.zeroGrad()
      const loss = this.#criterion(this.model.forward(input), target)
      loss.backward()
      if (maxNorm !== undefined) clipGradNorm(this.model.parameters(), maxNorm)
      this.optimizer.step()
      return loss.detach()
    })
  }

  #loss(source: Source, signal: AbortSignal | undefined): Promise<number> {
    return this.#mean(source, signal, (load) =>
      evaluating(this.model, () =>
        inferenceMode(() => {
          const [input, target] = load()
          return this.#criterion(this.model.forward(input), target)
        }),
      ),
    )
  }

  /** Runs `step` off the main thread for each batch. The sum of losses stays native: reading it would wait for it. */
  async #mean(source: Source, signal: AbortSignal | undefined, step: (load: () => Batch) => Tensor): Promise<number> {
    using total = zeros([], { dtype: 'float64' })
    let samples = 0
    for await (const { size, load } of source.plans()) {
      signal?.throwIfAborted()
      await offload(() => tidy(() => void total.add_(step(load).to('cpu'), { alpha: size })))
      samples += size
    }
    if (samples === 0) throw torchError('ERR_TORCH_VALUE', 'Trainer: the data has no batches')
    return (total.item() as number) / samples
  }

  #listener(): ProgressListener {
    const { progress } = this.#options
    if (typeof progress === 'function') return progress
    return progress ? terminalProgress() : () => {}
  }

  #source(data: TrainingData, shuffle: boolean): Source {
    const { batchSize, sequenceLength, seed } = this.#options
    const batchFirst = this.model.batchFirst ?? true
    const loader = (dataset: Dataset): DataLoader =>
      new DataLoader(dataset, { batchSize, shuffle, batchFirst, ...(seed === undefined ? {} : { seed }) })
    if (data instanceof DataLoader) return data
    if (isPair(data)) {
      const [inputs, targets] = data
      return loader(
        sequenceLength === undefined
          ? new TensorDataset(inputs, targets)
          : new SequenceDataset(inputs, targets, { sequenceLength }),
      )
    }
    if (isDataset(data)) return loader(data)
    if (isIterable(data)) return { length: undefined, plans: () => plansOf(data, batchFirst ? 0 : 1) }
    throw torchError(
      'ERR_TORCH_TYPE',
      `Trainer: data must be a DataLoader, a dataset, [inputs, targets] or an iterable of batches, got ${describe(data)}`,
    )
  }
}

function requireSignal(name: string, signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw torchError('ERR_TORCH_TYPE', `${name}: signal must be an AbortSignal, got ${describe(signal)}`)
  }
}

interface Source {
  readonly length: number | undefined
  plans(): Iterable<BatchPlan> | AsyncIterable<BatchPlan>
}

function isPair(data: unknown): data is readonly [Tensor, Tensor] {
  return Array.isArray(data) && data.length === 2 && data.every(isTensor)
}

function isDataset(data: unknown): data is Dataset {
  return typeof data === 'object' && data !== null && 'batch' in data && 'length' in data
}

function isIterable(data: unknown): data is Iterable<Batch> | AsyncIterable<Batch> {
  return typeof data === 'object' && data !== null && (Symbol.iterator in data || Symbol.asyncIterator in data)
}

/** The batches that a user's own iterable gives, which stay the user's. */
async function* plansOf(data: Iterable<Batch> | AsyncIterable<Batch>, batchDim: number): AsyncGenerator<BatchPlan> {
  for await (const batch of data) {
    if (!isPair(batch)) {
      throw torchError(
        'ERR_TORCH_TYPE',
        `Trainer: a batch must be [input, target], two Tensors, got ${describe(batch)}`,
      )
    }
    const [input] = batch
    yield { size: input.ndim > batchDim ? input.size(batchDim) : 1, load: () => [...batch] }
  }
}

/** Runs `fn` with all modules in evaluation mode, and puts each back into its own. */
function evaluating<T>(model: Module, fn: () => T): T {
  const modules = [...model.modules()].map((module) => [module, module.training] as const)
  model.eval()
  try {
    return fn()
  } finally {
    for (const [module, training] of modules) module.training = training
  }
}
