import { generateStream, type RecurrentModel } from '../../models/index.ts'
import { numberText } from '../output.ts'
import type { Settings } from '../settings.ts'
import { footOf } from './foot.ts'
import { networkName } from './forecast-run.ts'
import { type Html, html } from './html.ts'
import type { Report } from './page.ts'
import type { RunFolder } from './run-folder.ts'
import type { Section } from './section.ts'
import { cards, counted } from './sections/head.ts'
import { learningSection } from './sections/learning.ts'
import { repeatSection } from './sections/repeat.ts'
import { settingsSection } from './sections/settings.ts'
import { table } from './table.ts'

/** How much a model writes, and how boldly. */
const WRITTEN = { steps: 400, temperatures: [0.5, 1] } as const

/** The report of a run that goes on with texts. */
export async function textReport(run: RunFolder, model: RecurrentModel, data: string): Promise<Report> {
  const settings = run.config.settings as Settings
  const own = networkName(settings.model)
  return {
    title: `A model of the text ${data.split(/[\\/]/).at(-1)}`,
    head: head(run, own, model),
    sections: [
      scoresSection(run, own),
      await writtenSection(model),
      learningSection(run, own),
      settingsSection(run.config.settings),
      repeatSection(run, data),
    ],
    foot: footOf(run.config.about?.['libtorch-rnn']),
  }
}

const NAMES: Readonly<Record<string, string>> = {
  bpc: 'bits per token',
  accuracy: 'accuracy',
  perplexity: 'perplexity',
}

function head({ result, config }: RunFolder, own: string, { vocabulary }: RecurrentModel): Html {
  const settings = config.settings as Settings
  const unit = settings.level === 'word' ? 'word' : 'character'
  return html`<p class="lead">Go on with a text, ${unit} by ${unit}, by a ${own} with ${counted(settings.hiddenSize, 'unit')}.</p>
${cards([
  ...Object.entries(result.errors ?? {})
    .filter(([name]) => name !== 'loss')
    .map(([name, value]) => ({ label: `${NAMES[name] ?? name}, ${result.part} part`, value: numberText(value) })),
  { label: 'Vocabulary', value: (vocabulary?.size ?? 0).toLocaleString('en-US'), note: `${unit}s` },
  {
    label: 'Training',
    value: `${result.seconds.toFixed(1)} s`,
    note: `${counted(result.epochs, 'epoch')}, ${counted(result.parameters, 'parameter')}`,
  },
])}`
}

function scoresSection({ result: { errors, part } }: RunFolder, own: string): Section {
  if (errors === null)
    return { id: 'scores', title: 'How well it predicts', parts: [html`<p>No part of the text was held out.</p>`] }
  const names = Object.keys(errors)
  return {
    id: 'scores',
    title: 'How well it predicts',
    parts: [
      html`<p>On the ${part} part of the text, which the network has not read.</p>`,
      table(
        ['Model', ...names.map((name) => NAMES[name] ?? name)],
        [[own, ...names.map((name) => numberText(errors[name] ?? Number.NaN))]],
        {
          caption: 'Scores on the part that is held out',
        },
      ),
    ],
  }
}

/** What the model writes, with the seed 0. */
async function writtenSection(model: RecurrentModel): Promise<Section> {
  const [prompt = ''] = model.vocabulary?.tokens.filter((token) => /^\p{Lu}/u.test(token)) ?? []
  const start = prompt === '' ? (model.vocabulary?.tokens.find((token) => /^\p{L}+$/u.test(token)) ?? ' ') : prompt
  const samples: Html[] = []
  for (const temperature of WRITTEN.temperatures) {
    let text = start
    for await (const part of generateStream(model, start, { steps: WRITTEN.steps, temperature, seed: 0 })) text += part
    samples.push(
      html`<h3>Temperature ${temperature}</h3><pre tabindex="0" aria-label="A text with temperature ${temperature}"><code>${text}</code></pre>`,
    )
  }
  return {
    id: 'written',
    title: 'What it writes',
    parts: [
      html`<p>${counted(WRITTEN.steps, 'token')} after <code>${start}</code>, drawn with the seed 0: at a low temperature the likely ones, at 1 as the model believes.</p>`,
      ...samples,
    ],
  }
}
