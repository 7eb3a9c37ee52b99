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
  const isLevel = (level: unknown): boolean => typeof level === 'number' && level > 0 && level < 1
  const isRadius = (radius: unknown): boolean => Number.isFinite(radius) && (radius as number) >= 0
  if (!Number.isSafeInteger(past) || (past as number) < 1 || !isArrayOf(levels, isLevel)) return false
  const isRow = (row: unknown): boolean => isList(row, targets.length, isRadius)
  return isList(radii, levels.length, (rows) => isList(rows, steps, isRow))
}
