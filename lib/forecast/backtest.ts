import { setImmediate } from 'node:timers/promises'
import { checkOptions, invalid, requireInteger } from '../check.ts'
import { ahead, layout, WindowDataset } from '../data/series/windows.ts'
import { Module } from '../nn/module.ts'
import { inferenceMode, offload, tidy } from '../tensor/context.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { requireScales } from '../train/scales.ts'
import type { TrainableModel } from '../train/step.ts'
import { MANY } from './calibrate.ts'
import { type Head, type Reading, readHead } from './head.ts'
import { type NaiveMethod, type NaiveOptions, naiveForecast } from './naive.ts'
import { roll } from './roll.ts'

/** What makes forecasts: a model, or the name of a naive method. */
export type Forecaster = TrainableModel | NaiveMethod

export interface ForecastWindowsOptions extends NaiveOptions {
  /** What the output of a model is. Default `'point'`. */
  head?: Head
}

export interface BacktestOptions extends ForecastWindowsOptions {
  /** How many windows to compute at a time. Default 256. */
  batchSize?: number
}

/** The errors of forecasts from rolling origins, in the units of the data. What is missing (NaN) does not count. */
export interface Backtest {
  /** The times of the first steps, in ascending order, each once: with groups there are fewer than windows. */
  readonly origins: readonly Date[]
  readonly mae: number
  readonly rmse: number
  /** The errors at each step of the horizon, from the first. */
  readonly steps: { readonly mae: readonly number[]; readonly rmse: readonly number[] }
  /** For each origin the mean of absolute errors over its steps, targets and groups; NaN if there is none. */
  readonly absolute: Float64Array
  /** The same of squared errors. */
  readonly squared: Float64Array
}

function requireForecaster(owner: string, forecaster: unknown): asserts forecaster is Forecaster {
  if (typeof forecaster === 'string' || forecaster instanceof Module) return
  throw invalid(owner, 'forecaster', "a Module or the name of a naive method, such as 'persistence'", forecaster)
}

function requireWindows(owner: string, windows: unknown): asserts windows is WindowDataset {
  if (!(windows instanceof WindowDataset)) throw invalid(owner, 'windows', 'a part of a split of a Series', windows)
}

/** @throws {TorchError} for an option that does not belong to the forecaster. */
function readForecaster(
  owner: string,
  forecaster: Forecaster,
  windows: WindowDataset,
  { season, head }: ForecastWindowsOptions,
): (indices: readonly number[]) => Promise<Tensor> {
  if (typeof forecaster === 'string') {
    if (head !== undefined) throw invalid(owner, 'head', 'omitted for a naive method', head)
    return async (indices) => naiveForecast(windows, indices, forecaster, season === undefined ? {} : { season })
  }
  if (season !== undefined) throw invalid(owner, 'season', 'omitted for a model', season)
  requireScales(owner, forecaster, windows.scaler)
  const reading = readHead(owner, head ?? 'point', windows.scaler.targets.length)
  return (indices) => ofModel(owner, forecaster, windows, indices, reading)
}

async function ofModel(
  owner: string,
  model: TrainableModel,
  windows: WindowDataset,
  indices: readonly number[],
  reading: Reading,
): Promise<Tensor> {
  return await tidy(async () => {
    const { input } = windows.batch(indices, true)
    const continuation = {
      layout: windows[layout],
      difference: windows.scaler.difference,
      features: (steps: number) => windows[ahead](indices).narrow(1, 0, steps),
    }
    const output = await roll(owner, model, input, { steps: windows.horizon, reading, continuation })
    const point = await offload(() =>
      inferenceMode(() => reading.point(output).to({ device: 'cpu', dtype: 'float64' })),
    )
    return windows.inverseTransform(point, indices)
  })
}

/**
 * What a model, or a naive method, forecasts for windows with these indices, in the units of the data, off the main
 * thread: (N, horizon, O), float64. A model that forecasts fewer steps at a time than the windows have reads its own
 * forecasts, as in {@link forecast}, but the inputs that the windows have at those steps.
 *
 * @example
 * const forecasts = await forecastWindows(model, test, [0, 1, 2])
 * console.log(test.times(0), forecasts.index(0).toArray())
 * @throws {TorchError} (rejects) for an index that does not exist, an unknown method, a model that does not fit or was
 *   trained on windows with other scales, or an option that the forecaster does not have.
 */
