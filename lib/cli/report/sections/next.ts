import { TorchError } from '../../../errors.ts'
import { type Forecast, forecast } from '../../../forecast/index.ts'
import { numberText } from '../../output.ts'
import { messageFor } from '../../problem.ts'
import { rowsByGroup, scalerOf } from '../../series.ts'
import { timelineChart } from '../charts/timeline.ts'
import type { ForecastRun } from '../forecast-run.ts'
import { html } from '../html.ts'
import type { Figure, Section } from '../section.ts'
import { table } from '../table.ts'
import { MOST_DRAWN } from './data.ts'
import { counted, percent } from './head.ts'

/** How much of the past is drawn before a forecast, in horizons, and at least so many steps. */
const BEFORE = { horizons: 6, steps: 30 }

/** What comes after the data. */
export async function nextSection(run: ForecastRun): Promise<Section> {
  const { model, series, metadata, calibration, result } = run
  const { past, horizon } = metadata
  let forecasts: Forecast[]
  try {
    forecasts = await forecast(model, series, {
      past,
      steps: horizon,
      scaler: scalerOf(model, result.model),
      calibration: calibration ?? null,
    })
  } catch (error) {
    // The past may be too short behind the last gap: the rest of the report is worth reading nevertheless.
    if (!(error instanceof TorchError) || error.code !== 'ERR_TORCH_VALUE') throw error
    const why = messageFor(error)
    return { id: 'next', title: 'What comes next', parts: [html`<p class="warning">There is no forecast: ${why}</p>`] }
  }
  const figures = forecasts
    .slice(0, MOST_DRAWN)
    .flatMap((one, g) =>
      series.targets.slice(0, MOST_DRAWN).map((target, k) => figureOf(run, one, target, `next-${k}-${g}`)),
    )
  const left = forecasts.length * series.targets.length - figures.length
  return {
    id: 'next',
    title: 'What comes next',
    parts: [
      html`<p>The forecast from the end of the data.</p>`,
      ...figures,
      ...(left > 0
        ? [
            html`<p class="note">${counted(left, 'more')} of columns and series are not drawn: <code>npx libtorch-rnn forecast</code> writes them all.</p>`,
          ]
        : []),
    ],
  }
}

function figureOf(run: ForecastRun, one: Forecast, target: string, name: string): Figure {
  const { series, own, metadata, timeText } = run
  const steps = Math.max(BEFORE.steps, BEFORE.horizons * metadata.horizon)
  const before = lastRows(run, one.group, target, steps)
  const narrow = one.intervals.reduce<Forecast['intervals'][number] | undefined>(
    (a, b) => (a === undefined || b.level < a.level ? b : a),
    undefined,
  )
  const band = narrow === undefined ? undefined : percent(narrow.level, 0)
  const times = one.times.map((time) => time.getTime())
  const values = one.values[target] ?? []
  const bounds = one.intervals.flatMap(({ level, lower, upper }) => [
    { title: `from, ${percent(level, 0)}`, values: lower[target] },
    { title: `to, ${percent(level, 0)}`, values: upper[target] },
  ])
  return {
    chart: timelineChart(
      [
        {
          times,
          actual: [],
          values: { [own]: values },
          ...(narrow === undefined ? {} : { lower: narrow.lower[target] ?? [], upper: narrow.upper[target] ?? [] }),
        },
      ],
      {
        name,
        title: one.group === null ? target : `${target}, ${one.group}`,
        quantity: target,
        summary: `${target} is forecast as ${values.slice(0, 7).map(numberText).join(', ')}${values.length > 7 ? ' and so on' : ''}, from ${timeText(one.times[0] as Date)} on.`,
        before,
        lines: [{ name: own }],
        ...(band === undefined ? {} : { band }),
        zooms: false,
      },
    ),
    caption: html`<p>${series.targets.length > 1 && `${target}: `}${counted(values.length, 'step')} after ${timeText(new Date(before.times.at(-1) ?? 0))}.${band !== undefined && ` The band is the ${band} interval.`}</p>`,
    table: table(
      ['Time', target, ...bounds.map(({ title }) => title)],
      one.times.map((time, h) => [
        timeText(time),
        numberText(values[h] ?? Number.NaN),
        ...bounds.map((bound) => numberText(bound.values?.[h] ?? Number.NaN)),
      ]),
      { caption: `The forecast of ${target}` },
    ),
  }
}

/** The last rows of a series. */
function lastRows(
  { series }: ForecastRun,
  group: string | null,
  target: string,
  steps: number,
): { times: number[]; values: (number | null)[] } {
  const { times } = series
  const values = series.column(target)
  const own = rowsByGroup(series).find(({ name }) => name === group)
  const end = own?.end ?? times.length
  const rows = Array.from({ length: Math.min(steps, end - (own?.start ?? 0)) }, (_, i) => i)
  const from = end - rows.length
  return {
    times: rows.map((i) => (times[from + i] as Date).getTime()),
    values: rows.map((i) => (Number.isNaN(values[from + i]) ? null : (values[from + i] as number))),
  }
}
