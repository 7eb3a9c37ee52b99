import type { TopLevelSpec } from 'vega-lite'
import { render } from '../support/chart.ts'

/** One point per run, the mean of each value, and the error of a forecast without a network. */
export function plotQuestion(
  title: string,
  naive: number,
  results: readonly { label: string; seed: number; error: number }[],
  labels: readonly string[],
): Promise<string> {
  const x = {
    field: 'label',
    type: 'nominal',
    title: null,
    sort: labels,
    axis: { labelAngle: 0, grid: false },
  } as const
  const y = {
    field: 'error',
    type: 'quantitative',
    title: 'Mean absolute error (°C)',
    scale: { zero: false, nice: true },
    axis: { tickCount: 5, grid: true },
  } as const
  return render({
    title: {
      text: title,
      subtitle: [
        'Mean error of three days of highs in 2015. Points are runs from different seeds, bars their mean;',
        `dashed is the error of the last value again, ${naive.toFixed(2)} °C.`,
      ],
    },
    data: { values: results },
    width: Math.max(360, 100 * labels.length),
    height: 220,
    layer: [
      {
        mark: { type: 'rule', color: '#999', strokeDash: [4, 3] },
        encoding: { y: { ...y, field: undefined, datum: naive } },
      },
      {
        mark: { type: 'tick', thickness: 2, size: 46, color: '#2f9e6e' },
        encoding: { x, y: { ...y, aggregate: 'mean' } },
      },
      // Side by side, so that no point hides another.
      {
        mark: { type: 'point', filled: true, size: 52, opacity: 0.75, color: '#2a78b5' },
        encoding: { x, y, xOffset: { field: 'seed', type: 'ordinal' } },
      },
    ],
  } as TopLevelSpec)
}

/** The loss on both parts, a line for each run. */
export function plotEpochs(
  curves: readonly { epoch: number; seed: number; part: string; loss: number }[],
): Promise<string> {
  return render({
    title: {
      text: 'Epochs: too few, enough, too many',
      subtitle: 'A network of 64 units. The loss on its own data goes on falling; that on others does not.',
    },
    data: { values: curves },
    width: 460,
    height: 240,
    mark: { type: 'line', strokeWidth: 1.6 },
    encoding: {
      x: {
        field: 'epoch',
        type: 'quantitative',
        title: 'Epoch',
        scale: { domainMin: 1, nice: false },
        axis: { grid: false, tickMinStep: 1 },
      },
      y: { field: 'loss', type: 'quantitative', title: 'Mean squared error, scaled', scale: { zero: false } },
      detail: { field: 'seed' },
      color: {
        field: 'part',
        type: 'nominal',
        title: null,
        scale: { domain: ['training', 'held out'], range: ['#2a78b5', '#e4632d'] },
      },
    },
  } as TopLevelSpec)
}