export async function forecastWindows(
  forecaster: Forecaster,
  windows: WindowDataset,
  indices: readonly number[],
  options: ForecastWindowsOptions = {},
  ...none: undefined[]
): Promise<Tensor> {
  const owner = 'forecastWindows'
  requireForecaster(owner, forecaster)
  requireWindows(owner, windows)
  checkOptions(owner, options, ['season', 'head'], none)
  return await readForecaster(owner, forecaster, windows, options)(indices)
}

/**
 * The errors of a model, or of a naive method, from rolling origins: each window of the part is a forecast from where its
 * past ends, `stride` steps after the one before. The model is the same at all of them; it is not trained anew.
 *
 * @example
 * const { mae, steps, absolute } = await backtest(model, test)
 * const naive = await backtest('seasonalNaive', test, { season: 7 })
 * console.log(mae, steps.mae, dieboldMariano(absolute, naive.absolute, { horizon: test.horizon }).pValue)
 * @throws {TorchError} (rejects) for an unknown method, a model that does not fit or was trained on windows with other
 *   scales, or an option that the forecaster does not have.
 */
export async function backtest(
  forecaster: Forecaster,
  windows: WindowDataset,
  options: BacktestOptions = {},
  ...none: undefined[]
): Promise<Backtest> {
  const owner = 'backtest'
  requireForecaster(owner, forecaster)
  requireWindows(owner, windows)
  checkOptions(owner, options, ['season', 'head', 'batchSize'], none)
  const { batchSize = MANY, ...rest } = options
  requireInteger(owner, 'batchSize', batchSize, 1)
  const make = readForecaster(owner, forecaster, windows, rest)
  const { length, horizon, outputSize } = windows
  const origins = new Map<number, Sum>()
  const steps = Array.from({ length: horizon }, () => new Sum())
  for (let start = 0; start < length; start += batchSize) {
    const indices = Array.from({ length: Math.min(batchSize, length - start) }, (_, i) => start + i)
    const made = await make(indices)
    const errors = tidy(() => made.sub(actual(windows, indices)).toTypedArray()) as Float64Array
    made.dispose()
    indices.forEach((index, n) => {
      const time = (windows.times(index)[0] as Date).getTime()
      const origin = origins.get(time) ?? new Sum()
      origins.set(time, origin)
      for (let i = 0; i < horizon * outputSize; i++) {
        const error = errors[n * horizon * outputSize + i] as number
        if (Number.isNaN(error)) continue
        origin.add(error)
        steps[Math.floor(i / outputSize)]?.add(error)
      }
    })
    await setImmediate()
  }
  const times = [...origins.keys()].sort((a, b) => a - b)
  const sums = times.map((time) => origins.get(time) as Sum)
  const total = steps.reduce((all, one) => all.with(one), new Sum())
  return {
    origins: times.map((time) => new Date(time)),
    mae: total.absolute,
    rmse: Math.sqrt(total.squared),
    steps: { mae: steps.map((sum) => sum.absolute), rmse: steps.map((sum) => Math.sqrt(sum.squared)) },
    absolute: Float64Array.from(sums, (sum) => sum.absolute),
    squared: Float64Array.from(sums, (sum) => sum.squared),
  }
}

/** The targets of windows in the units of the data, NaN where one is missing: (N, horizon, O), float64. */
function actual(windows: WindowDataset, indices: readonly number[]): Tensor {
  const { target, mask } = windows.batch(indices, true)
  const scaled = mask === undefined ? target : target.maskedFill(mask.logicalNot(), Number.NaN)
  return windows.inverseTransform(scaled.double(), indices)
}

/** Means of errors, as sums and counts. */
class Sum {
  #absolute = 0
  #squared = 0
  #count = 0

  add(error: number): void {
    this.#absolute += Math.abs(error)
    this.#squared += error * error
    this.#count++
  }

  with(other: Sum): Sum {
    const sum = new Sum()
    sum.#absolute = this.#absolute + other.#absolute
    sum.#squared = this.#squared + other.#squared
    sum.#count = this.#count + other.#count
    return sum
  }

  get absolute(): number {
    return this.#absolute / this.#count
  }

  get squared(): number {
    return this.#squared / this.#count
  }
}
