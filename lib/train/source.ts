import { isArrayOf } from '../array.ts'
import { invalid, isPlain, requireInteger } from '../check.ts'
import { type Batch, mapBatch, namedBatch, requireBatch } from '../data/batch.ts'
import { isSample } from '../data/collate.ts'
import type { SampleSource } from '../data/collated.ts'
import { type Dataset, SequenceDataset, TensorDataset } from '../data/dataset.ts'
import { type BatchPlan, type BatchPlans, DataLoader } from '../data/loader.ts'
import { StackDataset, type StackedTensors } from '../data/stack-dataset.ts'
import { TextDataset } from '../data/text.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { Generator } from '../tensor/generator.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import { type Windows, windowsOf } from './units.ts'

/**
 * Data for a trainer: a {@link DataLoader}; a dataset; tensors of inputs and targets, whose first dimension counts
 * samples, or the steps of one series if `sequenceLength` is set; tensors of samples by name (`lengths`, `mask`, …); any
 * iterable of batches; or a function that returns one for each pass, such as a generator function or one that opens a
 * stream. An iterable is asked for a batch only after the previous one is finished, so it may reuse its tensors.
 */
export type TrainingData =
  | DataLoader
  | Dataset
  | SampleSource
  | readonly [inputs: Tensor, targets: Tensor]
  | StackedTensors
  | BatchSource
  | (() => BatchSource | Promise<BatchSource>)

/** Batches, as they come. */
export type BatchSource = Iterable<Batch> | AsyncIterable<Batch>

/** Data for `predict`: as for training, but tensors of samples by name need no target. */
export type PredictionData = TrainingData | Readonly<Omit<StackedTensors, 'target'>>

/**
 * Data for predictions as data for training.
 *
 * @param batchSize that the user asks for
 * @throws {TorchError} for a batch size that has no effect.
 */
export function predictable(data: PredictionData, batchSize: number | undefined): TrainingData {
  if (batchSize !== undefined) requireInteger('predict', 'batchSize', batchSize, 1)
  if (batchSize !== undefined && !isPair(data) && !isDataset(data) && (isIterable(data) || isFactory(data))) {
    throw torchError('ERR_TORCH_OPTION', 'predict: batchSize has no effect on data that are batches already')
  }
  // No target is read, but datasets have one.
  return isPlain(data) && 'input' in data ? ({ target: data.input, ...data } as StackedTensors) : (data as TrainingData)
}

/** A common form for all kinds of training data. */
export interface Source {
  readonly length: number | undefined
  /** The generator of a loader of the user's, if it has its own. */
  readonly generator: Generator | undefined
  /** Whether batches are made for the trainer alone, so that one can be made while another is in use. */
  readonly own: boolean
  /** Whether targets come as (h, N, …), but the model's outputs are (N, h, …), so that {@link Feed} turns the former. */
  readonly samplesFirst?: boolean
  /** The windows of a series that the data consist of, if they do; their layout is that of the outputs. */
  readonly windows?: Windows | undefined
  plans(): BatchPlans
}

export type SourceOptions = Pick<ResolvedOptions, 'batchSize' | 'sequenceLength'> & {
  carryState?: boolean
  shuffle: boolean
  batchFirst: boolean
  /** Whether the model's outputs have the samples first although its inputs have not. */
  samplesFirst?: boolean
  /** A model that only reads sequences. */
  reader?: Reader | undefined
}

/** A model that reads sequences: its name, and whether these are of tokens, (L, N), rather than of features (L, N, F). */
export interface Reader {
  name: string
  tokens: boolean
}

