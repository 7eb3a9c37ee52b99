import { type Html, html } from '../html.ts'
import type { RunFolder } from '../run-folder.ts'
import type { Section } from '../section.ts'
import { table } from '../table.ts'

/** How to train the same model again. */
export function repeatSection({ config: { about, settings }, configText, folder }: RunFolder, data: string): Section {
  const rows: [string, string | Html][] = [
    ['libtorch-rnn', about?.['libtorch-rnn'] ?? 'unknown'],
    ['LibTorch', about?.libtorch ?? 'unknown'],
    ['Node.js', about?.node ?? 'unknown'],
    ['machine', about?.platform ?? 'unknown'],
    ['device', `${settings.device ?? 'cpu'}, ${settings.threads ?? 'unknown'} threads`],
    ['seed', String(settings.seed ?? 0)],
    ['data', html`<code>${data}</code>`],
    ['SHA-256 of the data', html`<code>${about?.dataSha256 ?? 'unknown: several files'}</code>`],
  ]
  return {
    id: 'repeat',
    title: 'How to repeat it',
    parts: [
      html`<p>With the same data, versions and number of threads, on the CPU, the model is the same to the last bit:</p>
<pre><code>npm install libtorch-rnn@${about?.['libtorch-rnn'] ?? ''}
npx libtorch-rnn install
npx libtorch-rnn train --config ${folder}/run.json --out ${folder}-again</code></pre>`,
      table(['What', 'Value'], rows, { caption: 'Versions and data', words: 2 }),
      html`<details><summary>run.json</summary><pre tabindex="0"><code>${configText.trimEnd()}</code></pre></details>`,
    ],
  }
}
