import type { Chart } from '../chart.ts'
import { tone } from '../palette.ts'
import { legend, valueY } from './axes.ts'

/** One row of a chart of errors: a network with those of its seeds, or a naive forecast. */
export interface StripRow {
  readonly name: string
  readonly mean: number
  readonly seeds: readonly number[]
  readonly isNaive: boolean
}

export interface StripOptions {
  readonly name: string
  readonly title: string
  readonly quantity: string
}

const ROW = 30

/** Errors from the least to the largest: a ring for each seed, a dot for their mean. */
export function stripChart(rows: readonly StripRow[], { name, title, quantity }: StripOptions): Chart {
  const kinds = ['network', 'naive forecast'] as const
  const kindOf = ({ isNaive }: StripRow): string => kinds[isNaive ? 1 : 0]
  const sorted = rows.toSorted((a, b) => a.mean - b.mean)
  const order = sorted.map((row) => row.name)
  const y = {
    field: 'name',
    type: 'nominal',
    sort: order,
    axis: { title: null, ticks: false, domain: false, grid: true, labelColor: tone('ink'), labelLimit: 170 },
  }
  const x = {
    field: 'error',
    ...valueY(quantity),
    scale: { zero: false, nice: true, padding: 12 },
    axis: { title: quantity, tickCount: { expr: 'max(3, floor(width / 80))' } },
  }
  const color = {
    field: 'kind',
    type: 'nominal',
    ...legend([...kinds], [tone('model'), tone('naive')], { symbolType: 'circle' }),
  }
  const [best] = sorted
  return {
    name,
    title,
    summary: `From the least: ${sorted.map((row) => `${row.name} ${row.mean.toPrecision(4)}`).join(', ')}.${best?.isNaive === true ? ' A naive forecast is best.' : ''}`,
    height: ROW * rows.length + 10,
    spec: {
      layer: [
        {
          data: {
            values: rows.flatMap((row) =>
              (row.seeds.length > 1 ? row.seeds : []).map((error) => ({ name: row.name, error, kind: kindOf(row) })),
            ),
          },
          mark: { type: 'point', filled: false, size: 70, strokeWidth: 1.5, opacity: 0.8 },
          encoding: {
            x,
            y,
            color,
            tooltip: [
              { field: 'name', title: 'forecast' },
              { field: 'error', title: `${quantity}, one seed`, format: '.4~g' },
            ],
          },
        },
        {
          data: { values: rows.map((row) => ({ name: row.name, error: row.mean, kind: kindOf(row) })) },
          mark: { type: 'point', filled: true, size: 80, opacity: 1 },
          encoding: {
            x,
            y,
            color,
            tooltip: [
              { field: 'name', title: 'forecast' },
              { field: 'error', title: quantity, format: '.4~g' },
            ],
          },
        },
      ],
    },
  }
}

/** How far another forecast is from the chosen one, with the interval in which the true difference is likely. */
export interface RangeRow {
  readonly name: string
  readonly value: number
  readonly lower: number
  readonly upper: number
  readonly isClear: boolean
}

/** Differences with their intervals, and a line at 0. */
export function rangeChart(rows: readonly RangeRow[], { name, title, quantity }: StripOptions): Chart {
  const kinds = ['larger than its noise', 'may be noise'] as const
  const values = rows.map((row) => ({ ...row, kind: kinds[row.isClear ? 0 : 1] }))
  const y = {
    field: 'name',
    type: 'nominal',
    sort: null,
    axis: { title: null, ticks: false, domain: false, labelColor: tone('ink'), labelLimit: 170 },
  }
  const axis = { title: quantity, grid: true, tickCount: { expr: 'max(3, floor(width / 80))' } }
  const color = {
    field: 'kind',
    type: 'nominal',
    ...legend([...kinds], [tone('model'), tone('soft')], { symbolType: 'circle' }),
  }
  const tooltip = [
    { field: 'name', title: 'compared with' },
    { field: 'value', title: 'difference', format: '.3~g' },
    { field: 'lower', title: 'from', format: '.3~g' },
    { field: 'upper', title: 'to', format: '.3~g' },
  ]
  return {
    name,
    title,
    summary: values
      .map(
        (row) =>
          `${row.name}: ${row.value.toPrecision(3)}, from ${row.lower.toPrecision(3)} to ${row.upper.toPrecision(3)}, ${row.kind}.`,
      )
      .join(' '),
    height: ROW * rows.length + 10,
    spec: {
      data: { values },
      layer: [
        {
          data: { values: [{ none: 0 }] },
          mark: { type: 'rule', color: tone('ink'), strokeWidth: 1.5, strokeDash: [4, 3] },
          encoding: { x: { field: 'none', ...valueY(quantity), axis } },
        },
        {
          mark: { type: 'rule', strokeWidth: 2.5 },
          encoding: { x: { field: 'lower', ...valueY(quantity), axis }, x2: { field: 'upper' }, y, color, tooltip },
        },
        {
          mark: { type: 'point', filled: true, size: 80, opacity: 1 },
          encoding: { x: { field: 'value', ...valueY(quantity), axis }, y, color, tooltip },
        },
      ],
    },
  }
}
