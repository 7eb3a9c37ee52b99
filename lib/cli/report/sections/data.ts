import { examine } from '../../../data/index.ts'
import { rowsByGroup } from '../../series.ts'
import { bucketsOf, MOST_POINTS, type Span, seriesChart } from '../charts/series.ts'
import { type ForecastRun, targetsOf } from '../forecast-run.ts'
import { html } from '../html.ts'
import type { Figure, Section } from '../section.ts'
import { table } from '../table.ts'
import { counted } from './head.ts'

/** The most columns, and series, that are drawn. */
export const MOST_DRAWN = 4
const MOST_GAPS = 12

/** What the data are, how they are cut in time, and what they lack. */
export function dataSection(run: ForecastRun): Section {
  const { series, parts, timeText, data } = run
  const { times } = series
  const spans = spansOf(run)
  const groups = rowsByGroup(series)
  const figures = targetsOf(run)
    .slice(0, MOST_DRAWN)
    .flatMap((target, k) =>
      groups.slice(0, MOST_DRAWN).map(({ name, start, end }, g): Figure => {
        const values = series.column(target).subarray(start, end)
        const own = times.slice(start, end).map((time) => time.getTime())
        const buckets = bucketsOf(own, values)
        const gaps = series.gaps
          .filter((gap) => (gap.group ?? null) === name)
          .map(({ after, before, steps }) => ({
            name: counted(steps, 'step'),
            from: after.getTime(),
            to: before.getTime(),
          }))
        const title = name === null ? target : `${target}, ${name}`
        return {
          chart: seriesChart(buckets, {
            name: `data-${k}-${g}`,
            title,
            quantity: target,
            parts: spans,
            gaps,
            summary: `${counted(end - start, 'row')} from ${timeText(times[start] as Date)} to ${timeText(times[end - 1] as Date)}, with ${counted(gaps.length, 'gap')}. ${spans.map((span) => `The ${span.name} part starts at ${timeText(new Date(span.from))}.`).join(' ')}`,
          }),
          caption: html`<p>${end - start > MOST_POINTS ? `The line is the mean of every ${Math.ceil((end - start) / MOST_POINTS)} rows, the area from the least to the largest. ` : ''}The shades are the parts into which the data are cut; a network learns from the first only.${gaps.length > 0 ? ' Where steps are absent, the ground is red.' : ''}</p>`,
        }
      }),
    )
  const left = targetsOf(run).length * Math.max(1, series.groups.length) - figures.length
  const missing = [...series.targets, ...series.inputs].map((name): [string, number] => [
    name,
    series.column(name).reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0),
  ])
  const findings = examine(series, { horizon: run.metadata.horizon })
  const partNames = ['train', 'validation', 'test'] as const
  return {
    id: 'data',
    title: 'The data',
    parts: [
      html`<p><code>${data}</code> has ${counted(times.length, 'row')}${series.frequency !== undefined && `, one for each ${typeof series.frequency === 'number' ? `${series.frequency} ms` : series.frequency}`}${series.groups.length > 0 && `, in ${series.groups.length} series`}. ${
        missing.some(([, count]) => count > 0)
          ? `Cells without a value: ${missing
              .filter(([, count]) => count > 0)
              .map(([name, count]) => `${count} of ${name}`)
              .join(', ')}.`
          : 'No cell that is read is without a value.'
      }</p>`,
      ...findings.map(({ message }) => html`<p class="warning">${message}</p>`),
      ...figures,
      ...(left > 0 ? [html`<p class="note">${counted(left, 'more')} of columns and series are not drawn.</p>`] : []),
      table(
        ['Part', 'Forecasts from', 'to', 'Windows'],
        partNames.flatMap((name) => {
          const part = parts[name]
          if (part === undefined) return []
          const [from, to] = [part.times(0)[0], part.times(part.length - 1).at(-1)] as [Date, Date]
          return [
            [name === 'train' ? 'training' : name, timeText(from), timeText(to), part.length.toLocaleString('en-US')],
          ]
        }),
        { caption: 'The parts of the data', words: 3 },
      ),
      ...(series.gaps.length > 0
        ? [
            html`<details><summary>${counted(series.gaps.length, 'gap')}</summary>${table(
              ['After', 'Before', 'Steps that are absent'],
              series.gaps
                .slice(0, MOST_GAPS)
                .map(({ after, before, steps, group }) => [
                  `${group === undefined ? '' : `${group}: `}${timeText(after)}`,
                  timeText(before),
                  steps,
                ]),
              { caption: 'Where steps are absent', words: 2 },
            )}${series.gaps.length > MOST_GAPS && html`<p class="note">And ${series.gaps.length - MOST_GAPS} more.</p>`}</details>`,
          ]
        : []),
    ],
  }
}

/** Where the parts are in time, by their first targets. */
function spansOf({ parts, series }: ForecastRun): Span[] {
  const starts = (['train', 'validation', 'test'] as const).flatMap((name) => {
    const part = parts[name]
    if (part === undefined) return []
    return [{ name: name === 'train' ? 'training' : name, from: earliest(part) }]
  })
  const { times } = series
  const [first, last] = times.reduce(
    ([low, high], time) => [Math.min(low, time.getTime()), Math.max(high, time.getTime())],
    [Infinity, -Infinity],
  )
  return starts.map(({ name, from }, i) => ({
    name,
    from: i === 0 ? first : from,
    to: starts[i + 1]?.from ?? last,
  }))
}

/** The first time that the windows of a part forecast, of all groups. */
function earliest(part: {
  readonly length: number
  times(index: number): Date[]
  groups(indices: readonly number[]): string[] | undefined
}): number {
  const all = Array.from({ length: part.length }, (_, i) => i)
  const groups = part.groups(all)
  const firsts = groups === undefined ? [0] : all.filter((i) => groups[i] !== groups[i - 1])
  return Math.min(...firsts.map((i) => part.times(i)[0]?.getTime() ?? Infinity))
}
