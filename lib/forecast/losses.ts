import { isArrayOf } from '../array.ts'
import { invalid } from '../check.ts'
import { torchError } from '../errors.ts'

/** Losses at the origins of forecasts, in the order of time: numbers in an array or a typed array; NaN where one is missing. */
export type Losses = readonly number[] | Float64Array | Float32Array

const isLosses = (value: unknown): value is Losses =>
  value instanceof Float64Array || value instanceof Float32Array || isArrayOf(value, (item) => typeof item === 'number')

/** @throws {TorchError} unless `value` is {@link Losses}, of which none is infinite. */
export function requireLosses(owner: string, name: string, value: unknown): asserts value is Losses {
  if (!isLosses(value)) throw invalid(owner, name, 'an array of numbers', value)
  if (!value.some((loss: number) => Math.abs(loss) === Infinity)) return
  throw torchError('ERR_TORCH_NON_FINITE', `${owner}: ${name} has an infinite loss`, { op: owner })
}

/** The losses of one or of several runs, as several. */
export function readRuns(owner: string, name: string, value: unknown): readonly Losses[] {
  const isSeveral = Array.isArray(value) && value.length > 0 && value.every((item) => typeof item !== 'number')
  const runs: readonly unknown[] = isSeveral ? value : [value]
  runs.forEach((run, i) => {
    requireLosses(owner, isSeveral ? `${name}[${i}]` : name, run)
  })
  return runs as readonly Losses[]
}

/**
 * The indices of the origins at which all have a loss.
 * @throws {TorchError} unless all have the same length, and at least `least` such origins.
 */
export function sharedOrigins(owner: string, all: readonly Losses[], least: number): number[] {
  const length = all[0]?.length ?? 0
  const other = all.find((losses) => losses.length !== length)
  if (other !== undefined) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${owner}: losses must be of the same origins, but there are ${length} and ${other.length}`,
      { op: owner },
    )
  }
  const shared = Array.from({ length }, (_, i) => i).filter((i) => all.every((losses) => !Number.isNaN(losses[i])))
  if (shared.length >= least) return shared
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: at least ${least} origins with losses of both are needed, got ${shared.length}`,
    { op: owner },
  )
}
