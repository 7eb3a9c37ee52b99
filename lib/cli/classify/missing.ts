import { placeOf } from '../../data/series/collect.ts'
import { torchError } from '../../errors.ts'
import type { Settings } from '../settings.ts'

/** Steps of sequences, one sequence behind the other. */
export interface Features {
  /** A column for each feature. NaN is missing. */
  readonly features: readonly Float64Array[]
  /** Where each sequence starts, and in the end the number of all steps. */
  readonly offsets: readonly number[]
}

interface Steps extends Features {
  /** The columns of the file. */
  readonly names: readonly string[]
  /** The row of each step in the file, from 1. */
  readonly numbers: Float64Array
}

/**
 * Does with cells without a value what was said. What is still missing has the mean of its column in the training part.
 * @throws {TorchError} that names the first, if none is allowed, or a sequence of which no step is left.
 */
export function repaired(title: string, steps: Steps, missing: Settings['missing']): Features {
  const { features, offsets } = steps
  if (!features.some((column) => column.some(Number.isNaN))) return { features, offsets }
  if (missing === 'error') throw missingCell(title, steps)
  if (missing === 'drop') return dropped(title, steps)
  if (missing !== 'mask') for (const column of features) fill(column, offsets, missing)
  return { features, offsets }
}

function missingCell(title: string, { names, features, offsets, numbers }: Steps): Error {
  let least = Number.POSITIVE_INFINITY
  let name = ''
  for (const [k, column] of features.entries()) {
    for (const [i, value] of column.entries()) {
      if (!Number.isNaN(value) || (numbers[i] as number) >= least) continue
      least = numbers[i] as number
      // In a row for each sequence, columns are steps.
      name = features.length === names.length ? (names[k] as string) : stepName(names, offsets, i)
    }
  }
  return torchError(
    'ERR_TORCH_VALUE',
    `${placeOf(title, least)}, column '${name}' has no value. Say what to do: missing: 'mask', 'forward', 'interpolate' or 'drop'`,
  )
}

function stepName(names: readonly string[], offsets: readonly number[], at: number): string {
  const start = offsets.findLast((offset) => offset <= at) as number
  return names[at - start] as string
}

function dropped(title: string, { features, offsets, numbers }: Steps): Features {
  const kept: number[] = []
  const starts = [0]
  for (let s = 0; s + 1 < offsets.length; s++) {
    const [start, end] = [offsets[s] as number, offsets[s + 1] as number]
    for (let i = start; i < end; i++) if (!features.some((column) => Number.isNaN(column[i]))) kept.push(i)
    if (kept.length === starts.at(-1)) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${placeOf(title, numbers[start] as number)}: each step of this sequence has a missing value: none is left`,
      )
    }
    starts.push(kept.length)
  }
  const columns = features.map((column) => Float64Array.from(kept, (i) => column[i] as number))
  return { features: columns, offsets: starts }
}

/** Fills a column in place, from the steps before, or on lines between steps. */
function fill(column: Float64Array, offsets: readonly number[], how: 'forward' | 'interpolate'): void {
  for (let s = 0; s + 1 < offsets.length; s++) {
    let last = -1
    for (let i = offsets[s] as number; i < (offsets[s + 1] as number); i++) {
      if (Number.isNaN(column[i])) {
        if (how === 'forward' && last >= 0) column[i] = column[last] as number
        continue
      }
      for (let k = last + 1; how === 'interpolate' && last >= 0 && k < i; k++) {
        const [from, to] = [column[last] as number, column[i] as number]
        column[k] = from + ((to - from) * (k - last)) / (i - last)
      }
      last = i
    }
  }
}
