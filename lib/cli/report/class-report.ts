import { naiveTitle } from '../measure.ts'
import { numberText } from '../output.ts'
import type { Settings } from '../settings.ts'
import { confusionChart } from './charts/confusion.ts'
import { footOf } from './foot.ts'
import { networkName } from './forecast-run.ts'
import { type Html, html } from './html.ts'
import type { Report } from './page.ts'
import type { RunFolder } from './run-folder.ts'
import type { Section } from './section.ts'
import { cards, counted, percent } from './sections/head.ts'
import { learningSection } from './sections/learning.ts'
import { repeatSection } from './sections/repeat.ts'
import { settingsSection } from './sections/settings.ts'
import { table } from './table.ts'

/** The report of a run that tells the classes of sequences, from what the training has measured. */
export function classReport(run: RunFolder, data: string): Report {
  const settings = run.config.settings as Settings & { readonly label?: string }
  const own = networkName(settings.model)
  return {
    title: settings.label === undefined ? 'Classes of sequences' : `Classes of sequences by ${settings.label}`,
    head: head(run, own),
    sections: [
      classesSection(run, own),
      learningSection(run, own),
      settingsSection(run.config.settings),
      repeatSection(run, data),
    ],
    foot: footOf(run.config.about?.['libtorch-rnn']),
  }
}

function head({ result, config }: RunFolder, own: string): Html {
  const { errors, naive, part, classes = [] } = result
  const settings = config.settings as Settings
  const [metric] = Object.keys(errors ?? {}).filter((name) => name !== 'loss')
  const [method, others] = Object.entries(naive)[0] ?? []
  const [mine, other] = [errors?.[metric ?? ''], others?.[metric ?? '']]
  const verdict =
    metric === undefined || mine === undefined
      ? html`<p class="verdict">No part of the data was held out, so nothing can be said about its scores: train with <code>--test</code>.</p>`
      : other === undefined
        ? html`<p class="verdict">Its ${metric} on the ${part} part is ${numberText(mine)}.</p>`
        : mine > other
          ? html`<p class="verdict good">Its ${metric} on the ${part} part is ${numberText(mine)}; that of always taking the ${method === 'mostFrequent' ? 'most frequent class' : naiveTitle(method ?? '')} is ${numberText(other)}.</p>`
          : html`<p class="verdict bad">It is not worth its training: its ${metric} of ${numberText(mine)} on the ${part} part is no better than ${numberText(other)}, that of always taking the most frequent class.</p>`
  return html`<p class="lead">Tell ${counted(classes.length, 'class').replace('classs', 'classes')} of sequences apart, by a ${own} with ${counted(settings.hiddenSize, 'unit')}.</p>
${verdict}
${cards([
  ...Object.entries(errors ?? {})
    .filter(([name]) => name !== 'loss')
    .slice(0, 2)
    .map(([name, value]) => ({ label: `${name}, ${part} part`, value: numberText(value) })),
  {
    label: 'Sequences',
    value: String(classes.reduce((sum, one) => sum + one.sequences, 0)),
    note: `of the ${part} part`,
  },
  {
    label: 'Training',
    value: `${result.seconds.toFixed(1)} s`,
    note: `${counted(result.epochs, 'epoch')}, ${counted(result.parameters, 'parameter')}`,
  },
])}`
}

function classesSection({ result }: RunFolder, own: string): Section {
  const { errors, naive, part, classes, confusion } = result
  const title = 'Classes'
  if (errors === null) return { id: 'classes', title, parts: [html`<p>No part of the data was held out.</p>`] }
  const names = Object.keys(errors).filter((name) => name !== 'loss')
  return {
    id: 'classes',
    title,
    parts: [
      html`<p>On the ${part} part, which the network has not seen.</p>`,
      table(
        ['Who', ...names],
        [
          [own, ...names.map((name) => numberText(errors[name] ?? Number.NaN))],
          ...Object.entries(naive).map(([method, values]) => [
            method === 'mostFrequent' ? 'the most frequent class' : naiveTitle(method),
            ...names.map((name) => numberText(values[name] ?? Number.NaN)),
          ]),
        ],
        { caption: 'Scores of the model, and of taking no notice of the sequences' },
      ),
      ...(classes === undefined || confusion === undefined
        ? []
        : [
            {
              chart: confusionChart(
                classes.map(({ label }) => label),
                confusion,
              ),
              caption: html`<p>Rows are what the sequences are, columns what they were taken for. The stronger the colour, the larger a share of its class.</p>`,
            },
            table(
              ['Class', 'Sequences', 'Precision', 'Recall', 'F1'],
              classes.map(({ label, sequences, precision, recall, f1 }) => [
                label,
                sequences.toLocaleString('en-US'),
                percent(precision),
                percent(recall),
                numberText(f1),
              ]),
              { caption: 'Scores of each class' },
            ),
          ]),
    ],
  }
}
