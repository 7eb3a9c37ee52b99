import type { Series } from '../../data/index.ts'
import { TorchError } from '../../errors.ts'
import { type Calibration, calibrate } from '../../forecast/index.ts'
import { torch } from '../../torch.ts'
import { requireSettings } from '../config.ts'
import { maseScaleOf, metricsFor, naiveErrors } from '../measure.ts'
import { toJSON } from '../metadata.ts'
import { forecasterOf } from '../network.ts'
import type { TrainedModel } from '../networks/load.ts'
import type { Output } from '../output.ts'
import { type Parts, readSeries, requireUsable, seriesOptions, splitSeries } from '../series.ts'
import type { Settings } from '../settings.ts'
import { trainingOptions } from '../training.ts'
import type { Job } from './job.ts'

/** A series and its parts. */
export interface ForecastData {
  readonly series: Series
  readonly parts: Parts
}

/** Reads what models are to forecast. */
export async function readForecastData(data: string, settings: Settings, output: Output): Promise<ForecastData> {
  requireSettings(settings, ['time', 'target'])
  const series = await readSeries(data, seriesOptions(settings), output, settings.mmap)
  requireUsable(series, settings.horizon, data, output)
  const parts = await splitSeries(series, settings)
  if (settings.difference === undefined) warnOfTrend(series, parts, output)
  return { series, parts }
}

/** A model that forecasts columns of a file. */
export async function forecastJob(data: string, settings: Settings, output: Output): Promise<Job> {
  return forecastJobOn(await readForecastData(data, settings, output), settings, output)
}

/** The same with data that were read before. */
export function forecastJobOn({ series, parts }: ForecastData, settings: Settings, output: Output): Job {
  requireSettings(settings, ['time', 'target'])
  const { past, horizon, season, seed, output: mode } = settings
  torch.manualSeed(seed)
  const { inputSize, outputSize } = series
  const model = forecasterOf(settings, { inputSize, outputSize, horizon, output: mode })
  const metrics = metricsFor({ metrics: settings.metrics, season, maseScale: undefined })
  const measures = () => ({ metrics: settings.metrics, season, maseScale: maseScaleOf(metrics) })
  const [validated, tested] = [parts.validation?.length ?? 0, parts.test?.length ?? 0]
  return {
    model,
    ...parts,
    options: trainingOptions(settings, metrics),
    size: `${parts.train.length} windows to train on, ${validated} to validate, ${tested} to test`,
    compare: async (part) => {
      const windows = parts[part]
      return windows === undefined ? {} : await naiveErrors(windows, measures())
    },
    save: async (path, training) => {
      // What reads windows has them in float32.
      model.to('float32')
      const calibration = await calibrated(model, parts, settings.intervals, output)
      const metadata = toJSON({
        task: 'forecast',
        series: seriesOptions(settings),
        past,
        horizon,
        measures: measures(),
        training,
      })
      await model.save(path, { scaler: parts.train.scaler, metadata, calibration: calibration ?? null })
    },
  }
}

/** Says so if what is held out is mostly beyond all that is trained on: a network cannot follow a trend that far. */
function warnOfTrend(series: Series, { validation, test }: Parts, output: Output): void {
  const held = test ?? validation
  if (held === undefined || series.groups.length > 0) return
  const [trained, start] = [validation ?? held, held].map((part) => (part.times(0)[0] as Date).getTime())
  const times = series.times.map((time) => time.getTime())
  for (const target of series.targets) {
    const column = series.column(target)
    let [least, most, beyond, count] = [Infinity, -Infinity, 0, 0]
    for (const [i, time] of times.entries()) {
      const value = column[i] as number
      if (Number.isNaN(value)) continue
      if (time < (trained as number)) [least, most] = [Math.min(least, value), Math.max(most, value)]
      else if (time >= (start as number)) {
        count++
        if (value < least || value > most) beyond++
      }
    }
    if (beyond <= count / 2) continue
    const part = test === undefined ? 'validation' : 'test'
    output.warn(
      `most values of '${target}' in the ${part} part are beyond all that is trained on: differences follow a trend, --difference 1, or the steps of a season`,
    )
  }
}

/** The windows that an interval of a level needs. */
const windowsFor = (level: number): number => Math.ceil(level / (1 - level) - 1e-9)

/** Measures how far forecasts are off on the validation part, for their intervals. */
async function calibrated(
  model: TrainedModel,
  { validation }: Parts,
  levels: readonly number[],
  output: Output,
): Promise<Calibration | undefined> {
  if (validation === undefined) return undefined
  const possible = levels.filter((level) => windowsFor(level) <= validation.length)
  const most = Math.max(...levels)
  if (possible.length < levels.length) {
    output.warn(
      `the ${validation.length} windows of the validation part are too few for intervals of ${most}, which need ${windowsFor(most)}`,
    )
  }
  if (possible.length === 0) return undefined
  try {
    return await calibrate(model, validation, { levels: possible })
  } catch (error) {
    // The model is worth keeping without them.
    if (!(error instanceof TorchError) || error.code !== 'ERR_TORCH_VALUE') throw error
    output.warn(`forecasts will have no intervals: ${error.message.replace(/^calibrate: /, '')}`)
    return undefined
  }
}
