import type { TopLevelSpec } from 'vega-lite'
import { modelColors, render } from '../support/chart.ts'
import { BASELINE, LEARNED, type Trained } from './task.ts'

/** Plots how the error of each network falls, one panel per length. */
export function plotLearning(trained: readonly Trained[], updates: number): Promise<string> {
  const lengths = [...new Set(trained.map(({ length }) => length))]
  const title = (length: number): string => `T = ${length}`
  const points = trained.flatMap(({ model, length, seed, curve }) =>
    curve.map((point) => ({ model, length: title(length), seed, ...point })),
  )
  const [first] = points as [(typeof points)[number]]
  const x = {
    field: 'update',
    type: 'quantitative',
    title: 'Updates',
    scale: { domain: [0, updates], nice: false },
    axis: { grid: false, tickCount: 4 },
  } as const
  const y = {
    field: 'error',
    type: 'quantitative',
    title: 'Mean squared error, held out',
    scale: { type: 'log', domain: [0.002, 1.2], nice: false },
    axis: { values: [0.01, 0.1, 1], format: '~g' },
  } as const
  const level = (error: number, text: string, dy: number): object[] => [
    {
      transform: [{ calculate: `${error}`, as: 'level' }],
      mark: { type: 'rule', color: '#aaa', strokeDash: [2, 3] },
      encoding: { y: { ...y, field: 'level' } },
    },
    {
      // Only once, in the first panel.
      transform: [
        { filter: `datum.length === '${first.length}' && datum.model === '${first.model}'` },
        { filter: `datum.seed === ${first.seed} && datum.update === 0` },
        { calculate: `${error}`, as: 'level' },
        { calculate: `${updates}`, as: 'end' },
      ],
      mark: { type: 'text', align: 'right', dy, fontSize: 11, color: '#777', text },
      encoding: { x: { ...x, field: 'end' }, y: { ...y, field: 'level' } },
    },
  ]
  return render({
    title: {
      text: 'The adding problem',
      subtitle: [
        'Add the two marked numbers among T, and answer at the end. A network that forgets the first can only answer 1.',
        'One line per run; a line that ends early has learned the task. Hochreiter and Schmidhuber, 1997.',
      ],
    },
    data: { values: points },
    facet: { column: { field: 'length', type: 'nominal', title: null, sort: lengths.map(title) } },
    spacing: 26,
    spec: {
      width: 270,
      height: 230,
      layer: [
        ...level(BASELINE, 'always answering 1', -28),
        ...level(LEARNED, 'learned', -10),
        {
          mark: { type: 'line', strokeWidth: 1.6, clip: true },
          encoding: {
            x,
            y,
            detail: { field: 'seed' },
            color: { field: 'model', type: 'nominal', scale: modelColors(), title: null },
          },
        },
      ],
    },
  } as TopLevelSpec)
}
