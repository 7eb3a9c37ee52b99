import { isArrayOf } from '../array.ts'
import { isPlain } from '../check.ts'

/** How far forecasts were from what came, for `forecast`: plain JSON, saved with the model as its `calibration`. */
export interface Calibration {
  readonly method: 'splitConformal'
  readonly past: number
  readonly steps: number
  readonly targets: readonly string[]
  /** The number of windows. */
  readonly windows: number
  readonly levels: readonly number[]
  /** Half the widths of intervals, scaled: by level, step and target. */
  readonly radii: readonly (readonly (readonly number[])[])[]
}

/** Whether a value, which may come from a file, has the form of a calibration. */
export function isCalibration(value: unknown): value is Calibration {
  if (!isPlain(value)) return false
  const { method, past, steps, targets, levels, radii } = value as Partial<Record<keyof Calibration, unknown>>
  const isList = (list: unknown, length: unknown, fits: (item: unknown) => boolean): boolean =>
    isArrayOf(list, fits) && list.length === length
  if (method !== 'splitConformal' || !isArrayOf(targets, (name) => typeof name === 'string')) return false
  if (!Number.isSafeInteger(past) || !isArrayOf(levels, Number.isFinite)) return false
  const isRow = (row: unknown): boolean => isList(row, targets.length, Number.isFinite)
  return isList(radii, levels.length, (rows) => isList(rows, steps, isRow))
}
