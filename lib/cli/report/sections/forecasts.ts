import type { WindowDataset } from '../../../data/index.ts'
import { numberText } from '../../output.ts'
import { timelineChart } from '../charts/timeline.ts'
import type { TargetEvidence } from '../evidence.ts'
import { type ForecastRun, naiveName } from '../forecast-run.ts'
import { html } from '../html.ts'
import { sample, shownLevel } from '../sample.ts'
import type { Figure, Section } from '../section.ts'
import { table } from '../table.ts'
import { MOST_DRAWN } from './data.ts'
import { counted, percent } from './head.ts'

/** How many steps a chart has at most: more could not be told apart. */
const MOST_STEPS = 240

/** The windows of a group, or all, in their order. */
export function windowsOf(windows: WindowDataset, group: string | null): number[] {
  const all = Array.from({ length: windows.length }, (_, i) => i)
  const groups = windows.groups(all)
  return groups === undefined || group === null ? all : all.filter((i) => groups[i] === group)
}

/** The last windows whose targets do not overlap. */
function apart(windows: WindowDataset, indices: readonly number[]): number[] {
  const most = Math.max(1, Math.floor(MOST_STEPS / windows.horizon))
  const found: number[] = []
  let start = Infinity
  for (const index of indices.toReversed()) {
    const times = windows.times(index)
    if ((times.at(-1)?.getTime() ?? Infinity) >= start) continue
    found.push(index)
    start = times[0]?.getTime() as number
    if (found.length === most) break
  }
  return found.reverse()
}

/** What was forecast on the part that is held out, and what came. */
export async function forecastsSection(run: ForecastRun): Promise<Section> {
  const { held, series, evidence } = run
  if (held === undefined) {
    return {
      id: 'forecasts',
      title: 'Forecasts and what came',
      parts: [html`<p>No part of the data was held out.</p>`],
    }
  }
  const groups = series.groups.length === 0 ? [null] : series.groups.slice(0, MOST_DRAWN)
  const figures: Figure[] = []
  for (const [k, one] of evidence.slice(0, MOST_DRAWN).entries()) {
    for (const [g, group] of groups.entries()) {
      const indices = windowsOf(held, group)
      if (indices.length > 0)
        figures.push(await figureOf(run, held, { k, one, group, name: `forecasts-${k}-${g}`, indices }))
    }
  }
  const left = evidence.length * Math.max(1, series.groups.length) - figures.length
  return {
    id: 'forecasts',
    title: 'Forecasts and what came',
    parts: [
      html`<p>Each line is a forecast that knew nothing of what followed: the model was not trained on this part. Beside it is the naive forecast that is hardest to beat.</p>`,
      ...figures,
      ...(left > 0 ? [html`<p class="note">${counted(left, 'more')} of columns and series are not drawn.</p>`] : []),
      ...coverageOf(run),
    ],
  }
}

interface Drawing {
  readonly k: number
  readonly one: TargetEvidence
  readonly group: string | null
  readonly name: string
  readonly indices: readonly number[]
}

async function figureOf(
  run: ForecastRun,
  held: WindowDataset,
  { k, one, group, name, indices }: Drawing,
): Promise<Figure> {
  const { model, calibration, season, own, timeText, result } = run
  const naive = naiveName(one)
  const windows = apart(held, indices)
  const drawn = await sample(model, held, windows, {
    target: k,
    own,
    method: one.bestNaive,
    naive,
    season,
    calibration,
  })
  const band = calibration === undefined ? undefined : percent(shownLevel(calibration), 0)
  const [first, last] = [drawn[0]?.times[0], drawn.at(-1)?.times.at(-1)].map((time) => timeText(new Date(time ?? 0)))
  const every = held.horizon === 1 ? 'one for each step' : `one from every ${held.horizon} steps`
  const errors = (who: 'model' | TargetEvidence['bestNaive']): string =>
    numberText(one.errors.get(who)?.all ?? Number.NaN)
  return {
    chart: timelineChart(drawn, {
      name,
      title: group === null ? one.target : `${one.target}, ${group}`,
      quantity: one.target,
      summary: `${counted(drawn.length, 'forecast')} from ${first} to ${last}. The MAE on the ${result.part} part is ${errors('model')}, that of ${naive} ${errors(one.bestNaive)}.`,
      lines: [{ name: own }, { name: naive, isNaive: true }],
      ...(band === undefined ? {} : { band }),
      height: 280,
    }),
    caption: html`<p>The end of the ${result.part} part, ${first} to ${last}: ${every}.${band !== undefined && ` The band is the ${band} interval.`}</p>`,
    table: table(
      ['Time', 'measured', own, naive, ...(band === undefined ? [] : ['from', 'to'])],
      drawn.flatMap(({ times, actual, values, lower, upper }) =>
        times.map((time, h) => [
          timeText(new Date(time)),
          ...[
            actual[h],
            values[own]?.[h],
            values[naive]?.[h],
            ...(lower === undefined ? [] : [lower[h], upper?.[h]]),
          ].map((value) => numberText(value ?? Number.NaN)),
        ]),
      ),
      { caption: `Forecasts of ${one.target}` },
    ),
  }
}

/** Whether intervals hold what they promise. */
function coverageOf({ evidence, result }: ForecastRun): Section['parts'] {
  if (evidence[0] === undefined || evidence[0].coverage.length === 0) return []
  return [
    html`<h3>Are the intervals right?</h3><p>The intervals come from the errors on the validation part. This share of the values of the ${result.part} part was within them:</p>`,
    table(
      ['Target', ...evidence[0].coverage.map(({ level }) => `of ${percent(level, 0)}`)],
      evidence.map(({ target, coverage }) => [target, ...coverage.map(({ share }) => percent(share))]),
      { caption: 'Coverage of the intervals' },
    ),
  ]
}
