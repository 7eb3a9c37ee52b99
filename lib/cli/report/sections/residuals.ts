import type { WindowDataset } from '../../../data/index.ts'
import { numberText } from '../../output.ts'
import { autocorrelation } from '../autocorrelation.ts'
import { binsOf, histogramChart, lagChart } from '../charts/bars.ts'
import type { TargetEvidence } from '../evidence.ts'
import type { ForecastRun } from '../forecast-run.ts'
import { html } from '../html.ts'
import type { Part, Section } from '../section.ts'
import { table } from '../table.ts'
import { MOST_DRAWN } from './data.ts'
import { percent } from './head.ts'

/** What came less what was forecast: a good model leaves no pattern in it. */
export function residualsSection(run: ForecastRun): Section {
  const { held, evidence } = run
  const title = 'Residuals'
  if (held === undefined) return { id: 'residuals', title, parts: [html`<p>No part of the data was held out.</p>`] }
  const runs = neighbours(held)
  return {
    id: 'residuals',
    title,
    parts: [
      html`<p>A residual is what came less what was forecast. If there is a pattern in residuals one step ahead, a better model could have known it.</p>`,
      ...evidence.slice(0, MOST_DRAWN).flatMap((one, k) => partsOf(run, one, k, runs)),
    ],
  }
}

function partsOf(
  { metadata, season }: ForecastRun,
  { target, residuals }: TargetEvidence,
  k: number,
  runs: readonly number[][],
): Part[] {
  const { horizon } = metadata
  const first = [...residuals.first].filter((value) => !Number.isNaN(value))
  const last = [...residuals.last].filter((value) => !Number.isNaN(value))
  const lags = Math.min(60, Math.max(20, 2 * (season ?? 0)), Math.floor(first.length / 4))
  const correlations = autocorrelation(
    runs.map((run) => run.map((index) => residuals.first[index] as number)),
    lags,
  )
  const bound = 1.96 / Math.sqrt(first.length)
  const outside = correlations.filter((value) => Math.abs(value) > bound).length
  const both: [number, number[]][] = [[1, first], ...(horizon > 1 ? [[horizon, last] as [number, number[]]] : [])]
  const stats = both.map(([step, values]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1))
    const sorted = values.toSorted((a, b) => a - b)
    const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN
    return [step, ...[mean, std, at(0), at(0.05), at(0.5), at(0.95), at(1)].map(numberText)]
  })
  const bins = binsOf(first)
  const mean = first.reduce((sum, value) => sum + value, 0) / first.length
  const step = horizon === 1 ? '' : ', one step ahead'
  return [
    {
      chart: histogramChart(bins, {
        name: `residuals-${k}`,
        title: `${target}: residuals${step}`,
        quantity: `Residual of ${target}`,
        summary: `${first.length} residuals with a mean of ${numberText(mean)}, from ${numberText(Math.min(...first.slice(0, 1), ...bins.map(({ from }) => from)))} to ${numberText(bins.at(-1)?.to ?? Number.NaN)}.`,
      }),
      caption: html`<p>To the right of the dashed line more came than was forecast. On average it was ${numberText(Math.abs(mean))} ${mean > 0 ? 'more' : 'less'}.</p>`,
    },
    table(['Steps ahead', 'mean', 'std', 'least', '5 %', 'median', '95 %', 'largest'], stats, {
      caption: `Residuals of ${target}`,
    }),
    ...(correlations.length === 0
      ? []
      : [
          {
            chart: lagChart(correlations, {
              name: `autocorrelation-${k}`,
              title: `${target}: autocorrelation of residuals${step}`,
              bound,
            }),
            caption: html`<p>How residuals are related to those some steps before. Of ${correlations.length} values, about ${percent(0.05, 0)} would be outside of the band by chance; ${outside} are.</p>`,
            table: table(
              ['Steps apart', 'correlation'],
              correlations.map((value, i) => [i + 1, value.toFixed(3)]),
              { caption: `Autocorrelation of the residuals of ${target}` },
            ),
          },
        ]),
  ]
}

/** The windows that follow each other in time, run by run: none crosses a gap, or goes from one series to another. */
export function neighbours(windows: WindowDataset): number[][] {
  const all = Array.from({ length: windows.length }, (_, i) => i)
  const groups = windows.groups(all)
  const times = all.map((index) => windows.times(index)[0]?.getTime() as number)
  const distances = times.slice(1).map((time, i) => time - (times[i] as number))
  const usual = distances.filter((distance) => distance > 0).sort((a, b) => a - b)
  const most = 1.5 * (usual[Math.floor(usual.length / 2)] ?? Infinity)
  const runs: number[][] = []
  for (const index of all) {
    const distance = distances[index - 1] ?? Infinity
    const follows = index > 0 && groups?.[index] === groups?.[index - 1] && distance > 0 && distance <= most
    if (follows) (runs.at(-1) as number[]).push(index)
    else runs.push([index])
  }
  return runs
}
