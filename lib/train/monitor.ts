import { invalid, nearestName } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Callback } from './callback.ts'
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

/** @internal The key of the number that a callback monitors, if it is named. */
export const MONITOR = Symbol('monitor')

/** The names of the numbers in the result of an epoch, before there is one. */
export interface ResultNames {
  readonly names: readonly string[]
  /** Those that it would have besides if there were validation data. */
  readonly missing: readonly string[]
}

/**
 * @param scheduled what the schedule monitors
 * @throws {TorchError} if callbacks or the schedule monitor a number that no epoch will have.
 */
export function requireMonitors(
  callbacks: readonly Callback[],
  scheduled: string | undefined,
  results: ResultNames,
): void {
  if (scheduled !== undefined && !results.names.includes(scheduled)) throw noSuch('Trainer', scheduled, results)
  // They may add numbers of their own to the result.
  if (results.missing.length === 0 && callbacks.some(({ onValidationEnd }) => onValidationEnd !== undefined)) return
  for (const callback of callbacks) {
    const monitor: unknown = Reflect.get(callback, MONITOR)
    if (typeof monitor !== 'string' || results.names.includes(monitor)) continue
    throw noSuch(callback.name ?? 'a callback', monitor, results)
  }
}

/** The monitored number of the last epoch. @throws {TorchError} if the results do not have it. */
export function monitored(owner: string, { result }: Run, { monitor }: MonitorOptions): number {
  const value = monitor === undefined ? (result?.validationLoss ?? result?.trainLoss) : result?.[monitor]
  if (value !== undefined) return value
  throw noSuch(owner, String(monitor), { names: Object.keys(result ?? {}), missing: [] })
}

function noSuch(owner: string, monitor: string, { names, missing }: ResultNames): Error {
  const all = [...missing, ...names]
  const sameMetric = names.findLast((name) => name.toLowerCase().endsWith(monitor.toLowerCase()))
  const meant = (monitor === '' ? undefined : sameMetric) ?? nearestName(monitor, all)
  const hint = missing.includes(monitor)
    ? ': it needs validation data, fit(data, { validation })'
    : meant === undefined
      ? ''
      : `; did you mean '${meant}'?`
  return torchError(
    'ERR_TORCH_VALUE',
    `${owner}: there is no '${monitor}' in the results of an epoch, which are ${names.join(', ')}${hint}`,
  )
}

/** Whether `value` improves on `best` by more than `minDelta`. NaN is never better. */
export function isBetter(value: number, best: number | undefined, mode: MonitorMode = 'min', minDelta = 0): boolean {
  if (Number.isNaN(value)) return false
  if (best === undefined) return true
  return mode === 'min' ? value < best - minDelta : value > best + minDelta
}
