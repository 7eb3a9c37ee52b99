import { invalid } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Run } from './run.ts'

/** Whether a lower or a higher value of a monitored number is better. */
export type MonitorMode = 'min' | 'max'

export interface MonitorOptions {
  /**
   * The number of an epoch's result to watch, such as `'validationMae'`. Default: `validationLoss`, or `trainLoss`
   * without validation data.
   */
  monitor?: string
  /** Default `'min'`. */
  mode?: MonitorMode
}

/** @throws {TorchError} unless the options are valid. */
export function requireMonitor(owner: string, { monitor, mode }: MonitorOptions): void {
  if (monitor !== undefined && typeof monitor !== 'string') throw invalid(owner, 'monitor', 'a string', monitor)
  if (mode === undefined || mode === 'min' || mode === 'max') return
  throw invalid(owner, 'mode', "'min' or 'max'", mode, 'ERR_TORCH_VALUE')
}

/** The monitored number of the last epoch. @throws {TorchError} if the results do not have it. */
export function monitored(owner: string, { result }: Run, { monitor }: MonitorOptions): number {
  const value = monitor === undefined ? (result?.validationLoss ?? result?.trainLoss) : result?.[monitor]
  if (value !== undefined) return value
  const names = Object.keys(result ?? {}).join(', ')
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: there is no '${monitor}' in the results of an epoch, which are ${names}`,
  )
}

/** Whether `value` improves on `best` by more than `minDelta`. NaN is never better. */
export function isBetter(value: number, best: number | undefined, mode: MonitorMode = 'min', minDelta = 0): boolean {
  if (Number.isNaN(value)) return false
  if (best === undefined) return true
  return mode === 'min' ? value < best - minDelta : value > best + minDelta
}
