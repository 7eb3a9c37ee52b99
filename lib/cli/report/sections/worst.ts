import { numberText } from '../../output.ts'
import { timelineChart } from '../charts/timeline.ts'
import { type ForecastRun, naiveName } from '../forecast-run.ts'
import { html } from '../html.ts'
import { type SampledWindow, sample, shownLevel } from '../sample.ts'
import type { Figure, Section } from '../section.ts'
import { percent } from './head.ts'

/** How many are shown, and how many steps of the past before each. */
const MOST = 3
const BEFORE = 60

/** Where the model was furthest off. */
export async function worstSection(run: ForecastRun): Promise<Section> {
  const { held, evidence, calibration } = run
  const [first] = evidence
  const title = 'Worst cases'
  if (held === undefined || first === undefined) {
    return { id: 'worst', title, parts: [html`<p>No part of the data was held out.</p>`] }
  }
  // Of several targets each counts by its own mean error.
  const badness = (index: number): number =>
    Math.max(
      ...evidence.map(({ byWindow, errors }) => {
        const error = (byWindow[index] as number) / (errors.get('model')?.all ?? Number.NaN)
        return Number.isNaN(error) ? 0 : error
      }),
    )
  const ranked = Array.from({ length: held.length }, (_, i) => ({ index: i, badness: badness(i) })).sort(
    (a, b) => b.badness - a.badness,
  )
  const chosen: { index: number; from: number; to: number; group: string | undefined }[] = []
  for (const { index } of ranked) {
    const times = held.times(index)
    const [from, to] = [times[0]?.getTime() as number, times.at(-1)?.getTime() as number]
    const group = held.groups([index])?.[0]
    // Neighbours show the same failure again.
    const width = Math.max(to - from, 1)
    if (chosen.some((other) => other.group === group && from <= other.to + width && to >= other.from - width)) continue
    chosen.push({ index, from, to, group })
    if (chosen.length === MOST) break
  }
  const figures: Figure[] = []
  for (const [i, { index }] of chosen.entries()) {
    const k = evidence.reduce(
      (most, one, j) => (relative(one, index) > relative(evidence[most] as typeof one, index) ? j : most),
      0,
    )
    const one = evidence[k] as (typeof evidence)[number]
    const naive = naiveName(one)
    const [drawn] = (await sample(run.model, held, [index], {
      target: k,
      own: run.own,
      method: one.bestNaive,
      naive,
      season: run.season,
      calibration,
    })) as [SampledWindow]
    figures.push(
      figureOf(run, {
        i,
        k,
        drawn,
        naive,
        error: one.byWindow[index] as number,
        usual: one.errors.get('model')?.all as number,
      }),
    )
  }
  return {
    id: 'worst',
    title,
    parts: [
      html`<p>The forecasts that were furthest off, each at another time: what has happened there?</p>`,
      ...figures,
    ],
  }
}

const relative = ({ byWindow, errors }: ForecastRun['evidence'][number], index: number): number => {
  const error = (byWindow[index] as number) / (errors.get('model')?.all ?? Number.NaN)
  return Number.isNaN(error) ? 0 : error
}

interface Case {
  readonly i: number
  readonly k: number
  readonly drawn: SampledWindow
  readonly naive: string
  readonly error: number
  readonly usual: number
}

function figureOf(run: ForecastRun, { i, k, drawn, naive, error, usual }: Case): Figure {
  const { own, calibration, timeText, evidence } = run
  const target = evidence[k]?.target ?? ''
  const before = drawn.past.times.length - Math.min(BEFORE, drawn.past.times.length)
  const from = timeText(new Date(drawn.times[0] as number))
  const band = calibration === undefined ? undefined : percent(shownLevel(calibration), 0)
  const where = drawn.group === null ? '' : `, ${drawn.group}`
  return {
    chart: timelineChart([drawn], {
      name: `worst-${i}`,
      title: `${target}${where}, from ${from}`,
      quantity: target,
      summary: `The error is ${numberText(error)} on average, ${(error / usual).toFixed(1)} times the usual one.`,
      before: { times: drawn.past.times.slice(before), values: drawn.past.values.slice(before) },
      lines: [{ name: own }, { name: naive, isNaive: true }],
      ...(band === undefined ? {} : { band }),
      height: 200,
      zooms: false,
    }),
    caption: html`<p>Off by ${numberText(error)} on average, ${(error / usual).toFixed(1)} times the usual error.</p>`,
  }
}
