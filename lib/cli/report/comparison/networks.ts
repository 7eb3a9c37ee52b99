import type { ComparedModel, Comparison, Difference } from '../../comparison.ts'
import { naiveTitle } from '../../measure.ts'
import { numberText } from '../../output.ts'
import { rangeChart, stripChart } from '../charts/strip.ts'
import { html } from '../html.ts'
import type { Section } from '../section.ts'
import { percent } from '../sections/head.ts'
import { table } from '../table.ts'
import { spreadText, titleOf } from './words.ts'

/** All networks beside each other, and beside naive forecasts. */
export function networksSection(comparison: Comparison): Section {
  const { models, naive, compare, data } = comparison
  const quantity = `${compare.by.toUpperCase()} of ${data.targets.join(', ')}`
  const metrics = Object.keys(models[0]?.errors ?? {}).filter((name) => name !== 'loss')
  const rows = [
    ...models.map((model) => ({
      name: model.name,
      mean: model.errors[compare.by]?.mean ?? Number.NaN,
      seeds: seedsOf(model, compare.by),
      isNaive: false,
    })),
    ...naive.map(({ name, errors }) => ({
      name: naiveTitle(name),
      mean: errors[compare.by] ?? Number.NaN,
      seeds: [],
      isNaive: true,
    })),
  ].filter(({ mean }) => Number.isFinite(mean))
  const mean = (value: { mean: number; spread: number } | undefined): string =>
    value === undefined
      ? '-'
      : compare.seeds > 1
        ? `${numberText(value.mean)} ± ${spreadText(value.spread)}`
        : numberText(value.mean)
  return {
    id: 'networks',
    title: 'Networks side by side',
    parts: [
      {
        chart: stripChart(rows, { name: 'networks', title: `${quantity}, test part`, quantity }),
        caption: html`<p>From the least error to the largest${compare.seeds > 1 && ': a ring for each seed, a dot for their mean'}.</p>`,
      },
      table(
        [
          'Forecast',
          ...metrics.map((name) => name.toUpperCase()),
          `${compare.by.toUpperCase()}, validation`,
          'Parameters',
          'lr',
          'Training, s',
          'Forecast, ms',
        ],
        [
          ...models.map((model) => [
            model.name,
            ...metrics.map((name) => mean(model.errors[name])),
            mean(model.validation),
            model.parameters.toLocaleString('en-US'),
            String(model.lr),
            mean(model.seconds),
            numberText(model.latencyMs),
          ]),
          ...naive.map(({ name, errors, validation }) => [
            naiveTitle(name),
            ...metrics.map((metric) => numberText(errors[metric] ?? Number.NaN)),
            numberText(validation),
            '-',
            '-',
            '-',
            '-',
          ]),
        ],
        { caption: 'Errors, sizes and times of all networks' },
      ),
      html`<p class="note">${compare.seeds > 1 && '± is the standard deviation over seeds. '}The network is chosen by the validation part, and the test part says what that choice is worth.</p>`,
    ],
  }
}

/** The errors of the trainings that count. */
const seedsOf = ({ runs }: ComparedModel, by: string): number[] =>
  runs.flatMap(({ isCounted, errors }) => (isCounted && errors?.[by] !== undefined ? [errors[by]] : []))

/** Which differences are larger than their noise. */
export function differencesSection(comparison: Comparison): Section {
  const { differences, compare, recommendation } = comparison
  const [first] = differences as readonly [Difference, ...Difference[]]
  const own = titleOf(comparison, first.a)
  const loss = compare.by === 'mae' ? 'absolute error' : 'squared error'
  return {
    id: 'differences',
    title: 'Are the differences real?',
    parts: [
      html`<p>The mean ${loss} of ${own} less that of each other forecast, on the same origins: left of the dashed line ${own} is better.${recommendation.alike.length > 0 && ` ${recommendation.alike.map((name) => titleOf(comparison, name)).join(', ')} cannot be told from it.`}</p>`,
      {
        chart: rangeChart(
          differences.map(({ b, difference, bootstrap, isClear }) => ({
            name: titleOf(comparison, b),
            value: difference,
            lower: bootstrap.lower,
            upper: bootstrap.upper,
            isClear,
          })),
          { name: 'differences', title: `${own} compared with others`, quantity: `Difference of the mean ${loss}` },
        ),
        caption: html`<p>Lines are ${percent(first.bootstrap.level, 0)} intervals, by a bootstrap of blocks of ${first.bootstrap.blockLength} origins and of seeds.</p>`,
      },
      table(
        [
          'Compared with',
          'Difference',
          'in %',
          'from',
          'to',
          'Diebold-Mariano',
          'p',
          'p, adjusted',
          'Larger than its noise',
        ],
        differences.map(({ b, difference, relative, bootstrap, dieboldMariano, isClear }) => [
          titleOf(comparison, b),
          numberText(difference),
          percent(relative),
          numberText(bootstrap.lower),
          numberText(bootstrap.upper),
          dieboldMariano === null ? '-' : dieboldMariano.statistic.toFixed(2),
          dieboldMariano === null ? '-' : pText(dieboldMariano.pValue),
          dieboldMariano === null ? '-' : pText(dieboldMariano.adjusted),
          isClear ? 'yes' : 'no',
        ]),
        { caption: 'Tests of the differences' },
      ),
      html`<p class="note">The test is that of Diebold and Mariano with the correction of Harvey, Leybourne and Newbold (1997); p is adjusted for all these comparisons by Holm. A difference counts as real if the adjusted p is below 0.05 and 0 is outside of the interval.</p>`,
    ],
  }
}

const pText = (p: number): string => (p < 0.001 ? '< 0.001' : p.toFixed(3))
