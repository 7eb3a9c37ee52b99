import type { Chart } from '../chart.ts'
import { tone } from '../palette.ts'
import { countAxis, valueY } from './axes.ts'

export interface LagOptions {
  readonly name: string
  readonly title: string
  /** Within which correlations of independent values lie with a probability of 95 %, on both sides of 0. */
  readonly bound: number
}

/** The correlation of residuals with those some steps before. */
export function lagChart(correlations: readonly number[], { name, title, bound }: LagOptions): Chart {
  const values = correlations.map((correlation, i) => ({ lag: i + 1, correlation, none: 0 }))
  const outside = values.filter(({ correlation }) => Math.abs(correlation) > bound)
  const [largest] = [...outside].sort((a, b) => Math.abs(b.correlation) - Math.abs(a.correlation))
  const end = largest === undefined ? '' : `, the largest at ${largest.lag}: ${largest.correlation.toFixed(2)}`
  const x = {
    field: 'lag',
    type: 'quantitative',
    scale: { domain: [0.5, values.length + 0.5], nice: false, zero: false },
    axis: { ...countAxis('Steps apart') },
  }
  return {
    name,
    title,
    summary: `${outside.length} of ${values.length} correlations are outside of ±${bound.toFixed(2)}${end}.`,
    height: 200,
    spec: {
      data: { values },
      layer: [
        {
          data: { values: [{ low: -bound, high: bound }] },
          mark: { type: 'rect', color: tone('soft'), opacity: 0.18 },
          encoding: { y: { field: 'low', ...valueY('Correlation') }, y2: { field: 'high' } },
        },
        {
          mark: { type: 'rule', strokeWidth: 3, color: tone('model') },
          encoding: {
            x,
            y: { field: 'none', ...valueY('Correlation') },
            y2: { field: 'correlation' },
            tooltip: [
              { field: 'lag', title: 'steps apart' },
              { field: 'correlation', title: 'correlation', format: '.3f' },
            ],
          },
        },
        {
          mark: { type: 'point', filled: true, size: 40, opacity: 1, color: tone('model') },
          encoding: { x, y: { field: 'correlation', ...valueY('Correlation') } },
        },
      ],
    },
  }
}

/** How often values lie in ranges of equal width. */
export interface Bin {
  readonly from: number
  readonly to: number
  readonly count: number
}

/** The ranges of finite values: about √n of them, from 8 to 40, with edges at round numbers. */
export function binsOf(values: readonly number[]): Bin[] {
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity])
  if (!(high > low)) return values.length === 0 ? [] : [{ from: low, to: high, count: values.length }]
  const rough = (high - low) / Math.min(40, Math.max(8, Math.sqrt(values.length)))
  const power = 10 ** Math.floor(Math.log10(rough))
  const width = ([1, 2, 5, 10].find((digit) => digit * power >= rough) ?? 10) * power
  const first = Math.floor(low / width)
  const count = Math.floor(high / width) - first + 1
  const counts = new Array<number>(count).fill(0)
  for (const value of values) {
    const at = Math.floor(value / width) - first
    counts[at] = (counts[at] as number) + 1
  }
  return counts.map((count, i) => ({ from: (first + i) * width, to: (first + i + 1) * width, count }))
}

export interface HistogramOptions {
  readonly name: string
  readonly title: string
  readonly quantity: string
  readonly summary: string
}

/** How often residuals lie in ranges of equal width. */
export function histogramChart(bins: readonly Bin[], { name, title, quantity, summary }: HistogramOptions): Chart {
  return {
    name,
    title,
    summary,
    height: 200,
    spec: {
      data: { values: bins },
      layer: [
        {
          mark: { type: 'bar', color: tone('model'), binSpacing: 1 },
          encoding: {
            x: {
              field: 'from',
              type: 'quantitative',
              bin: { binned: true },
              axis: {
                title: quantity,
                tickCount: { expr: 'max(3, floor(width / 70))' },
                labelOverlap: 'parity',
                labelSeparation: 8,
              },
            },
            x2: { field: 'to' },
            y: { field: 'count', ...valueY('Forecasts', { zero: true }) },
            tooltip: [
              { field: 'from', title: 'from', format: '.4~g' },
              { field: 'to', title: 'to', format: '.4~g' },
              { field: 'count', title: 'forecasts' },
            ],
          },
        },
        {
          data: { values: [{}] },
          mark: { type: 'rule', color: tone('ink'), strokeWidth: 1.5, strokeDash: [4, 3] },
          encoding: { x: { datum: 0, type: 'quantitative' } },
        },
      ],
    },
  }
}

/** Something with a share, such as the importance of an input. */
export interface Bar {
  readonly label: string
  readonly value: number
}

export interface BarOptions extends HistogramOptions {
  /** How the values are written, as d3-format has it. Default `'.4~g'`. */
  readonly format?: string
}

/** Bars from the left, one below the other, in their order. */
export function barChart(bars: readonly Bar[], { name, title, quantity, summary, format = '.4~g' }: BarOptions): Chart {
  const y = {
    field: 'label',
    type: 'nominal',
    sort: null,
    axis: { title: null, ticks: false, domain: false, labelLimit: 150, labelColor: tone('ink') },
  }
  return {
    name,
    title,
    summary,
    height: Math.max(80, 26 * bars.length + 20),
    spec: {
      data: { values: bars },
      layer: [
        {
          mark: { type: 'bar', color: tone('model'), height: { band: 0.7 } },
          encoding: {
            y,
            x: {
              field: 'value',
              ...valueY(quantity, { zero: true }),
              axis: { title: quantity, grid: true, tickCount: 5, format: format.endsWith('%') ? format : '~g' },
            },
            tooltip: [
              { field: 'label', title: 'input' },
              { field: 'value', title: quantity, format },
            ],
          },
        },
      ],
    },
  }
}
