import { isArrayOf } from '../array.ts'
import { checkOptions, invalid, requireInteger, requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { opaque } from '../opaque.ts'
import { tensor } from '../tensor/creation.ts'
import { tensorOp } from '../tensor/packet.ts'
import { requireTensor, type Tensor } from '../tensor/tensor.ts'
import type { Batch, BatchPair } from './batch.ts'

/**
 * Numbered samples of an input and a target, made into batches on demand.
 *
 * @example
 * class Files implements Dataset {
 *   readonly length = 1000
 *   async batch(indices: readonly number[]): Promise<Batch> {
 *     const rows = await Promise.all(indices.map((index) => readRow(index)))
 *     return [torch.tensor(rows.map(({ steps }) => steps)), torch.tensor(rows.map(({ label }) => label))]
 *   }
 * }
 */
export interface Dataset<B extends Batch = Batch> {
  /** The number of samples. */
  readonly length: number
  /**
   * Returns the samples with these indices, from 0 to `length` - 1, as an input and a target, or as more parts by name:
   * see {@link NamedBatch}. It runs as plain JavaScript, not within `offload`: it may read files, databases and tensors, and be async. A trainer disposes the
   * tensors that it creates when their step is done, but not those that it only passes on.
   *
   * Samples are stacked in the first dimension, (N, L, …). If `batchFirst` is false and samples have two or more
   * dimensions, they are stacked in the second, (L, N, …).
   */
  batch(indices: readonly number[], batchFirst: boolean): B | Promise<B>
}

const indexSelect = tensorOp('aten::index_select')
const unfold = tensorOp('aten::unfold')
const transpose = tensorOp('aten::transpose.int')
const permute = tensorOp('aten::permute')

/** @internal @throws {TorchError} unless the argument `indices` of `owner.batch` is an array of integers. */
export function requireIndices(owner: string, indices: unknown): asserts indices is readonly number[] {
  if (isArrayOf(indices, Number.isSafeInteger)) return
  throw invalid(`${owner}.batch`, 'indices', 'an array of integers', indices)
}

/** @internal Calls `fn` with a function that picks the rows of a tensor with these indices. */
export function picking<T>(owner: string, indices: readonly number[], fn: (pick: (rows: Tensor) => Tensor) => T): T {
  requireIndices(owner, indices)
  const numbers = tensor(BigInt64Array.from(indices, BigInt))
  try {
    return fn((rows) => {
      const { device } = rows
      // Samples may be on a GPU.
      if (device === 'cpu') return indexSelect(rows, 0, numbers)
      const there = numbers.to({ device, nonBlocking: true })
      const picked = indexSelect(rows, 0, there)
      there.dispose()
      return picked
    })
  } finally {
    numbers.dispose()
  }
}

/** @internal Samples (N, L, …), with the steps first if `batchFirst` is false. */
export function stacked(rows: Tensor, batchFirst: boolean): Tensor {
  return batchFirst || rows.ndim < 3 ? rows : transpose(rows, 0, 1)
}

/** @internal */
export function requireSamples(owner: string, name: string, value: unknown): asserts value is Tensor {
  requireTensor(owner, name, value)
  if (value.ndim < 1) throw torchError('ERR_TORCH_SHAPE', `${owner}: ${name} must have a dimension for the samples`)
}

function requireSeries(name: string, value: unknown): asserts value is Tensor {
  requireSamples('SequenceDataset', name, value)
  if (value.ndim > 2) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `SequenceDataset: ${name} must be of shape (steps, features) or (steps), got ${value.ndim}-D`,
    )
  }
}

