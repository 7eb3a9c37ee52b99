import { isArrayOf } from '../array.ts'
import { invalid } from '../check.ts'
import { type Batch, type Dataset, SequenceDataset, TensorDataset } from '../data/dataset.ts'
import { type BatchPlan, DataLoader, requireBatch } from '../data/loader.ts'
import { torchError } from '../errors.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import type { ResolvedOptions } from './options.ts'

/**
 * Data for a trainer: a {@link DataLoader}; a dataset; tensors of inputs and targets, whose first dimension counts
 * samples, or the steps of one series if `sequenceLength` is set; or any iterable of batches. An iterable is asked for
 * a batch only after the previous one is finished, so it may reuse its tensors.
 */
export type TrainingData =
  | DataLoader
  | Dataset
  | readonly [inputs: Tensor, targets: Tensor]
  | Iterable<Batch>
  | AsyncIterable<Batch>

/** A common form for all kinds of training data. */
export interface Source {
  readonly length: number | undefined
  /** Whether batches are made for the trainer alone, so that one can be made while another is in use. */
  readonly own: boolean
  plans(): Iterator<BatchPlan> | AsyncIterator<BatchPlan>
}

type SourceOptions = Pick<ResolvedOptions, 'batchSize' | 'sequenceLength'> & {
  shuffle: boolean
  batchFirst: boolean
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
  const { batchSize, sequenceLength, shuffle, batchFirst, reader } = options
  const ofDataset = (dataset: Dataset): Source =>
    ofLoader(new DataLoader(dataset, { batchSize, shuffle, batchFirst }), reader)
  if (data instanceof DataLoader) return ofLoader(data, reader)
  if (isPair(data)) {
    const [inputs, targets] = data
    return ofDataset(
      sequenceLength === undefined
        ? new TensorDataset(inputs, targets)
        : new SequenceDataset(inputs, targets, { sequenceLength }),
    )
  }
  if (isDataset(data)) return ofDataset(data)
  if (isIterable(data)) return ofIterable(data, batchFirst ? 0 : 1)
  throw invalid('Trainer', 'data', 'a DataLoader, a dataset, [inputs, targets] or an iterable of batches', data)
}

function ofLoader(loader: DataLoader, reader: Reader | undefined): Source {
  if (reader !== undefined) requireSequences(loader.dataset, reader)
  return { length: loader.length, own: true, plans: () => loader.plans() }
}

/** Rows as samples have no time steps: a batch of them would be read as one sequence, in shuffled order. */
function requireSequences(dataset: Dataset, { name, tokens }: Reader): void {
  if (!(dataset instanceof TensorDataset) || dataset.inputs.ndim !== 2) return
  const [rows, features] = dataset.inputs.shape
  if (tokens) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `Trainer: ${name} without batchFirst reads tokens (L, N), but samples of shape (${features}) are stacked as (N, ${features}): make the model with batchFirst: true`,
    )
  }
  throw torchError(
    'ERR_TORCH_SHAPE',
    `Trainer: ${name} reads sequences, but inputs of shape (${rows}, ${features}) with targets of shape (${dataset.targets.shape.join(', ')}) are ${rows} samples without steps. For a series of ${rows} steps set sequenceLength, the length of the windows to train on; or give samples of shape (N, L, ${features})`,
  )
}

function isPair(data: unknown): data is readonly [Tensor, Tensor] {
  return isArrayOf(data, isTensor) && data.length === 2
}

function isDataset(data: unknown): data is Dataset {
  return typeof data === 'object' && data !== null && 'batch' in data && 'length' in data
}

function isIterable(data: unknown): data is Iterable<Batch> | AsyncIterable<Batch> {
  return typeof data === 'object' && data !== null && (Symbol.iterator in data || Symbol.asyncIterator in data)
}

/** The batches of a user's own iterable; they still belong to the user. */
function ofIterable(data: Iterable<Batch> | AsyncIterable<Batch>, batchDim: number): Source {
  let exhausted = false
  async function* plans(): AsyncGenerator<BatchPlan> {
    let batches = 0
    for await (const batch of data) {
      requireBatch('Trainer: a batch', batch)
      batches++
      const [input] = batch
      yield {
        size: input.ndim > batchDim ? input.size(batchDim) : 1,
        queueable: true,
        load: () => [...batch],
      }
    }
    if (batches === 0 && exhausted) {
      throw torchError(
        'ERR_TORCH_VALUE',
        'Trainer: the data could be iterated only once: it had batches in the first pass, and none in this one. Give an iterable that starts again each time, such as { [Symbol.iterator]: () => batches() } with a generator function',
      )
    }
    exhausted ||= batches > 0
  }
  return { length: undefined, own: false, plans }
}
