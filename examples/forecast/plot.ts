import type { TopLevelSpec } from 'vega-lite'
import { modelColors, render } from '../support/chart.ts'
import type { Series } from './series.ts'
import type { Forecasts, Task } from './task.ts'
import type { Trained } from './train.ts'

/** How many steps of the held-out part to show: all months, but only one season of days. */
function shownSteps({ id, horizon }: Series): number {
  return id === 'seattle' ? 17 * horizon : Number.POSITIVE_INFINITY
}

/**
 * Plots the observed values, and each network's forecasts from every horizon-th origin, made without seeing any of
 * them, with their intervals and the best naive forecast.
 */
export function plotForecasts(task: Task, trained: readonly Trained[]): Promise<string> {
  const { series, testPart } = task
  const { origins, actual, strongest } = testPart
  const { dates, values, horizon } = series
  const count = Math.min(Math.floor(origins.length / horizon), Math.floor(shownSteps(series) / horizon))
  const first =
    series.id === 'seattle' ? Math.floor((origins.length - count * horizon) / 2) : (origins.length - 1) % horizon
  const starts = Array.from({ length: count }, (_, i) => first + i * horizon).filter((i) => i < origins.length)
  const at = (i: number, h: number): string => (dates[(origins[i] as number) + h + 1] as Date).toISOString()
  const known = (i: number): { date: string; value: number } => ({
    date: (dates[origins[i] as number] as Date).toISOString(),
    value: values[origins[i] as number] as number,
  })
  const observed = [
    ...starts.slice(0, 1).map(known),
    ...starts.flatMap((i) => (actual[i] as number[]).map((value, h) => ({ date: at(i, h), value }))),
  ]
  // Each forecast starts at the last known value.
  const pointsOf = (rows: Forecasts): { origin: number; date: string; value: number; h: number }[] =>
    starts.flatMap((i) => [
      { origin: i, ...known(i), h: -1 },
      ...(rows[i] as number[]).map((value, h) => ({ origin: i, date: at(i, h), value, h })),
    ])
  const forecasts = trained.flatMap(({ name, forecasts: rows, ranges }) =>
    pointsOf(rows).map(({ h, value, ...point }) => {
      const [low, high] = ranges[h] ?? [0, 0]
      return { ...point, model: name, value, low: value + low, high: value + high }
    }),
  )
  const panels = trained.map(({ name }) => name)
  const data = [
    ...panels.flatMap((model) => observed.map((point) => ({ ...point, model, kind: 'observed', origin: -1 }))),
    ...panels.flatMap((model) => pointsOf(strongest.forecasts).map((point) => ({ ...point, model, kind: 'naive' }))),
    ...forecasts.map((point) => ({ ...point, kind: 'forecast' })),
  ]
  const x = { field: 'date', type: 'temporal', title: null, axis: { grid: false } } as const
  const y = { field: 'value', type: 'quantitative', title: series.quantity, scale: { zero: false } } as const
  return render({
    title: {
      text: `${series.title}: ${horizon} ${series.step}s ahead`,
      subtitle: [
        `Gray: what was measured. Color: forecasts, one from every ${horizon}th ${series.step}, made without having seen any of it.`,
        `Bands: wide enough for four fifths of the values of the validation part. Dots: ${strongest.name}, the best forecast without a network.`,
        `Data: ${series.source}`,
      ],
    },
    data: { values: data },
    facet: { row: { field: 'model', type: 'nominal', title: null, sort: panels } },
    spacing: 18,
    spec: {
      width: 820,
      height: 150,
      layer: [
        {
          transform: [{ filter: "datum.kind === 'observed'" }],
          mark: { type: 'line', color: '#9a9a9a', strokeWidth: 1.6 },
          encoding: { x, y },
        },
        {
          transform: [{ filter: "datum.kind === 'forecast'" }],
          mark: { type: 'area', opacity: 0.18 },
          encoding: {
            x,
            y: { ...y, field: 'low' },
            y2: { field: 'high' },
            detail: { field: 'origin', type: 'nominal' },
            color: { field: 'model', type: 'nominal', scale: modelColors(), legend: null },
          },
        },
        {
          transform: [{ filter: "datum.kind === 'naive'" }],
          mark: { type: 'line', color: '#444', strokeWidth: 1, strokeDash: [1, 2] },
          encoding: { x, y, detail: { field: 'origin', type: 'nominal' } },
        },
        {
          transform: [{ filter: "datum.kind === 'forecast'" }],
          mark: { type: 'line', strokeWidth: 1.8, opacity: 0.95 },
          encoding: {
            x,
            y,
            detail: { field: 'origin', type: 'nominal' },
            color: { field: 'model', type: 'nominal', scale: modelColors(), legend: null },
          },
        },
      ],
    },
  } as TopLevelSpec)
}

/** Training and validation loss of all networks. */
export function plotLosses(task: Task, trained: readonly Trained[]): Promise<string> {
  const data = trained.flatMap(({ name, history }) =>
    history.epochs.flatMap(({ epoch, trainLoss, validationLoss }) => [
      { model: name, epoch, loss: trainLoss, part: 'training' },
      { model: name, epoch, loss: validationLoss, part: 'validation' },
    ]),
  )
  const best = trained.flatMap(({ name, history }) =>
    history.best ? [{ model: name, epoch: history.best.epoch, loss: history.best.validationLoss }] : [],
  )
  const x = { field: 'epoch', type: 'quantitative', title: 'Epoch', axis: { grid: false, tickMinStep: 1 } } as const
  const y = {
    field: 'loss',
    type: 'quantitative',
    title: 'Mean squared error (scaled)',
    scale: { type: 'log', nice: false },
    axis: { tickCount: 5, format: '~g' },
  } as const
  const color = { field: 'model', type: 'nominal', scale: modelColors(), title: null } as const
  return render({
    title: {
      text: `${task.series.title}: learning`,
      subtitle: 'A dot marks the epoch whose weights made the forecasts: the best on the validation part.',
    },
    width: 640,
    height: 300,
    layer: [
      {
        data: { values: data },
        mark: { type: 'line', strokeWidth: 2 },
        encoding: {
          x,
          y,
          color,
          strokeDash: {
            field: 'part',
            type: 'nominal',
            title: null,
            sort: ['validation', 'training'],
            scale: {
              domain: ['validation', 'training'],
              range: [
                [1, 0],
                [2, 3],
              ],
            },
          },
        },
      },
      {
        data: { values: best },
        mark: { type: 'point', filled: true, size: 70, opacity: 1 },
        encoding: { x, y, color },
      },
    ],
  } as TopLevelSpec)
}
