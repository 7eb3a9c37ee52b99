import { isArrayOf } from '../array.ts'
import { invalid } from '../check.ts'
import { describe } from '../describe.ts'
import { type ErrorCode, type TorchError, torchError } from '../errors.ts'
import { tensor } from '../tensor/creation.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

/**
 * Which number of a model's output is explained, one for each sequence:
 * - an index into the output of one sequence, such as a class; several for several dimensions, `[step, class]`. Negative
 *   ones count from the end, of the steps from the end of each sequence. Dimensions of size 1 may be left out
 * - an integer tensor (N), or (N, indices): an index for each sequence, such as `output.argmax(-1)`
 * - a function of the output, which returns one number for each sequence. It gets outputs of any number of sequences,
 *   always with a dimension for them, and must not read values
 */
export type AttributionTarget<Output = Tensor> = number | readonly number[] | Tensor | ((output: Output) => Tensor)

/** Where an output has its numbers. */
export interface OutputLayout {
  /** The dimension of the rows. */
  readonly dim: 0 | 1
  /** The number of the sequence that each row belongs to. */
  readonly sequences: readonly number[]
  /** The length of each sequence, if the output has one value for each step. */
  readonly lengths: readonly number[] | undefined
}

/**
 * Picks the value to explain from an output: one number for each row.
 *
 * @throws {TorchError} unless `target` is an {@link AttributionTarget} for `count` sequences.
 */
export class ExplainedValue {
  readonly #owner: string
  readonly #function: ((output: unknown) => unknown) | undefined
  /** The index for each sequence, or one for all. */
  readonly #paths: readonly (readonly number[])[]

  constructor(owner: string, target: unknown, count: number) {
    this.#owner = owner
    this.#function = typeof target === 'function' ? (target as (output: unknown) => unknown) : undefined
    this.#paths = this.#function === undefined ? pathsIn(owner, target, count) : []
  }

  /** The values (rows) of what a model's forward returned for these rows. */
  of(result: unknown, layout: OutputLayout): Tensor {
    const { dim, sequences } = layout
    if (this.#function !== undefined) return this.#checked(this.#function(result), sequences.length)
    const output: unknown = Array.isArray(result) ? result[0] : result
    if (!isTensor(output)) {
      const message = `the model must return a Tensor, got ${describe(result)}: let target be a function of it`
      throw this.#error('ERR_TORCH_TYPE', message)
    }
    if (output.shape[dim] !== sequences.length) {
      throw this.#error(
        'ERR_TORCH_SHAPE',
        `for ${sequences.length} sequences the model returns an output of shape (${output.shape.join(', ')}), without a dimension for them; a model that reads (L, N, …) has a property batchFirst: false`,
      )
    }
    const sizes = output.shape.filter((_, i) => i !== dim)
    const indices = sequences.map((sequence) => this.#index(sizes, sequence, layout))
    const rows = (dim === 0 ? output : output.transpose(0, 1)).reshape([sequences.length, -1])
    const { device } = output
    return rows.gather(1, tensor(indices, { dtype: 'int64', device }).unsqueeze(1)).squeeze(1)
  }

  #checked(value: unknown, rows: number): Tensor {
    if (!isTensor(value)) throw invalid(this.#owner, 'what target returns', 'a Tensor', value)
    if (value.ndim === 1 && value.size(0) === rows) return value
    throw this.#error(
      'ERR_TORCH_SHAPE',
      `target must return one number for each sequence, here of shape (${rows}), got (${value.shape.join(', ')})`,
    )
  }

  /** The place of the value in the flattened output of a sequence. */
  #index(sizes: readonly number[], sequence: number, { lengths }: OutputLayout): number {
    const path = this.#fullPath(this.#paths[sequence] ?? this.#paths[0] ?? [], sizes)
    return path.reduce((index, at, i) => {
      const size = sizes[i] as number
      const steps = i === 0 ? lengths?.[sequence] : undefined
      const known = steps ?? size
      if (at >= known || at < -known) {
        const what = steps === undefined ? `size ${size}` : `the ${steps} steps of sequence ${sequence}`
        throw this.#error('ERR_TORCH_INDEX', `target: index ${at} is out of range for ${what}`)
      }
      return index * size + (at < 0 ? at + known : at)
    }, 0)
  }

  /** An index for each dimension, also for those of size 1 that were left out. */
  #fullPath(path: readonly number[], sizes: readonly number[]): readonly number[] {
    if (path.length === sizes.length) return path
    const wide = sizes.filter((size) => size > 1).length
    if (path.length === wide) {
      const rest = [...path]
      return sizes.map((size) => (size > 1 ? (rest.shift() as number) : 0))
    }
    const indices = wide === 1 ? 'an index' : `${wide} indices`
    const found = path.length === 0 ? 'it was not given' : `got ${path.length}`
    throw this.#error(
      'ERR_TORCH_VALUE',
      `the output of one sequence is of shape (${sizes.join(', ')}): target must say which of these numbers is explained, by ${indices}; ${found}`,
    )
  }

  #error(code: ErrorCode, message: string): TorchError {
    return torchError(code, `${this.#owner}: ${message}`, { op: this.#owner })
  }
}

/** The indices that a target other than a function names: one list for all sequences, or one for each. */
function pathsIn(owner: string, target: unknown, count: number): number[][] {
  if (target === undefined) return []
  if (isTensor(target)) {
    const { shape, dtype } = target
    if (!['int64', 'int32'].includes(dtype)) {
      throw torchError('ERR_TORCH_DTYPE', `${owner}: a target that is a tensor must be of int64 or int32, got ${dtype}`)
    }
    if ((shape.length !== 1 && shape.length !== 2) || shape[0] !== count) {
      const wanted = `(${count}) or (${count}, indices): an index for each sequence`
      throw torchError('ERR_TORCH_SHAPE', `${owner}: target must be of shape ${wanted}, got (${shape.join(', ')})`)
    }
    const rows = target.to('int32').toArray() as number[] | number[][]
    return rows.map((row) => [row].flat())
  }
  const path = typeof target === 'number' ? [target] : target
  if (isArrayOf(path, Number.isSafeInteger)) return [[...path] as number[]]
  throw invalid(owner, 'target', 'an index, an array of indices, an integer tensor or a function', target)
}
