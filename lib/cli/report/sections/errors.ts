import { naiveTitle } from '../../measure.ts'
import { numberText } from '../../output.ts'
import { bySeasonChart } from '../charts/by-season.ts'
import { byStepChart } from '../charts/by-step.ts'
import type { Forecaster, TargetEvidence } from '../evidence.ts'
import { type ForecastRun, naiveName } from '../forecast-run.ts'
import { html } from '../html.ts'
import type { Figure, Part, Section } from '../section.ts'
import { table } from '../table.ts'
import { MOST_DRAWN } from './data.ts'

/** All errors, those at each step ahead, and those by the time of day, week and year. */
export function errorsSection(run: ForecastRun): Section {
  const { result, own, evidence } = run
  const { errors, naive, part } = result
  if (errors === null) return { id: 'errors', title: 'Errors', parts: [html`<p>No part of the data was held out.</p>`] }
  const names = Object.keys(errors).filter((name) => name !== 'loss')
  const row = (title: string, values: Readonly<Record<string, number>>): string[] => [
    title,
    ...names.map((name) => numberText(values[name] ?? Number.NaN)),
  ]
  return {
    id: 'errors',
    title: 'Errors',
    parts: [
      html`<p>On the ${part} part, as the training has measured them, beside forecasts that need no model.</p>`,
      table(
        ['Forecast', ...names.map((name) => name.toUpperCase())],
        [row(own, errors), ...Object.entries(naive).map(([method, values]) => row(naiveTitle(method), values))],
        { caption: 'Errors of the model and of naive forecasts' },
      ),
      ...evidence
        .slice(0, MOST_DRAWN)
        .flatMap((one, k): Part[] => [
          stepFigure(run, one, k),
          ...one.cycles.map((cycle, c) => seasonFigure(run, one, cycle, `season-${k}-${c}`)),
        ]),
      ...(evidence.length > MOST_DRAWN
        ? [html`<p class="note">The charts are those of the first ${MOST_DRAWN} columns.</p>`]
        : []),
    ],
  }
}

const titleOf = (own: string, who: Forecaster): string => (who === 'model' ? own : naiveTitle(who))

function stepFigure({ own, metadata }: ForecastRun, { target, errors }: TargetEvidence, k: number): Figure {
  const all = [...errors]
  return {
    chart: byStepChart(
      all.map(([who, { bySteps }]) => ({ name: titleOf(own, who), errors: bySteps, isNaive: who !== 'model' })),
      { name: `steps-${k}`, title: `${target}: by steps ahead`, quantity: `MAE of ${target}` },
    ),
    caption: html`<p>${metadata.horizon === 1 ? 'The model forecasts one step.' : 'Forecasts that reach further are harder.'} Naive forecasts are dashed.</p>`,
    table: table(
      ['Steps ahead', ...all.map(([who]) => titleOf(own, who))],
      Array.from({ length: metadata.horizon }, (_, h) => [
        h + 1,
        ...all.map(([, { bySteps }]) => numberText(bySteps[h] ?? Number.NaN)),
      ]),
      { caption: `MAE of ${target} by steps ahead` },
    ),
  }
}

function seasonFigure(
  { own, result }: ForecastRun,
  one: TargetEvidence,
  { name: cycle, places }: TargetEvidence['cycles'][number],
  name: string,
): Figure {
  const { target, bestNaive } = one
  const naive = naiveName(one)
  const seasons = places.map(({ label, errors, count }) => ({
    label,
    count,
    own: errors.get('model') ?? Number.NaN,
    naive: errors.get(bestNaive) ?? Number.NaN,
  }))
  const behind = seasons.filter((season) => season.own > season.naive).map(({ label }) => label)
  return {
    chart: bySeasonChart(seasons, {
      name,
      title: `${target}: by the ${cycle}`,
      quantity: `MAE of ${target}`,
      own,
      naive,
    }),
    caption: html`<p>By the ${cycle} of what was forecast, in UTC, on the ${result.part} part. ${behind.length === 0 ? `The ${own} is nowhere behind ${naive}.` : `The ${own} is behind ${naive} at ${behind.join(', ')}.`}</p>`,
    table: table(
      [cycle, own, naive, 'values'],
      seasons.map(({ label, own, naive, count }) => [
        label,
        numberText(own),
        numberText(naive),
        count.toLocaleString('en-US'),
      ]),
      { caption: `MAE of ${target} by the ${cycle}` },
    ),
  }
}
