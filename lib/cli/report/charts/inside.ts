import type { Chart } from '../chart.ts'
import { seriesTone, tone } from '../palette.ts'
import { countAxis, legend, positiveY, valueY } from './axes.ts'

/** One quantity of a network at each step: over its units the mean and the quartiles. */
export interface GateLine {
  readonly name: string
  readonly mean: readonly number[]
  readonly lower: readonly number[]
  readonly upper: readonly number[]
}

export interface GateOptions {
  readonly name: string
  readonly title: string
  readonly quantity: string
}

/** What gates or states do over the steps of one example, which are counted back from the forecast. */
export function gateChart(lines: readonly GateLine[], { name, title, quantity }: GateOptions): Chart {
  const values = lines.flatMap(({ name, mean, lower, upper }) =>
    mean.map((value, i) => ({ step: i + 1 - mean.length, mean: value, lower: lower[i], upper: upper[i], line: name })),
  )
  const length = lines[0]?.mean.length ?? 1
  const x = {
    field: 'step',
    type: 'quantitative',
    scale: { domain: [Math.min(1 - length, -1), 0], nice: false, zero: false },
    axis: countAxis('Steps before the forecast'),
  }
  const color = {
    field: 'line',
    type: 'nominal',
    ...legend(
      lines.map((line) => line.name),
      lines.map((_, i) => seriesTone(i)),
    ),
  }
  const y = (field: string): object => ({ field, ...valueY(quantity) })
  return {
    name,
    title,
    summary: lines
      .map((line) => `${line.name}: from ${line.mean[0]?.toFixed(2)} to ${line.mean.at(-1)?.toFixed(2)} on average.`)
      .join(' '),
    height: 220,
    spec: {
      data: { values },
      layer: [
        { mark: { type: 'area', opacity: 0.15 }, encoding: { x, y: y('lower'), y2: { field: 'upper' }, color } },
        { mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y: y('mean'), color } },
        {
          mark: { type: 'point', size: 60, filled: true, opacity: 0 },
          encoding: {
            x,
            y: y('mean'),
            color,
            tooltip: [
              { field: 'line', title: 'gate or state' },
              { field: 'step', title: 'step' },
              { field: 'mean', title: 'mean of units', format: '.3f' },
              { field: 'lower', title: 'lower quartile', format: '.3f' },
              { field: 'upper', title: 'upper quartile', format: '.3f' },
            ],
          },
        },
      ],
    },
  }
}

/** How much a loss depends on the states at each step. */
export interface FlowLine {
  readonly name: string
  readonly norms: readonly number[]
}

/** The norm of the gradient of a loss with respect to the states, by steps before the forecast. */
export function flowChart(lines: readonly FlowLine[], { name, title }: { name: string; title: string }): Chart {
  const values = lines.flatMap(({ name, norms }) =>
    norms.flatMap((norm, i) => (norm > 0 ? [{ step: i + 1 - norms.length, norm, line: name }] : [])),
  )
  const length = lines[0]?.norms.length ?? 1
  const quantity = 'Norm of the gradient'
  const encoding = {
    x: {
      field: 'step',
      type: 'quantitative',
      scale: { domain: [Math.min(1 - length, -1), 0], nice: false, zero: false },
      axis: countAxis('Steps before the forecast'),
    },
    y: {
      field: 'norm',
      ...positiveY(
        quantity,
        values.map(({ norm }) => norm),
      ),
    },
    color: {
      field: 'line',
      type: 'nominal',
      ...legend(
        lines.map((line) => line.name),
        lines.map((_, i) => (lines.length === 1 ? tone('model') : seriesTone(i))),
      ),
    },
  }
  return {
    name,
    title,
    summary: lines
      .map(
        ({ name, norms }) =>
          `${name}: ${norms[0]?.toPrecision(2)} at the first step, ${norms.at(-1)?.toPrecision(2)} at the last.`,
      )
      .join(' '),
    height: 220,
    spec: {
      data: { values },
      layer: [
        { mark: { type: 'line', strokeWidth: 2 }, encoding },
        {
          mark: { type: 'point', size: 60, filled: true, opacity: 0 },
          encoding: {
            ...encoding,
            tooltip: [
              { field: 'line', title: 'state' },
              { field: 'step', title: 'step' },
              { field: 'norm', title: quantity, format: '.3~g' },
            ],
          },
        },
      ],
    },
  }
}

/** How contributions are spread over the steps before a forecast. */
export function shareChart(
  shares: readonly number[],
  { name, title, quantity, summary }: GateOptions & { readonly summary: string },
): Chart {
  const values = shares.map((share, i) => ({ step: i + 1 - shares.length, share }))
  const x = {
    field: 'step',
    type: 'quantitative',
    scale: { domain: [0.5 - shares.length, 0.5], nice: false, zero: false },
    axis: countAxis('Steps before the forecast'),
  }
  const y = { field: 'share', ...valueY(quantity, { zero: true }), axis: { title: quantity, format: '.0%' } }
  return {
    name,
    title,
    summary,
    height: 180,
    spec: {
      data: { values: values.map((value) => ({ ...value, none: 0 })) },
      mark: { type: 'rule', strokeWidth: shares.length > 60 ? 2 : 6, color: tone('model') },
      encoding: {
        x,
        y,
        y2: { field: 'none' },
        tooltip: [
          { field: 'step', title: 'step' },
          { field: 'share', title: quantity, format: '.1%' },
        ],
      },
    },
  }
}