function requireSameLength(owner: string, inputs: Tensor, targets: Tensor): void {
  if (inputs.size(0) !== targets.size(0)) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: size mismatch between tensors: ${inputs.size(0)} inputs and ${targets.size(0)} targets`,
    )
  }
}

/**
 * Samples along the first dimension of two tensors: inputs (N, …) and targets (N, …).
 * @throws {TorchError} if they differ in length.
 */
export class TensorDataset implements Dataset<BatchPair> {
  readonly inputs: Tensor
  readonly targets: Tensor
  readonly length: number

  constructor(inputs: Tensor, targets: Tensor, ...more: undefined[]) {
    if (more.length > 0) {
      throw torchError(
        'ERR_TORCH_TYPE',
        `TensorDataset: a sample is an input and a target, but ${2 + more.length} tensors were given: name the others, new StackDataset({ input, target, lengths })`,
      )
    }
    requireSamples('TensorDataset', 'inputs', inputs)
    requireSamples('TensorDataset', 'targets', targets)
    requireSameLength('TensorDataset', inputs, targets)
    this.inputs = inputs
    this.targets = targets
    this.length = inputs.size(0)
  }

  /** Returns the samples with these indices: see {@link Dataset.batch}. */
  batch(indices: readonly number[], batchFirst: boolean): BatchPair {
    return picking('TensorDataset', indices, (pick) => {
      const rowsOf = (source: Tensor): Tensor => stacked(pick(source), batchFirst)
      return [rowsOf(this.inputs), rowsOf(this.targets)]
    })
  }
}

export interface SequenceOptions {
  /** The length L of each window. */
  sequenceLength: number
  /** Steps from the start of one window to the start of the next. Default 1. */
  stride?: number
}

/**
 * Windows of one long series of T steps, with inputs (T, I) and targets (T, O), the values to predict at each step.
 * Sample i starts at step `i * stride` and consists of an input (L, I) and a target (L, O). Inputs or targets with one
 * number per step, such as words or classes, may be of shape (T). The windows are views: the series is not copied.
 * @throws {TorchError} if T is less than `sequenceLength`, or differs between inputs and targets.
 */
export class SequenceDataset implements Dataset<BatchPair> {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('SequenceDataset', 'use the tensors that it was made of')
  readonly length: number
  readonly sequenceLength: number
  readonly stride: number
  readonly #inputs: Tensor
  readonly #targets: Tensor

  constructor(inputs: Tensor, targets: Tensor, options: SequenceOptions, ...none: undefined[]) {
    requireNone('SequenceDataset', none)
    checkOptions('SequenceDataset', options, ['sequenceLength', 'stride'])
    requireSeries('inputs', inputs)
    requireSeries('targets', targets)
    requireSameLength('SequenceDataset', inputs, targets)
    const { sequenceLength, stride = 1 } = options
    requireInteger('SequenceDataset', 'sequenceLength', sequenceLength, 1)
    requireInteger('SequenceDataset', 'stride', stride, 1)
    const steps = inputs.size(0)
    if (steps < sequenceLength) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `SequenceDataset: a series of ${steps} steps has no window of sequenceLength ${sequenceLength}`,
      )
    }
    this.sequenceLength = sequenceLength
    this.stride = stride
    this.length = Math.floor((steps - sequenceLength) / stride) + 1
    this.#inputs = inputs
    this.#targets = targets
  }

  /** Returns the samples with these indices: see {@link Dataset.batch}. */
  batch(indices: readonly number[], batchFirst: boolean): BatchPair {
    return picking('SequenceDataset', indices, (pick) => {
      const windowsOf = (series: Tensor): Tensor => {
        // unfold puts the steps last: (N, features, L) or (N, L).
        const windows = pick(unfold(series, 0, this.sequenceLength, this.stride))
        if (series.ndim === 1) return batchFirst ? windows : transpose(windows, 0, 1)
        return permute(windows, batchFirst ? [0, 2, 1] : [2, 0, 1])
      }
      return [windowsOf(this.#inputs), windowsOf(this.#targets)]
    })
  }
}

/** @internal @throws {TorchError} unless a dataset's `length` is a number of samples. */
export function requireCount(what: string, length: number): void {
  if (Number.isSafeInteger(length) && length >= 0) return
  throw torchError('ERR_TORCH_VALUE', `${what}: its length must be a non-negative integer, got ${describe(length)}`)
}
