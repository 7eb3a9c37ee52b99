import type { Comparison } from '../../comparison.ts'
import { html } from '../html.ts'
import type { Section } from '../section.ts'
import { table } from '../table.ts'

/** The settings of the comparison itself, with what they were made. */
export function comparedRepeatSection(comparison: Comparison): Section {
  const { about, compare, data, created } = comparison
  const budget = [
    ...(compare.steps === null ? [] : [`${compare.steps.toLocaleString('en-US')} steps`]),
    ...(compare.seconds === null ? [] : [`${compare.seconds} s`]),
  ]
  return {
    id: 'repeat',
    title: 'How to repeat it',
    parts: [
      html`<p>The folder of the comparison has each training as a run of its own, with its settings. With the same data, versions and number of threads, on the CPU, each is the same to the last bit; times differ.</p>`,
      table(
        ['What', 'Value'],
        [
          ['networks', compare.models.join(', ')],
          ['hidden sizes', compare.hiddenSizes.join(', ')],
          ['seeds', compare.seeds > 1 ? `0 to ${compare.seeds - 1}` : '0'],
          ['learning rates that were tried', compare.lrs.join(', ')],
          ['budget of a training', budget.join(', ') || 'none'],
          ['compared by', compare.by],
          ['libtorch-rnn', about['libtorch-rnn']],
          ['LibTorch', about.libtorch],
          ['Node.js', about.node],
          ['machine', about.platform],
          ['data', data.path],
          ['SHA-256 of the data', about.dataSha256 ?? 'unknown: several files'],
          ['ended', created],
        ],
        { caption: 'The comparison and its versions', words: 2 },
      ),
      html`<details><summary>The settings of all trainings as JSON</summary><pre tabindex="0"><code>${JSON.stringify(comparison.settings, null, 2)}</code></pre></details>`,
    ],
  }
}
