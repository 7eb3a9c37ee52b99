import { type Dataset, SequenceDataset, TensorDataset } from '../data/dataset.ts'
import { type Batch, type BatchPlan, DataLoader } from '../data/loader.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import type { ResolvedOptions } from './options.ts'

/**
 * What a trainer takes: a {@link DataLoader}; a dataset; tensors of inputs and targets, whose first dimension are
 * samples, or the steps of one series where `sequenceLength` is set; or anything that iterates over batches. An
 * iterable is asked for a batch when the one before is done with: it may use its tensors again.
 */
export type TrainingData =
  | DataLoader
  | Dataset
  | readonly [inputs: Tensor, targets: Tensor]
  | Iterable<Batch>
  | AsyncIterable<Batch>

/** Where batches come from, whatever the user gave. */
export interface Source {
  readonly length: number | undefined
  /** Whether batches are made for the trainer alone: then one can be made while another is in use. */
  readonly own: boolean
  plans(): Iterator<BatchPlan> | AsyncIterator<BatchPlan>
}

type SourceOptions = Pick<ResolvedOptions, 'batchSize' | 'sequenceLength' | 'seed'> & {
  shuffle: boolean
  batchFirst: boolean
}

/** @throws {TorchError} for what is no data. */
export function sourceOf(data: TrainingData, options: SourceOptions): Source {
  const { batchSize, sequenceLength, seed, shuffle, batchFirst } = options
  const loader = (dataset: Dataset): Source =>
    ofLoader(new DataLoader(dataset, { batchSize, shuffle, batchFirst, ...(seed === undefined ? {} : { seed }) }))
  if (data instanceof DataLoader) return ofLoader(data)
  if (isPair(data)) {
    const [inputs, targets] = data
    return loader(
      sequenceLength === undefined
        ? new TensorDataset(inputs, targets)
        : new SequenceDataset(inputs, targets, { sequenceLength }),
    )
  }
  if (isDataset(data)) return loader(data)
  if (isIterable(data)) return { length: undefined, own: false, plans: () => plansOf(data, batchFirst ? 0 : 1) }
  throw torchError(
    'ERR_TORCH_TYPE',
    `Trainer: data must be a DataLoader, a dataset, [inputs, targets] or an iterable of batches, got ${describe(data)}`,
  )
}

function ofLoader(loader: DataLoader): Source {
  return { length: loader.length, own: true, plans: () => loader.plans() }
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
