import type { Dataset, NamedBatch, SeriesScaler } from '../../data/index.ts'
import { FORWARD } from '../../data/scaler/scaler.ts'
import { COLUMNS_OF } from '../../data/scaler/series-scaler.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { torch } from '../../torch.ts'
import { lengthOf, type Sequences } from './sequences.ts'

/** The steps of sequences as a network reads them, row after row. */
interface Rows {
  readonly width: number
  readonly values: Float32Array
}

/**
 * Scales the features of all steps. What is missing becomes 0, the mean; with `masked`, a further feature of each says
 * whether it was observed.
 */
function rowsOf({ features, offsets }: Sequences, scaler: SeriesScaler, masked: boolean): Rows {
  const steps = offsets.at(-1) as number
  const width = features.length * (masked ? 2 : 1)
  const values = new Float32Array(steps * width)
  const scalers = scaler[COLUMNS_OF]('train', undefined)
  for (const [k, column] of features.entries()) {
    const forward = scalers[k]?.[FORWARD](0) ?? ((value: number) => value)
    for (let i = 0; i < steps; i++) {
      const value = column[i] as number
      const isMissing = Number.isNaN(value)
      values[i * width + k] = isMissing ? 0 : forward(value)
      if (masked) values[i * width + features.length + k] = isMissing ? 0 : 1
    }
  }
  return { width, values }
}

/** Sequences with the numbers of their classes, for a trainer: batches are padded, and have `lengths`. */
export class LabelledSequences implements Dataset<NamedBatch> {
  readonly length: number
  /** The number of features of a step. */
  readonly inputSize: number
  readonly #sequences: Sequences
  readonly #rows: Rows
  readonly #classes: readonly number[]
  readonly #indices: readonly number[]
  readonly #isRagged: boolean

  /**
   * @param classes the number of the class of each of all sequences
   * @param indices those of `sequences` that belong to this dataset
   */
  constructor(sequences: Sequences, rows: Rows, classes: readonly number[], indices: readonly number[]) {
    this.length = indices.length
    this.inputSize = rows.width
    this.#sequences = sequences
    this.#rows = rows
    this.#classes = classes
    this.#indices = indices
    this.#isRagged = indices.some((index) => lengthOf(sequences, index) !== lengthOf(sequences, indices[0] as number))
  }

  /** The number of the class of each of these samples, (N) int64. */
  classesOf(indices: readonly number[]): Tensor {
    return torch.tensor(
      BigInt64Array.from(indices, (index) => BigInt(this.#classes[this.#indices[index] as number] as number)),
    )
  }

  batch(indices: readonly number[], batchFirst: boolean): NamedBatch {
    const own = indices.map((index) => this.#indices[index] as number)
    const lengths = own.map((index) => lengthOf(this.#sequences, index))
    const [longest, { width, values }] = [Math.max(...lengths), this.#rows]
    const padded = new Float32Array(own.length * longest * width)
    for (const [n, index] of own.entries()) {
      const start = this.#sequences.offsets[index] as number
      for (let step = 0; step < (lengths[n] as number); step++) {
        const from = (start + step) * width
        const to = (batchFirst ? n * longest + step : step * own.length + n) * width
        padded.set(values.subarray(from, from + width), to)
      }
    }
    const shape = batchFirst ? [own.length, longest, width] : [longest, own.length, width]
    return {
      input: torch.tensor(padded, { shape }),
      target: this.classesOf(indices),
      ...(this.#isRagged ? { lengths: torch.tensor(lengths, { dtype: 'int64' }) } : {}),
    }
  }
}

/** Makes datasets of some of the sequences each: all use the same scaled steps. */
export function datasetsOf(
  sequences: Sequences,
  scaler: SeriesScaler,
  masked: boolean,
): (classes: readonly number[], indices: readonly number[]) => LabelledSequences {
  const rows = rowsOf(sequences, scaler, masked)
  return (classes, indices) => new LabelledSequences(sequences, rows, classes, indices)
}
