import type { Chart } from '../chart.ts'
import { lineTones } from '../palette.ts'
import { countAxis, legend, valueY } from './axes.ts'

/** Errors of one forecaster at each step of the horizon, from the first. */
export interface StepLine {
  readonly name: string
  readonly errors: readonly number[]
  readonly isNaive: boolean
}

export interface ByStepOptions {
  readonly name: string
  readonly title: string
  /** The title of the y axis, such as `MAE of temp_max`. */
  readonly quantity: string
}

/** How errors grow with the steps ahead. The naive forecasts are dashed. */
export function byStepChart(lines: readonly StepLine[], { name, title, quantity }: ByStepOptions): Chart {
  const own = lines.filter(({ isNaive }) => !isNaive)
  const values = lines.flatMap(({ name, errors, isNaive }) =>
    errors.flatMap((error, i) => (Number.isFinite(error) ? [{ step: i + 1, error, line: name, naive: isNaive }] : [])),
  )
  const horizon = Math.max(...lines.map(({ errors }) => errors.length))
  const color = {
    field: 'line',
    type: 'nominal',
    ...legend(
      lines.map((line) => line.name),
      lineTones(lines),
    ),
  }
  const x = {
    field: 'step',
    type: 'quantitative',
    scale: { domain: [1, Math.max(2, horizon)], nice: false, zero: false },
    axis: countAxis('Steps ahead'),
  }
  const y = { field: 'error', ...valueY(quantity, { zero: true }) }
  const [best] = own
  const end = best?.errors.at(-1)
  return {
    name,
    title,
    summary:
      best === undefined || end === undefined
        ? quantity
        : `${best.name}: ${quantity} from ${shown(best.errors[0])} at the first step to ${shown(end)} at step ${horizon}.`,
    spec: {
      data: { values },
      layer: [
        {
          mark: { type: 'line', strokeWidth: 2 },
          encoding: {
            x,
            y,
            color,
            strokeDash: {
              field: 'naive',
              type: 'nominal',
              scale: {
                domain: [false, true],
                range: [
                  [1, 0],
                  [4, 3],
                ],
              },
              legend: null,
            },
          },
        },
        {
          mark: { type: 'point', filled: true, size: horizon > 40 ? 12 : 45, opacity: 1 },
          encoding: {
            x,
            y,
            color,
            tooltip: [
              { field: 'line', title: 'forecast' },
              { field: 'step', title: 'steps ahead' },
              { field: 'error', title: quantity, format: '.4~g' },
            ],
          },
        },
      ],
    },
  }
}

const shown = (value: number | undefined): string => (value === undefined ? '-' : value.toPrecision(3))
