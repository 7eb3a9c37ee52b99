import type { WindowDataset } from '../data/index.ts'
import { evaluateNaive } from '../forecast/index.ts'
import { MASE, type Metric, type MetricName } from '../metrics/index.ts'
import { numberText, tableText } from './output.ts'

/** Errors by metric. */
export type Errors = Readonly<Record<string, number>>

/** What is measured, and what errors of `mase` are divided by. */
export interface Measures {
  readonly metrics: readonly string[]
  readonly season: number | undefined
  readonly maseScale: readonly number[] | undefined
}

/** New metrics for a trainer. */
export function metricsFor({ metrics, season, maseScale }: Measures): (MetricName | Metric)[] {
  return metrics.map((name) => (name === 'mase' ? maseOf(season, maseScale) : (name as MetricName)))
}

function maseOf(seasonality = 1, scale?: readonly number[]): MASE {
  return new MASE({
    seasonality,
    ...(scale === undefined ? {} : { scale: scale.length === 1 ? (scale[0] as number) : scale }),
  })
}

/** The scale of a `mase` that was fitted, for the file of a model. */
export function maseScaleOf(metrics: readonly unknown[]): number[] | undefined {
  const scale = metrics.find((metric) => metric instanceof MASE)?.scale
  return scale === undefined ? undefined : (scale.flatten().toArray() as number[])
}

/** The errors of naive forecasts of the same windows. A season that is longer than the past is left out. */
export async function naiveErrors(windows: WindowDataset, measures: Measures): Promise<Record<string, Errors>> {
  const { season, maseScale } = measures
  return (await evaluateNaive(windows, {
    ...(season === undefined || season > windows.past ? {} : { season }),
    metrics: measures.metrics.map((name) => (name === 'mase' ? () => maseOf(season, maseScale) : (name as MetricName))),
  })) as Record<string, Errors>
}

/** The names of naive forecasts in texts. */
export const TITLES: Readonly<Record<string, string>> = {
  persistence: 'persistence',
  seasonalNaive: 'seasonal naive',
  drift: 'drift',
  movingAverage: 'moving average',
  mostFrequent: 'most frequent class',
}

/** A naive forecast in words. */
export const naiveTitle = (method: string): string =>
  TITLES[method] ?? method.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

/** A table of errors, the model's first. */
export function errorTable(title: string, own: Errors, naive: Readonly<Record<string, Errors>>): string {
  const names = Object.keys(own).filter((name) => name !== 'loss')
  const cells = (errors: Errors): string[] => names.map((name) => numberText(errors[name] ?? Number.NaN))
  return tableText([
    ['', ...names],
    [title, ...cells(own)],
    ...Object.entries(naive).map(([method, errors]) => [naiveTitle(method), ...cells(errors)]),
  ])
}

/** Metrics of which more is better. */
const SCORES = ['accuracy', 'f1', 'precision', 'recall']

/** What a table of metrics has above it. */
export const headingFor = (errors: Errors): string =>
  SCORES.some((name) => errors[name] !== undefined) ? 'Results on' : 'Errors on'

/** A line on whether the model is better than all naive forecasts, by its first metric that is an error. */
export function verdict(own: Errors, naive: Readonly<Record<string, Errors>>): string[] {
  const [name] = Object.keys(own).filter((metric) => metric !== 'loss' && metric !== 'r2')
  if (name === undefined) return []
  const [best] = Object.entries(naive).sort(([, a], [, b]) => (a[name] ?? Infinity) - (b[name] ?? Infinity))
  if (best === undefined) return []
  const [method, errors] = best
  if (SCORES.includes(name)) {
    const [own_, other] = [own[name], errors[name]].map((value) => `${(100 * (value as number)).toFixed(1)} %`)
    const isBetter = (own[name] as number) > (errors[name] as number)
    const sentence = `Its ${name} is ${own_}; always the most frequent class would have ${other}.`
    return ['', isBetter ? sentence : `${sentence} It has learned nothing of use.`]
  }
  const change = 1 - (own[name] as number) / (errors[name] as number)
  const percent = `${Math.abs(100 * change).toFixed(1)} %`
  const sentence =
    change > 0
      ? `Its ${name} is ${percent} lower than that of the best naive forecast, ${naiveTitle(method)}.`
      : `The best naive forecast, ${naiveTitle(method)}, is not beaten: the model's ${name} is ${percent} higher.`
  return ['', sentence]
}
