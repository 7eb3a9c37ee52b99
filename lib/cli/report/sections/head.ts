import { naiveTitle } from '../../measure.ts'
import { numberText } from '../../output.ts'
import { type ForecastRun, targetsOf } from '../forecast-run.ts'
import { type Content, type Html, html } from '../html.ts'

/** Numbers that stand at the top of a report. */
export interface Card {
  readonly label: string
  readonly value: string
  readonly note?: string
}

/** Cards side by side. */
export const cards = (all: readonly Card[]): Html =>
  html`<dl class="cards">${all.map(
    ({ label, value, note }) =>
      html`<div><dt>${label}</dt><dd>${value}${note !== undefined && html`<small>${note}</small>`}</dd></div>`,
  )}</dl>`

/** Words with commas and an `and`: a, b and c. */
export function listed(parts: readonly Content[]): Content {
  if (parts.length < 2) return parts
  return [parts.slice(0, -1).map((part, i) => (i === 0 ? part : [', ', part])), ' and ', parts.at(-1)]
}

/** A count with its noun. */
export const counted = (count: number, noun: string): string =>
  `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`

/** A share as percents. */
export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`

/** What was asked, and the answer. */
export function forecastHead(run: ForecastRun): Html {
  const { settings, metadata, series, own } = run
  const targets = targetsOf(run)
  const inputs = [...series.inputs, ...series.calendar.map((name) => `the ${CYCLES[name] ?? name}`)]
  const seen = [...(settings.autoregressive ? [targets.length > 1 ? 'their past' : 'its past'] : []), ...inputs]
  const groups = series.groups.length > 0 ? ` of ${counted(series.groups.length, 'series')}` : ''
  return html`<p class="lead">Forecast ${listed(targets.map((name) => html`<strong>${name}</strong>`))}${groups.replace('seriess', 'series')} for the next ${counted(metadata.horizon, 'step')} from ${counted(metadata.past, 'step')} of ${listed(seen)}, by a ${own}${settings.model !== 'linear' && ` with ${counted(settings.hiddenSize, 'unit')}`}${settings.numLayers > 1 && ` in each of ${settings.numLayers} layers`}.</p>
${verdictOf(run)}
${cards(cardsOf(run))}
${!run.isSame && html`<p class="warning">The data have changed since the training: what is measured here differs from what the training printed.</p>`}`
}

const CYCLES: Readonly<Record<string, string>> = {
  minute: 'minute of the hour',
  hour: 'hour of the day',
  weekday: 'day of the week',
  dayOfMonth: 'day of the month',
  dayOfYear: 'day of the year',
}

/** The error that is first among those of the training. */
function errorsOf({
  result: { errors, naive },
}: ForecastRun): [name: string, own: number, best: string, error: number] | undefined {
  const name = Object.keys(errors ?? {}).find((metric) => metric !== 'loss' && metric !== 'r2')
  if (name === undefined) return undefined
  const [best] = Object.entries(naive).sort(([, a], [, b]) => (a[name] ?? Infinity) - (b[name] ?? Infinity))
  return best === undefined ? undefined : [name, errors?.[name] as number, best[0], best[1][name] as number]
}

function verdictOf(run: ForecastRun): Html {
  const found = errorsOf(run)
  if (found === undefined) {
    return html`<p class="verdict">No part of the data was held out, so nothing can be said about its errors: train with <code>--test</code>.</p>`
  }
  const [name, own, best, error] = found
  const change = 1 - own / error
  const size = percent(Math.abs(change))
  return change > 0
    ? html`<p class="verdict good">Its ${name.toUpperCase()} on the ${run.result.part} part is ${size} lower than that of the best naive forecast, ${naiveTitle(best)}.</p>`
    : html`<p class="verdict bad">It is not worth its training: the best naive forecast, ${naiveTitle(best)}, is better. The ${name.toUpperCase()} of the model is ${size} higher.</p>`
}

function cardsOf(run: ForecastRun): Card[] {
  const { result, evidence, settings } = run
  const found = errorsOf(run)
  const [first] = evidence
  const widest = first?.coverage.at(0)
  return [
    ...(found === undefined
      ? []
      : [
          {
            label: `${found[0].toUpperCase()}, ${result.part} part`,
            value: numberText(found[1]),
            note: `in the units of ${listOf(run)}`,
          },
          {
            label: `${found[0].toUpperCase()} of ${naiveTitle(found[2])}`,
            value: numberText(found[3]),
            note: 'the best naive forecast',
          },
        ]),
    ...(widest === undefined
      ? []
      : [
          {
            label: `In the ${percent(widest.level, 0)} interval`,
            value: percent(widest.share, 0),
            note: `of the ${result.part} part`,
          },
        ]),
    {
      label: 'Training',
      value: `${result.seconds.toFixed(1)} s`,
      note: `${counted(result.epochs, 'epoch')} on ${settings.device}, ${counted(result.parameters, 'parameter')}`,
    },
  ]
}

const listOf = (run: ForecastRun): string => targetsOf(run).join(', ')