/** @throws {TorchError} if `data` is not training data. */
export function sourceOf(data: TrainingData, options: SourceOptions): Source {
  const { batchSize, sequenceLength, shuffle, batchFirst, samplesFirst = false, reader, carryState } = options
  const ofDataset = (dataset: Dataset | SampleSource): Source =>
    ofLoader(new DataLoader(dataset, { batchSize, shuffle, batchFirst }), samplesFirst, reader)
  if (carryState) requireContinued(data)
  if (data instanceof DataLoader || data instanceof TextDataset) {
    const source =
      data instanceof DataLoader ? ofLoader(data, samplesFirst, reader) : ofIterable(data, batchFirst ? 0 : 1)
    if (reader !== undefined) requireLayout(data, reader, batchFirst)
    return source
  }
  if (isPair(data)) {
    const [inputs, targets] = data
    return ofDataset(
      sequenceLength === undefined
        ? new TensorDataset(inputs, targets)
        : new SequenceDataset(inputs, targets, { sequenceLength }),
    )
  }
  if (isDataset(data)) return ofDataset(data)
  if (isArrayOf(data, isTensor) && data.length > 0) {
    throw torchError(
      'ERR_TORCH_TYPE',
      `Trainer: data must be [inputs, targets], but there ${data.length === 1 ? 'is 1 tensor' : `are ${data.length} tensors`}: give all by name, { input, target, lengths, … }`,
    )
  }
  requireNoSamples(data)
  if (isFactory(data)) return ofIterable(passesOf(data), batchFirst ? 0 : 1)
  if (isIterable(data)) return ofIterable(data, batchFirst ? 0 : 1)
  if (isPlain(data) && 'input' in data) return ofDataset(new StackDataset(data))
  throw invalid(
    'Trainer',
    'data',
    'a DataLoader, a dataset, [inputs, targets], { input, target, … }, an iterable of batches, or a function that returns one',
    data,
  )
}

/** @throws {TorchError} for an array of samples, which would be read as batches. */
function requireNoSamples(data: unknown): void {
  const first: unknown = Array.isArray(data) ? data[0] : undefined
  if (!isSample(first)) return
  const parts = 'input' in first ? [first.input, first.target] : first
  if (parts.every(isTensor)) return
  throw torchError(
    'ERR_TORCH_TYPE',
    `Trainer: data that is an array has batches of tensors, but the first has ${parts.map(describe).join(' and ')}: give an array of samples to a DataLoader, new DataLoader(samples, { batchSize: 32 })`,
  )
}

function ofLoader(loader: DataLoader, outputsFirst: boolean, reader: Reader | undefined): Source {
  if (reader !== undefined) requireSequences(loader.dataset, reader)
  const samplesFirst = outputsFirst && !loader.batchFirst
  const windows = windowsOf(loader.dataset, loader.batchFirst || samplesFirst)
  const { length, generator } = loader
  return { length, generator, own: true, samplesFirst, windows, plans: () => loader.plansOff() }
}

/** Batches in the other layout than the model's would be read with steps and samples exchanged. */
function requireLayout(data: DataLoader | TextDataset, { name }: Reader, batchFirst: boolean): void {
  if (data.batchFirst === batchFirst) return
  const what = data instanceof DataLoader ? 'the DataLoader' : 'the TextDataset'
  throw torchError(
    'ERR_TORCH_OPTION',
    batchFirst
      ? `Trainer: ${what} makes batches (L, N, …), but ${name} with batchFirst reads (N, L, …): give both batchFirst: true`
      : `Trainer: ${what} makes batches (N, L, …), but ${name} reads (L, N, …): make the model with batchFirst: true`,
  )
}

/** A state is carried from one batch to the next only if they continue each other. */
function requireContinued(data: TrainingData): void {
  const isLoader = data instanceof DataLoader
  if (isLoader ? !data.shuffle : isFactory(data) || (!isPair(data) && !isDataset(data) && isIterable(data))) return
  throw torchError(
    'ERR_TORCH_OPTION',
    `Trainer: carryState continues one batch in the next, row by row: give batches that do, such as a TextDataset, not ${isLoader ? 'a DataLoader that shuffles' : 'independent samples'}`,
  )
}

