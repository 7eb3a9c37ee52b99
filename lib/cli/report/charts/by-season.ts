import type { Chart } from '../chart.ts'
import { tone } from '../palette.ts'
import { legend, valueY } from './axes.ts'

/** Errors in one part of a cycle, such as a month. */
export interface SeasonError {
  readonly label: string
  readonly own: number
  readonly naive: number
  /** How many values. */
  readonly count: number
}

export interface BySeasonOptions {
  readonly name: string
  readonly title: string
  readonly quantity: string
  /** The names of model and naive forecast. */
  readonly own: string
  readonly naive: string
}

/** Errors of model and naive forecast side by side, by the part of a cycle. */
export function bySeasonChart(seasons: readonly SeasonError[], options: BySeasonOptions): Chart {
  const { name, title, quantity, own, naive } = options
  const values = seasons.flatMap(({ label, count, ...errors }) => [
    { label, count, line: own, error: errors.own },
    { label, count, line: naive, error: errors.naive },
  ])
  const worst = seasons.reduce((a, b) => (b.own > a.own ? b : a))
  const best = seasons.reduce((a, b) => (b.own < a.own ? b : a))
  return {
    name,
    title,
    summary: `${own}: ${quantity} is largest in ${worst.label}, ${worst.own.toPrecision(3)}, and least in ${best.label}, ${best.own.toPrecision(3)}.`,
    height: 220,
    spec: {
      data: { values },
      mark: { type: 'bar' },
      encoding: {
        x: {
          field: 'label',
          type: 'nominal',
          sort: null,
          axis: { title: null, labelAngle: 0, ticks: false, labelOverlap: 'parity' },
          scale: { paddingInner: 0.25 },
        },
        xOffset: { field: 'line', sort: [own, naive] },
        y: { field: 'error', ...valueY(quantity, { zero: true }) },
        color: {
          field: 'line',
          type: 'nominal',
          ...legend([own, naive], [tone('model'), tone('naive')], { symbolType: 'square' }),
        },
        tooltip: [
          { field: 'label', title: 'when' },
          { field: 'line', title: 'forecast' },
          { field: 'error', title: quantity, format: '.4~g' },
          { field: 'count', title: 'values' },
        ],
      },
    },
  }
}
