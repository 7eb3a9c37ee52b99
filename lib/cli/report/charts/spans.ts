import type { Chart } from '../chart.ts'
import { tone } from '../palette.ts'
import { fits, timeX } from './axes.ts'
import type { Span } from './series.ts'

/** The parts of data in time, without their values. */
export function spansChart(
  parts: readonly Span[],
  gaps: readonly Span[],
  { name, title, summary }: Pick<Chart, 'name' | 'title' | 'summary'>,
): Chart {
  const xOf = (field: string): object => ({ ...timeX, field })
  const shades: Readonly<Record<string, number>> = { training: 0.12, validation: 0.3, test: 0.55 }
  return {
    name,
    title,
    summary,
    height: 48,
    spec: {
      layer: [
        {
          data: { values: parts.map((part) => ({ ...part, opacity: shades[part.name] ?? 0.1 })) },
          mark: { type: 'rect', color: tone('model') },
          encoding: {
            x: xOf('from'),
            x2: { field: 'to' },
            opacity: { field: 'opacity', type: 'quantitative', scale: null, legend: null },
            tooltip: [{ field: 'name', title: 'part' }],
          },
        },
        {
          data: { values: gaps },
          mark: { type: 'rect', color: tone('bad'), stroke: tone('bad'), strokeWidth: 1 },
          encoding: { x: xOf('from'), x2: { field: 'to' } },
        },
        {
          data: { values: parts },
          mark: { type: 'text', align: 'left', baseline: 'top', dx: 5, dy: 5, color: tone('ink'), opacity: fits },
          encoding: { x: xOf('from'), y: { value: 0 }, text: { field: 'name', type: 'nominal' } },
        },
      ],
    },
  }
}
