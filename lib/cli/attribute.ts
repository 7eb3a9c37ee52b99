import { nearestName } from '../check.ts'
import { type Series, Subset } from '../data/index.ts'
import { type AttributionMethod, attribute as attributeTo, permutationImportance } from '../inspect/index.ts'
import { loadModel } from '../models/index.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { torch } from '../torch.ts'
import { heldOutFrom, windowsFrom } from './evaluate.ts'
import { metricsFor } from './measure.ts'
import { type ForecastMetadata, forecastMetadataOf } from './metadata.ts'
import { numberText, type Output, tableText } from './output.ts'
import { UsageError } from './problem.ts'
import { forecastTimes } from './series.ts'
import { type Format, type Located, withData } from './source.ts'

export interface AttributeCommandOptions {
  from?: string | number
  method?: AttributionMethod
  /** The target column that is explained. */
  target?: string
  /** The step of the horizon that is explained, from 1. */
  step?: number
  /** How many windows are looked at. */
  windows?: number
  /** How often each input is permuted. */
  repeats?: number
  inputFormat?: Format
}

/** What belongs together in the eyes of a user: a column, or a calendar feature, and its numbers as inputs. */
interface Input {
  readonly name: string
  readonly features: readonly number[]
}

/** What an input has to do with the forecasts. */
interface Found {
  readonly input: string
  /** Its part of all attributions, from 0 to 1. */
  readonly share: number
  /** How much worse the metric gets if it is permuted, over the repeats. */
  readonly importanceMean?: number
  readonly importanceStd?: number
}

/** The result, as `--json` prints it. */
interface Result {
  readonly model: string
  readonly data: string
  readonly windows: number
  readonly from: string
  readonly to: string
  readonly method: AttributionMethod
  readonly target: string
  /** The step of the horizon; `null` for the mean over all. */
  readonly step: number | null
  readonly inputs: readonly Found[]
  /** The part of all attributions by the distance from the forecast: 1 is the last step of the past. */
  readonly lags: readonly { readonly lag: number; readonly share: number }[]
  readonly metric: string | null
  /** Its value without permutation. */
  readonly score: number | null
  /** The mean of what attributions leave unexplained, as a part of the mean change from the baseline. */
  readonly completenessError: number | null
}

/** Prints which inputs, and which steps of the past, the forecasts of a model come from. */
export async function attribute(
  { model: path, data, isOwn }: Located & { readonly data: string },
  options: AttributeCommandOptions,
  output: Output,
): Promise<void> {
  const model = await loadModel(path)
  const metadata = forecastMetadataOf(model, path)
  const { method = 'integratedGradients', repeats = 5, step } = options
  const { horizon } = metadata
  if (step !== undefined && step > horizon) throw new UsageError(`--step ${step}: the model forecasts ${horizon} steps`)
  const column = columnOf(metadata, options.target)
  await withData(data, options.inputFormat ?? 'csv', async (file) => {
    const from = options.from ?? (isOwn ? heldOutFrom(metadata) : undefined)
    const { series, windows } = await windowsFrom(file, from, { model, path, metadata, output })
    const indices = spread(windows.length, options.windows ?? 500)
    const explained = (output: Tensor): Tensor => {
      const steps = output.select(2, column)
      return step === undefined ? steps.mean(1) : steps.select(1, step - 1)
    }
    const { input } = windows.batch(indices, true)
    const found = await attributeTo(model, input, { method, target: explained })
    const sizes = torch.tidy(() => found.attributions.abs().mean(0).double().toArray()) as number[][]
    const { completenessError } = found
    const unexplained =
      completenessError === null
        ? null
        : torch.tidy(() => {
            const change = found.output.sub(found.baselineOutput as Tensor)
            return completenessError.abs().mean().div(change.abs().mean()).item<number>()
          })
    const inputs = inputsOf(series)
    const [metric] = metricsFor({ ...metadata.measures, metrics: metadata.measures.metrics.slice(0, 1) })
    const importance =
      repeats === 0 || metric === undefined || indices.length < 2
        ? undefined
        : await permutationImportance(model, new Subset(windows, indices), {
            metric,
            repeats,
            features: inputs.map(({ features }) => features),
          })
    const result: Result = {
      model: path,
      data,
      windows: indices.length,
      ...forecastTimes(series, windows),
      method,
      target: [metadata.series.targets].flat()[column] as string,
      step: step ?? null,
      inputs: inputs.map(({ name, features }, i) => ({
        input: name,
        share: shareOf(sizes, (row) => sumOf(features.map((feature) => row[feature] as number))),
        ...(importance === undefined
          ? {}
          : { importanceMean: importance.importancesMean[i], importanceStd: importance.importancesStd[i] }),
      })) as Found[],
      lags: sizes
        .map((row, i) => ({
          lag: sizes.length - i,
          share: shareOf(sizes, (other) => (other === row ? sumOf(row) : 0)),
        }))
        .reverse(),
      metric: importance?.metric ?? null,
      score: importance?.score ?? null,
      completenessError: unexplained,
    }
    if (unexplained !== null && unexplained > 0.05) {
      output.warn(
        `the attributions leave ${percentText(unexplained)} unexplained: the model is far from linear there; --method occlusion does not depend on gradients`,
      )
    }
    output.result(result, () => textOf(result))
  })
}

