import { setImmediate } from 'node:timers/promises'
import { isArrayOf } from '../array.ts'
import { checkOptions, invalid, requireChoice, requireInteger } from '../check.ts'
import { pastValues, WindowDataset } from '../data/series/windows.ts'
import { torchError } from '../errors.ts'
import type { Metric } from '../metrics/metric.ts'
import { type MetricName, metricOf } from '../metrics/metric-of.ts'
import { tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { fitScales, trainingOf, updateOptions, type Windows } from '../train/units.ts'
import { MANY } from './calibrate.ts'

/**
 * A forecast that nothing was learned for, from the past of a window:
 * - `'persistence'`: the last value
 * - `'seasonalNaive'`: the value one season before, or as many seasons as it takes to be in the past
 * - `'drift'`: the line through the first and the last value of the past
 * - `'movingAverage'`: the mean of the past
 *
 * Missing values are passed over: the last value is the last that was observed, and a season's is that of a season
 * before.
 *
 * @see Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 5.2, https://otexts.com/fpp3/simple-methods.html
 */
export type NaiveMethod = 'persistence' | 'seasonalNaive' | 'drift' | 'movingAverage'

const METHODS = ['persistence', 'seasonalNaive', 'drift', 'movingAverage'] as const satisfies readonly NaiveMethod[]

export interface NaiveOptions {
  /** The steps of a season, for `'seasonalNaive'`. It may not be longer than the windows' `past`. */
  season?: number
}

export interface EvaluateNaiveOptions extends NaiveOptions {
  /** Default: all; `'seasonalNaive'` if there is a `season`. */
  methods?: readonly NaiveMethod[]
  /**
   * What to measure, in the units of the data: names, or functions that make a metric. A `MASE` without a scale gets that
   * of the training windows of the same split, as in a `Trainer`. Default `['mae', 'rmse']`.
   */
  metrics?: readonly (MetricName | (() => Metric))[]
  /** How many windows to compute at a time. Default 256. */
  batchSize?: number
}

/** The values of a column at the steps of a window's past, NaN where one is missing: the value `back` steps before. */
type Past = (back: number) => number

/** The last value that was observed, `back` steps before the last one or earlier, by `step`; NaN if there is none. */
function lastOf(value: Past, length: number, back: number, step = 1): number {
  for (let k = back; k < length; k += step) if (!Number.isNaN(value(k))) return value(k)
  return Number.NaN
}

/** The forecast `ahead` steps after the past, from 1. */
type Forecaster = (value: Past, length: number, season: number) => (ahead: number) => number

const FORECASTERS: Readonly<Record<NaiveMethod, Forecaster>> = {
  persistence: (value, length) => {
    const last = lastOf(value, length, 0)
    return () => last
  },
  seasonalNaive: (value, length, season) => (ahead) =>
    lastOf(value, length, season - 1 - ((ahead - 1) % season), season),
  drift: (value, length) => {
    let [last, first] = [0, length - 1]
    while (last < length && Number.isNaN(value(last))) last++
    while (first > last && Number.isNaN(value(first))) first--
    const slope = first > last ? (value(last) - value(first)) / (first - last) : 0
    return (ahead) => (last < length ? value(last) + slope * (last + ahead) : Number.NaN)
  },
  movingAverage: (value, length) => {
    let [sum, count] = [0, 0]
    for (let k = 0; k < length; k++) {
      if (Number.isNaN(value(k))) continue
      sum += value(k)
      count++
    }
    return () => sum / count
  },
}

/**
 * A naive forecast for windows with these indices, in the units of the data: (N, horizon, O), float64. NaN for a window
 * whose past has no value to go by.
 *
 * @example naiveForecast(test, [0, 1, 2], 'persistence')
 * @throws {TorchError} for an unknown method, an index that does not exist, or a season that is longer than the past.
 */
export function naiveForecast(
  windows: WindowDataset,
  indices: readonly number[],
  method: NaiveMethod,
  options: NaiveOptions = {},
  ...none: undefined[]
): Tensor {
  const owner = 'naiveForecast'
  requireWindows(owner, windows)
  requireChoice(owner, 'method', method, METHODS)
  checkOptions(owner, options, ['season'], none)
  const season = seasonFor(owner, windows, method, options.season)
  const { past, horizon } = windows
  return tidy(() => {
    const size = windows.outputSize
    const values = windows[pastValues](indices)
    const made = new Float64Array(indices.length * horizon * size)
    for (let n = 0; n < indices.length; n++) {
      for (let k = 0; k < size; k++) {
        const value: Past = (back) => values[(n * past + past - 1 - back) * size + k] as number
        const forecast = FORECASTERS[method](value, past, season)
        for (let h = 0; h < horizon; h++) made[(n * horizon + h) * size + k] = forecast(h + 1)
      }
    }
    return tensor(made, { shape: [indices.length, horizon, size] })
  })
}

function requireWindows(owner: string, windows: unknown): asserts windows is WindowDataset {
  if (!(windows instanceof WindowDataset)) throw invalid(owner, 'windows', 'a part of a split of a Series', windows)
}

function seasonFor(owner: string, { past }: WindowDataset, method: NaiveMethod, season: unknown): number {
  if (season === undefined && method !== 'seasonalNaive') return 1
  requireInteger(owner, 'season', season, 1)
  if (season <= past) return season
  throw torchError('ERR_TORCH_VALUE', `${owner}: season is ${season}, but the windows have a past of ${past} steps`, {
    op: owner,
  })
}

/**
 * Measures naive forecasts on windows: what a model has to be better than. Each of the metrics is computed as a `Trainer`
 * does it, in the units of the data.
 *
 * @example
 * const naive = await evaluateNaive(test, { season: 7, metrics: ['mae'] })
 * console.log(naive.persistence.mae, naive.seasonalNaive.mae)
 * @throws {TorchError} (rejects) for unknown methods, metrics or options.
 */
export async function evaluateNaive(
  windows: WindowDataset,
  options: EvaluateNaiveOptions = {},
  ...none: undefined[]
): Promise<Partial<Record<NaiveMethod, Record<string, number>>>> {
  const owner = 'evaluateNaive'
  requireWindows(owner, windows)
  checkOptions(owner, options, ['season', 'methods', 'metrics', 'batchSize'], none)
  const { season, metrics = ['mae', 'rmse'], batchSize = MANY } = options
  const { methods = METHODS.filter((method) => method !== 'seasonalNaive' || season !== undefined) } = options
  if (!isArrayOf(methods, (method) => typeof method === 'string')) throw invalid(owner, 'methods', 'an array', methods)
  for (const method of methods) requireChoice(owner, 'methods', method, METHODS)
  for (const method of methods) seasonFor(owner, windows, method, season)
  if (!Array.isArray(metrics)) throw invalid(owner, 'metrics', 'an array of names or functions', metrics)
  requireInteger(owner, 'batchSize', batchSize, 1)
  const made = methods.map((method) => ({
    method,
    metrics: metrics.map((metric) => (typeof metric === 'function' ? metric() : metricOf(owner, metric))),
  }))
  const all: Windows = { dataset: windows, indices: undefined, batchFirst: true }
  try {
    for (const { metrics } of made) await fitScales(metrics, trainingOf(all), false)
    for (let start = 0; start < windows.length; start += batchSize) {
      const indices = Array.from({ length: Math.min(batchSize, windows.length - start) }, (_, i) => start + i)
      tidy(() => {
        const { target, mask } = windows.batch(indices, true)
        const wanted = windows.inverseTransform(target.double(), indices)
        for (const { method, metrics } of made) {
          const forecast = naiveForecast(windows, indices, method, season === undefined ? {} : { season })
          const known = forecast.isfinite()
          const counted = { mask: mask === undefined ? known : mask.logicalAnd(known) }
          for (const metric of metrics) {
            metric.update(forecast.nanToNum(0), wanted, { ...counted, ...updateOptions(metric, all, { indices }) })
          }
        }
      })
      await setImmediate()
    }
    const results: Partial<Record<NaiveMethod, Record<string, number>>> = {}
    for (const { method, metrics } of made) {
      const values: Record<string, number> = {}
      for (const metric of metrics) values[metric.name] = (await metric.compute()) as number
      results[method] = values
    }
    return results
  } finally {
    for (const { metrics } of made) for (const metric of metrics) metric.dispose()
  }
}