/** Rows as samples have no time steps: a batch of them would be read as one sequence, in shuffled order. */
function requireSequences(dataset: unknown, { name, tokens }: Reader): void {
  const [inputs, targets] =
    dataset instanceof TensorDataset
      ? [dataset.inputs, dataset.targets]
      : dataset instanceof StackDataset
        ? [dataset.tensors.input, dataset.tensors.target]
        : []
  if (inputs?.ndim !== 2) return
  const [rows, features] = inputs.shape
  if (tokens) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `Trainer: ${name} without batchFirst reads tokens (L, N), but samples of shape (${features}) are stacked as (N, ${features}): make the model with batchFirst: true`,
    )
  }
  throw torchError(
    'ERR_TORCH_SHAPE',
    `Trainer: ${name} reads sequences, but inputs of shape (${rows}, ${features}) with targets of shape (${targets?.shape.join(', ')}) are ${rows} samples without steps. For a series of ${rows} steps set sequenceLength, the length of the windows to train on; or give samples of shape (N, L, ${features})`,
  )
}

function isPair(data: unknown): data is readonly [Tensor, Tensor] {
  return isArrayOf(data, isTensor) && data.length === 2
}

function isObject(data: unknown): data is object {
  return typeof data === 'object' && data !== null
}

function isDataset(data: unknown): data is Dataset | SampleSource {
  return !isIterable(data) && isObject(data) && 'length' in data && ('batch' in data || 'get' in data)
}

function isIterable(data: unknown): data is BatchSource {
  return isObject(data) && (Symbol.iterator in data || Symbol.asyncIterator in data)
}

function isFactory(data: unknown): data is () => BatchSource | Promise<BatchSource> {
  return typeof data === 'function'
}

/** The iterables that a function of the user's returns, one for each pass. */
function passesOf(open: () => BatchSource | Promise<BatchSource>): AsyncIterable<Batch> {
  return {
    async *[Symbol.asyncIterator]() {
      const batches: unknown = await open()
      if (!isIterable(batches))
        throw invalid('Trainer', 'what the data function returns', 'an iterable of batches', batches)
      yield* batches
    },
  }
}

/** The same batches. @throws {TorchError} for an iterator that does not keep the protocol, instead of the engine. */
function checked(data: BatchSource): BatchSource {
  const requireIterator = <T>(iterator: T): T => requireObject("the data's iterator", iterator)
  const requireResult = <T>(result: T): T => requireObject("what next() of the data's iterator returns", result)
  if (Symbol.asyncIterator in data) {
    return {
      [Symbol.asyncIterator]() {
        const iterator = requireIterator(data[Symbol.asyncIterator]())
        return {
          next: async () => requireResult(await iterator.next()),
          return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
        }
      },
    }
  }
  return {
    [Symbol.iterator]() {
      const iterator = requireIterator(data[Symbol.iterator]())
      return {
        next: () => requireResult(iterator.next()),
        return: () => iterator.return?.() ?? { done: true, value: undefined },
      }
    },
  }
}

function requireObject<T>(name: string, value: T): T {
  if (!isObject(value)) throw invalid('Trainer', name, 'an object', value)
  return value
}

/** The batches of a user's own iterable; they still belong to the user. */
function ofIterable(data: BatchSource, batchDim: number): Source {
  let exhausted = false
  async function* plans(): AsyncGenerator<BatchPlan> {
    let batches = 0
    for await (const batch of checked(data)) {
      requireBatch('Trainer: a batch', batch)
      batches++
      const { input } = namedBatch(batch)
      yield {
        size: input.ndim > batchDim ? input.size(batchDim) : 1,
        queueable: true,
        load: () => mapBatch(batch, (tensor) => tensor),
      }
    }
    if (batches === 0 && exhausted) {
      throw torchError(
        'ERR_TORCH_VALUE',
        'Trainer: the data could be iterated only once: it had batches in the first pass, and none in this one. Give an iterable that starts again each time, such as the generator function itself',
      )
    }
    exhausted ||= batches > 0
  }
  const length: unknown = Reflect.get(data, 'length')
  return { length: typeof length === 'number' ? length : undefined, generator: undefined, own: false, plans }
}