/** The number of the column to explain. */
function columnOf({ series }: ForecastMetadata, name: string | undefined): number {
  const targets = [series.targets].flat()
  if (name === undefined) return 0
  const found = targets.indexOf(name)
  if (found >= 0) return found
  const near = nearestName(name, targets)
  const hint = near === undefined ? `; it forecasts ${targets.join(', ')}` : `; did you mean ${near}?`
  throw new UsageError(`--target ${name}: the model does not forecast it${hint}`)
}

/** So many of the first `length` numbers, as evenly as possible. */
function spread(length: number, most: number): number[] {
  const count = Math.min(length, most)
  return Array.from({ length: count }, (_, i) => Math.floor((i * length) / count))
}

/** The columns, each with whether it was observed, and calendar features with sine and cosine. */
function inputsOf({ inputNames, calendar }: Series): Input[] {
  const inputs = new Map<string, number[]>()
  for (const [i, feature] of inputNames.entries()) {
    const parts = [' observed', ...(calendar.length > 0 ? [' sin', ' cos'] : [])]
    const ending = parts.find((part) => feature.endsWith(part)) ?? ''
    const whole = feature.slice(0, feature.length - ending.length)
    const isPart = ending === ' observed' ? inputNames.includes(whole) : (calendar as readonly string[]).includes(whole)
    const name = ending !== '' && isPart ? whole : feature
    inputs.set(name, [...(inputs.get(name) ?? []), i])
  }
  return [...inputs].map(([name, features]) => ({ name, features }))
}

const sumOf = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0)

/** The part that `own` takes of all attributions, step by step; of none, 0. */
function shareOf(sizes: readonly number[][], own: (row: number[]) => number): number {
  const all = sumOf(sizes.map(sumOf))
  return all === 0 ? 0 : sumOf(sizes.map(own)) / all
}

const percentText = (share: number): string => `${(100 * share).toFixed(1)} %`

const METHODS: Readonly<Record<AttributionMethod, string>> = {
  integratedGradients: 'integrated gradients',
  gradientTimesInput: 'gradient times input',
  smoothGrad: 'SmoothGrad',
  occlusion: 'occlusion',
}

function textOf({ windows, data, from, to, method, target, step, inputs, lags, metric, score }: Result): string {
  const what = step === null ? `${target}, the mean of all steps` : `${target}, step ${step}`
  const permuted = metric === null ? [] : [`${metric} if permuted`]
  const rows = inputs
    .toSorted((a, b) => b.share - a.share)
    .map(({ input, share, importanceMean, importanceStd }) => [
      input,
      percentText(share),
      ...(metric === null ? [] : [changeText(importanceMean as number, importanceStd as number)]),
    ])
  return [
    `${windows} forecasts of ${data}, from ${from} to ${to}: ${what}`,
    '',
    `By input, ${METHODS[method]}${metric === null ? '' : `; ${metric} is ${numberText(score as number)}`}`,
    tableText([['', 'share', ...permuted], ...rows]),
    '',
    'By steps before the forecast',
    tableText([['', 'share'], ...binned(lags).map(([name, share]) => [name, percentText(share)])]),
  ].join('\n')
}

const changeText = (mean: number, std: number): string =>
  `${mean < 0 ? '-' : '+'}${numberText(Math.abs(mean))} ± ${numberText(std)}`

/** Each lag of a short past; of a long one, ranges that double: 1, 2, 3-4, 5-8, … */
function binned(lags: Result['lags']): [name: string, share: number][] {
  if (lags.length <= 10) return lags.map(({ lag, share }) => [String(lag), share])
  const bins: [string, number][] = []
  for (let from = 1, to = 1; from <= lags.length; from = to + 1, to *= 2) {
    const end = Math.min(to, lags.length)
    const share = sumOf(lags.slice(from - 1, end).map((one) => one.share))
    bins.push([from === end ? String(from) : `${from}-${end}`, share])
  }
  return bins
}
