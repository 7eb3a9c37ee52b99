// A comparison as text on a terminal.
import { join } from 'node:path'
import type { ComparedModel, ComparedNaive, Comparison, Difference } from '../comparison.ts'
import { COMPARISON } from '../comparison.ts'
import { TITLES } from '../measure.ts'
import { numberText, tableText } from '../output.ts'
import { FILES } from '../plan.ts'
import { errorText } from './recommendation.ts'

export function comparisonText(comparison: Comparison, folder: string): string {
  const { test, recommendation, compare } = comparison
  const origins = test.origins === test.windows ? '' : ` from ${test.origins} origins`
  const kept = `${recommendation.bestModel}, ${recommendation.run.replace(/^.*-/, '').replace('seed', 'seed ')}`
  return [
    `Errors on the test part, ${test.windows} forecasts${origins}${compare.seeds < 2 ? '' : `, mean and spread over ${compare.seeds} seeds`}:`,
    errorsText(comparison),
    '',
    `Differences from ${recommendation.bestModel}, the network with the least validation error:`,
    differencesText(comparison.differences),
    '',
    ...recommendation.sentences,
    '',
    `Saved ${join(folder, FILES.model)} (${kept}) and ${join(folder, COMPARISON)}`,
  ].join('\n')
}

function errorsText({ models, naive, compare }: Comparison): string {
  const names = Object.keys(models[0]?.errors ?? {}).filter((name) => name !== 'loss')
  const modelRow = (model: ComparedModel): string[] => [
    model.name,
    ...names.map((name) => errorText(model, name, compare.seeds)),
    String(model.lr),
    String(model.parameters),
    `${model.seconds.mean.toFixed(1)} s`,
    `${model.latencyMs.toPrecision(2)} ms`,
  ]
  const naiveRow = ({ name, errors }: ComparedNaive): string[] => [
    TITLES[name] ?? name,
    ...names.map((metric) => numberText(errors[metric] ?? Number.NaN)),
  ]
  return tableText([
    ['', ...names, 'lr', 'parameters', 'training', 'a forecast'],
    ...models.map(modelRow),
    ...naive.map(naiveRow),
  ])
}

function differencesText(differences: readonly Difference[]): string {
  const rows = differences.map(({ b, difference, relative, bootstrap, dieboldMariano, isClear }) => [
    TITLES[b] ?? b,
    numberText(difference),
    `${(100 * relative).toFixed(1)} %`,
    `${numberText(bootstrap.lower)} to ${numberText(bootstrap.upper)}`,
    dieboldMariano === null
      ? '-'
      : dieboldMariano.adjusted < 0.001
        ? '< 0.001'
        : dieboldMariano.adjusted.toPrecision(2),
    isClear ? 'yes' : 'no',
  ])
  return tableText([['', 'difference', '', '95 % interval', 'p', 'more than noise'], ...rows])
}
