import type { Comparison } from '../../comparison.ts'
import { naiveTitle } from '../../measure.ts'
import { numberText } from '../../output.ts'
import { type Html, html } from '../html.ts'
import { cards, counted, listed } from '../sections/head.ts'
import { spreadText } from './words.ts'

/** What was asked, and what to take. */
export function comparisonHead(comparison: Comparison): Html {
  const { data, settings, compare, recommendation, models, naive, seconds, warnings } = comparison
  const by = compare.by.toUpperCase()
  const chosen = models.find(({ name }) => name === recommendation.bestModel)
  const best = naive.find(({ name }) => name === recommendation.bestNaive)
  const runs = models.flatMap((model) => model.runs)
  const [first = '', ...others] = recommendation.sentences
  return html`<p class="lead">Which network forecasts ${listed(data.targets.map((name) => html`<strong>${name}</strong>`))} best, ${counted(settings.horizon ?? 1, 'step')} ahead from ${counted(settings.past ?? 0, 'step')}? ${counted(models.length, 'network')} on the same data, windows and budget, each with ${counted(compare.seeds, 'seed')}, beside forecasts that need no model.</p>
<p class="verdict ${recommendation.kind === 'model' ? 'good' : 'bad'}">${first}</p>
${others.map((sentence) => html`<p>${sentence}</p>`)}
${cards([
  ...(chosen === undefined
    ? []
    : [
        {
          label: `${by} of ${chosen.name}, test part`,
          value: numberText(chosen.errors[compare.by]?.mean ?? Number.NaN),
          note: `${compare.seeds > 1 ? `± ${spreadText(chosen.errors[compare.by]?.spread ?? 0)} over seeds, ` : ''}in the units of ${data.targets.join(', ')}`,
        },
      ]),
  ...(best === undefined
    ? []
    : [
        {
          label: `${by} of ${naiveTitle(best.name)}`,
          value: numberText(best.errors[compare.by] ?? Number.NaN),
          note: 'the best naive forecast',
        },
      ]),
  { label: 'Trainings', value: String(runs.length), note: `${seconds.toFixed(0)} s together` },
  {
    label: 'Forecasts',
    value: comparison.test.windows.toLocaleString('en-US'),
    note: `from ${counted(comparison.test.origins, 'origin')} of the test part`,
  },
])}
${warnings.map((warning) => html`<p class="warning">${warning}</p>`)}`
}
