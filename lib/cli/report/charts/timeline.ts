import type { Chart } from '../chart.ts'
import { lineTones, tone } from '../palette.ts'
import { legend, timeX, valueY } from './axes.ts'
import { pointerRule } from './pointer-rule.ts'

/** Forecasts from one place, and what came: by step of the horizon. */
export interface Stretch {
  readonly times: readonly number[]
  readonly actual: readonly (number | null)[]
  /** By the names of {@link TimelineOptions.lines}. */
  readonly values: Readonly<Record<string, readonly (number | null)[]>>
  readonly lower?: readonly (number | null)[]
  readonly upper?: readonly (number | null)[]
}

/** A line of forecasts. */
export interface Line {
  readonly name: string
  readonly isNaive?: boolean
}

export interface TimelineOptions {
  readonly name: string
  readonly title: string
  readonly summary: string
  /** The title of the y axis. */
  readonly quantity: string
  /** What was measured before the first of them. */
  readonly before?: { readonly times: readonly number[]; readonly values: readonly (number | null)[] }
  readonly lines: readonly Line[]
  /** The words for the band between `lower` and `upper`. */
  readonly band?: string
  readonly height?: number
  /** Whether it is long enough to be enlarged. Default `true`. */
  readonly zooms?: boolean
}

interface Row {
  readonly t: number
  readonly origin: number
  readonly actual?: number | null
  readonly [line: `f${number}`]: number | null | undefined
  readonly lower?: number | null
  readonly upper?: number | null
}

/** What came, and what was forecast, in time: each forecast is a line of its own. */
export function timelineChart(stretches: readonly Stretch[], options: TimelineOptions): Chart {
  const { name, title, summary, quantity, before, lines, band, height, zooms = true } = options
  const rows: Row[] = [
    ...(before?.times.map((t, i): Row => ({ t, origin: -1, actual: before.values[i] ?? null })) ?? []),
    ...stretches.flatMap(({ times, actual, values, lower, upper }, origin) =>
      times.map(
        (t, h): Row => ({
          t,
          origin,
          ...(actual[h] === undefined ? {} : { actual: actual[h] ?? null }),
          ...Object.fromEntries(lines.map((line, i) => [`f${i}`, values[line.name]?.[h] ?? null])),
          ...(lower === undefined || upper === undefined ? {} : { lower: lower[h] ?? null, upper: upper[h] ?? null }),
        }),
      ),
    ),
  ]
  const colors = lineTones(lines)
  const names = ['measured', ...lines.map((line) => line.name)]
  const color = (datum: string): object => ({ datum, ...legend(names, [tone('truth'), ...colors]) })
  const y = (field: string): object => ({ field, ...valueY(quantity) })
  const first = stretches[0]
  // A forecast of one step is a point: forecasts that follow each other are then joined.
  const single = stretches.every(({ times }) => times.length === 1)
  const detail = single ? [] : [{ field: 'origin' }]
  const alone = first !== undefined && stretches.length === 1 && first.times.length === 1
  const mark = (strokeWidth: number, more: object = {}): object => ({
    type: 'line',
    strokeWidth,
    clip: true,
    ...(alone ? { point: { size: 50 } } : {}),
    ...more,
  })
  const format = '.4~g'
  const tooltip = [
    { field: 't', type: 'temporal', title: 'time', format: hourly(rows) ? '%Y-%m-%d %H:%M' : '%Y-%m-%d' },
    { field: 'actual', type: 'quantitative', title: 'measured', format },
    ...lines.map((line, i) => ({ field: `f${i}`, type: 'quantitative', title: line.name, format })),
    ...(band === undefined
      ? []
      : [
          { field: 'lower', type: 'quantitative', title: 'from', format },
          { field: 'upper', type: 'quantitative', title: 'to', format },
        ]),
  ]
  const own = colors[lines.findIndex(({ isNaive = false }) => !isNaive)] ?? tone('model')
  return {
    name,
    title,
    summary,
    zooms,
    ...(height === undefined ? {} : { height }),
    spec: {
      data: { values: rows },
      layer: [
        {
          transform: [{ filter: 'isValid(datum.actual)' }],
          mark: mark(1.8),
          encoding: { x: timeX, y: y('actual'), color: color('measured') },
        },
        ...(band === undefined
          ? []
          : [
              {
                transform: [{ filter: 'isValid(datum.lower) && isValid(datum.upper)' }],
                mark: alone
                  ? { type: 'rule', strokeWidth: 6, opacity: 0.25, color: own, clip: true }
                  : { type: 'area', opacity: 0.2, color: own, clip: true },
                encoding: { x: timeX, y: y('lower'), y2: { field: 'upper' }, detail },
              },
            ]),
        ...lines.map((line, i) => ({
          transform: [{ filter: `isValid(datum.f${i})` }],
          mark: line.isNaive === true ? mark(1.6, { strokeDash: [4, 3] }) : mark(2.2),
          encoding: { x: timeX, y: y(`f${i}`), color: color(line.name), detail },
        })),
        {
          ...pointerRule(timeX, tooltip),
        },
      ],
    },
  }
}

const hourly = (rows: readonly Row[]): boolean => rows.some(({ t }) => t % 86_400_000 !== 0)
