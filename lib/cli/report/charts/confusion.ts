import type { Chart } from '../chart.ts'
import { tone } from '../palette.ts'

/** How often each class was taken for each: the darker, the larger a share of its class. */
export function confusionChart(labels: readonly string[], counts: readonly (readonly number[])[]): Chart {
  const totals = counts.map((row) => row.reduce((sum, count) => sum + count, 0))
  const values = counts.flatMap((row, i) =>
    row.map((count, j) => ({
      actual: labels[i],
      taken: labels[j],
      count,
      share: count / Math.max(1, totals[i] as number),
    })),
  )
  const right = counts.reduce((sum, row, i) => sum + (row[i] ?? 0), 0)
  const all = totals.reduce((sum, total) => sum + total, 0)
  const axis = { labelColor: tone('ink'), labelLimit: 120, ticks: false, domain: false }
  const x = {
    field: 'taken',
    type: 'nominal',
    sort: null,
    axis: { ...axis, title: 'Taken for', labelAngle: labels.length > 6 ? -45 : 0 },
  }
  const y = { field: 'actual', type: 'nominal', sort: null, axis: { ...axis, title: 'Class' } }
  return {
    name: 'confusion',
    title: 'Which class was taken for which',
    summary: `${right} of ${all} are on the diagonal, where they belong.`,
    height: Math.min(560, Math.max(120, 40 * labels.length)),
    spec: {
      data: { values },
      layer: [
        {
          mark: { type: 'rect', color: tone('model') },
          encoding: {
            x,
            y,
            // Pale enough for the numbers on it.
            opacity: { field: 'share', type: 'quantitative', scale: { domain: [0, 1], range: [0, 0.5] }, legend: null },
            tooltip: [
              { field: 'actual', title: 'class' },
              { field: 'taken', title: 'taken for' },
              { field: 'count', title: 'how often' },
              { field: 'share', title: 'of its class', format: '.1%' },
            ],
          },
        },
        ...(labels.length > 25
          ? []
          : [
              {
                mark: { type: 'text', color: tone('ink'), fontSize: 12 },
                encoding: { x, y, text: { field: 'count', type: 'quantitative' } },
              },
            ]),
      ],
    },
  }
}
