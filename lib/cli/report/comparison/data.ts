import type { Comparison } from '../../comparison.ts'
import { spansChart } from '../charts/spans.ts'
import { html } from '../html.ts'
import type { Section } from '../section.ts'
import { counted } from '../sections/head.ts'
import { table } from '../table.ts'

const MOST_GAPS = 12

/** What the data are, and how they are cut in time. */
export function comparedDataSection({ data }: Comparison): Section {
  const { path, rows, frequency, groups, inputs, from, to, gaps, parts } = data
  const named = parts.map((part) => ({ ...part, name: part.name === 'train' ? 'training' : part.name }))
  const spans = named.map((part, i) => ({
    name: part.name,
    from: Date.parse(i === 0 ? from : part.from),
    to: Date.parse(named[i + 1]?.from ?? to),
  }))
  const holes = gaps.map(({ after, before }) => ({ name: 'absent', from: Date.parse(after), to: Date.parse(before) }))
  return {
    id: 'data',
    title: 'The data',
    parts: [
      html`<p><code>${path}</code> has ${counted(rows, 'row')}${frequency !== null && `, one for each ${frequency}`}${groups.length > 0 && `, in ${groups.length} series`}. The networks read ${inputs.join(', ')}.</p>`,
      {
        chart: spansChart(spans, holes, {
          name: 'data',
          title: 'The parts in time',
          summary: named.map((part) => `${part.name}: ${part.from} to ${part.to}.`).join(' '),
        }),
        caption: html`<p>The networks learn from the first part; by the second an epoch and a learning rate are chosen; the third is for the errors of this page.${gaps.length > 0 && ' Where steps are absent, the ground is red.'}</p>`,
      },
      table(
        ['Part', 'Forecasts from', 'to', 'Windows'],
        named.map((part) => [part.name, part.from, part.to, part.windows.toLocaleString('en-US')]),
        { caption: 'The parts of the data', words: 3 },
      ),
      ...(gaps.length > 0
        ? [
            html`<details><summary>${counted(gaps.length, 'gap')}</summary>${table(
              ['After', 'Before'],
              gaps.slice(0, MOST_GAPS).map(({ after, before }) => [after, before]),
              { caption: 'Where steps are absent', words: 2 },
            )}</details>`,
          ]
        : []),
    ],
  }
}
