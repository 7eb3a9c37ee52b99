import type { Chart } from '../chart.ts'
import { tone } from '../palette.ts'
import { fits, timeX, valueY } from './axes.ts'
import { pointerRule } from './pointer-rule.ts'

/** A part of the data in time. */
export interface Span {
  readonly name: string
  readonly from: number
  readonly to: number
}

/** The values of some neighbouring rows: of one, or of many where a series is long. */
export interface Bucket {
  readonly t: number
  readonly low: number
  readonly mean: number
  readonly high: number
}

/** The most points of a line that can be told apart in a page. */
export const MOST_POINTS = 700

/**
 * The values of a series as at most {@link MOST_POINTS} points, each with the least, the mean and the largest of the rows
 * that it stands for. Missing values, NaN, are left out.
 */
export function bucketsOf(times: ArrayLike<number>, values: ArrayLike<number>): Bucket[] {
  const size = Math.ceil(times.length / MOST_POINTS)
  const buckets: Bucket[] = []
  for (let start = 0; start < times.length; start += size) {
    let [low, high, sum, count] = [Infinity, -Infinity, 0, 0]
    for (let i = start; i < Math.min(start + size, times.length); i++) {
      const value = values[i] as number
      if (Number.isNaN(value)) continue
      low = Math.min(low, value)
      high = Math.max(high, value)
      sum += value
      count++
    }
    if (count > 0) buckets.push({ t: times[start] as number, low, mean: sum / count, high })
  }
  return buckets
}

export interface SeriesOptions {
  readonly name: string
  readonly title: string
  readonly quantity: string
  readonly summary: string
  readonly parts: readonly Span[]
  readonly gaps: readonly Span[]
}

/** A column in time, over the parts into which it is cut, with what is absent. */
export function seriesChart(buckets: readonly Bucket[], options: SeriesOptions): Chart {
  const { name, title, quantity, summary, parts, gaps } = options
  // No line goes over what is absent.
  const rows = buckets.map((bucket) => ({ ...bucket, run: gaps.filter(({ from }) => from < bucket.t).length }))
  const detail = { field: 'run', type: 'nominal' }
  const wide = buckets.some(({ low, high }) => high > low)
  const tooltip = [
    { field: 't', type: 'temporal', title: 'time', format: '%Y-%m-%d %H:%M' },
    { field: 'mean', type: 'quantitative', title: wide ? 'mean' : quantity, format: '.4~g' },
    ...(wide
      ? [
          { field: 'low', type: 'quantitative', title: 'least', format: '.4~g' },
          { field: 'high', type: 'quantitative', title: 'largest', format: '.4~g' },
        ]
      : []),
  ]
  const x2 = { field: 'to' }
  const y = (field: string): object => ({ field, ...valueY(quantity) })
  const xOf = (field: string): object => ({ ...timeX, field })
  const shades: Readonly<Record<string, number>> = { train: 0.04, training: 0.04, validation: 0.13, test: 0.24 }
  return {
    name,
    title,
    summary,
    zooms: true,
    height: 260,
    spec: {
      layer: [
        {
          data: { values: rows },
          mark: { type: 'area', opacity: wide ? 0.3 : 0, color: tone('truth'), clip: true },
          encoding: { x: timeX, y: y('low'), y2: { field: 'high' }, detail },
        },
        {
          data: { values: parts.map((part) => ({ ...part, opacity: shades[part.name] ?? 0.1 })) },
          mark: { type: 'rect', color: tone('model'), clip: true },
          encoding: {
            x: xOf('from'),
            x2,
            opacity: { field: 'opacity', type: 'quantitative', scale: null, legend: null },
          },
        },
        {
          data: { values: gaps },
          mark: { type: 'rect', color: tone('bad'), opacity: 0.45, clip: true, stroke: tone('bad'), strokeWidth: 1 },
          encoding: { x: xOf('from'), x2, tooltip: [{ field: 'name', title: 'absent' }] },
        },
        {
          data: { values: rows },
          mark: { type: 'line', strokeWidth: 1.3, color: tone('truth'), clip: true },
          encoding: { x: timeX, y: y('mean'), detail },
        },
        {
          data: { values: parts },
          mark: {
            type: 'text',
            align: 'left',
            baseline: 'top',
            dx: 5,
            dy: 5,
            fontSize: 12,
            color: tone('ink'),
            opacity: fits,
          },
          encoding: { x: xOf('from'), y: { value: 0 }, text: { field: 'name', type: 'nominal' } },
        },
        {
          data: { values: buckets },
          ...pointerRule(timeX, tooltip),
        },
      ],
    },
  }
}
