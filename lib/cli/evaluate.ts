import { type Series, TextDataset, type Vocabulary, type WindowDataset } from '../data/index.ts'
import { timeOf } from '../data/series/time.ts'
import { torchError } from '../errors.ts'
import type { MetricName } from '../metrics/index.ts'
import type { RecurrentModel } from '../models/index.ts'
import { Trainer } from '../train/index.ts'
import { errorsByStep, type StepErrors, stepsText } from './by-step.ts'
import { sha256Of } from './checksum.ts'
import { evaluateClasses } from './classify/use.ts'
import { type Errors, errorTable, metricsFor, naiveErrors, verdict } from './measure.ts'
import {
  type ForecastMetadata,
  forecastMetadataOf,
  isClassMetadata,
  isTextMetadata,
  type TextMetadata,
  type Training,
} from './metadata.ts'
import { loadTrained, type TrainedModel } from './networks/load.ts'
import type { Output } from './output.ts'
import { UsageError } from './problem.ts'
import { forecastTimes, readSeries, scalerOf, timeText } from './series.ts'
import { flagOf, type Settings } from './settings.ts'
import { type Format, type Located, readText, withData } from './source.ts'

export interface EvaluateOptions {
  /** Where the part to measure errors on starts; `none`: with the data. */
  from?: string | number
  /** The metrics; default: those of the training. */
  metrics?: readonly string[]
  season?: number
  inputFormat?: Format
}

/** Prints the errors of a model, and of naive forecasts. */
export async function evaluate(
  { model: path, data, isOwn }: Located & { readonly data: string },
  options: EvaluateOptions,
  output: Output,
): Promise<void> {
  const model = await loadTrained(path)
  if (isClassMetadata(model.metadata)) {
    return await evaluateClasses(model as RecurrentModel, model.metadata, { model: path, data, isOwn }, options, output)
  }
  if (isTextMetadata(model.metadata)) {
    return await evaluateText(model as RecurrentModel, model.metadata, { model: path, data, isOwn }, options, output)
  }
  const metadata = forecastMetadataOf(model, path)
  await withData(data, options.inputFormat ?? 'csv', async (file) => {
    const from = options.from ?? (isOwn ? heldOutFrom(metadata) : undefined)
    if (from === undefined && data !== '-' && (await sha256Of(file)) === metadata.training.about.dataSha256) {
      output.warn(`${data} has the data of the training: --from says where the part starts that the model has not seen`)
    }
    const { series, windows } = await windowsFrom(file, from, { model, path, metadata, output })
    const measures = {
      ...metadata.measures,
      ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
      ...(options.season === undefined ? {} : { season: options.season }),
    }
    const { loss } = metadata.training.settings as Settings
    const trainer = new Trainer(model, { loss, metrics: metricsFor(measures), progress: false })
    const errors = await trainer.evaluate(windows)
    const naive = await naiveErrors(windows, measures)
    const steps = await errorsByStep(trainer, windows, measures, Object.keys(naive))
    const result: Result = {
      model: path,
      data,
      windows: windows.length,
      ...forecastTimes(series, windows),
      errors,
      naive,
      steps,
    }
    output.result(result, () => summary(result))
  })
}

/** The same for a text: all of it, or the test part of that of the training. */
async function evaluateText(
  model: RecurrentModel,
  metadata: TextMetadata,
  { model: path, data, isOwn }: Located & { readonly data: string },
  options: EvaluateOptions,
  output: Output,
): Promise<void> {
  const idle = (['from', 'season', 'inputFormat'] as const).find((key) => options[key] !== undefined)
  if (idle !== undefined) throw new UsageError(`${flagOf(idle)} has no effect on the model of a text`)
  await withData(data, 'txt', async (file) => {
    const tokens = (model.vocabulary as Vocabulary).encode(await readText(file))
    const { batchSize, sequenceLength } = metadata
    const length = tokens.size(0)
    const share = isOwn ? heldOutFrom(metadata) : undefined
    const size = typeof share === 'number' ? Math.round(share * length) : length
    const rows = Math.min(batchSize, size - 1)
    const dataset = new TextDataset(tokens.narrow(0, length - size, size), { batchSize: rows, sequenceLength })
    const metrics = (options.metrics ?? metadata.metrics) as readonly MetricName[]
    const trainer = new Trainer(model, { loss: 'crossEntropy', carryState: true, metrics, progress: false })
    const errors = await trainer.evaluate(dataset)
    const result = { model: path, data, tokens: size, errors }
    output.result(result, () => [`${size} tokens of ${data}`, '', errorTable('model', errors, {})].join('\n'))
  })
}

/** The errors of a model on data, as `--json` prints them. */
interface Result {
  readonly model: string
  readonly data: string
  readonly windows: number
  /** The first and the last time that was forecast. */
  readonly from: string
  readonly to: string
  readonly errors: Errors
  readonly naive: Readonly<Record<string, Errors>>
  /** The errors at each step of the horizon. */
  readonly steps: readonly StepErrors[]
}

function summary({ data, windows, from, to, errors, naive, steps }: Result): string {
  return [
    `${windows} forecasts of ${data}, from ${from} to ${to}`,
    '',
    errorTable('model', errors, naive),
    ...verdict(errors, naive),
    ...stepsText(steps),
  ].join('\n')
}

/** Where the part starts that a training did not use. */
export function heldOutFrom({ training }: { readonly training: Training }): string | number | undefined {
  const { test, validation } = training.settings
  return [test, validation].find((point) => point !== undefined && point !== 'none')
}

/** The windows of a file whose targets come from a time on. */
export async function windowsFrom(
  file: string,
  from: string | number | undefined,
  { model, path, metadata, output }: { model: TrainedModel; path: string; metadata: ForecastMetadata; output: Output },
): Promise<{ series: Series; windows: WindowDataset }> {
  const { past, horizon } = metadata
  const series = await readSeries(file, metadata.series, output)
  const size = { past, horizon, scaler: scalerOf(model, path) }
  if (from === undefined || from === 'none') return { series, windows: (await series.split(size)).train }
  requireRowsFrom(series, from)
  return { series, windows: (await series.split({ ...size, test: from })).test }
}

/** @throws {TorchError} if all rows are before the point. */
function requireRowsFrom(series: Series, from: string | number): void {
  if (typeof from === 'number') return
  const last = series.times.reduce((latest, time) => Math.max(latest, time.getTime()), -Infinity)
  if (!(timeOf(from) > last)) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `--from ${from} is after the last row, of ${timeText(new Date(last))}: choose an earlier one`,
  )
}
