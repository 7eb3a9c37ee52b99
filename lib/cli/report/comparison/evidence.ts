import type { Comparison, TargetValues } from '../../comparison.ts'
import { naiveTitle } from '../../measure.ts'
import { numberText } from '../../output.ts'
import { byStepChart } from '../charts/by-step.ts'
import { learningChart } from '../charts/learning.ts'
import { type Stretch, timelineChart } from '../charts/timeline.ts'
import { html } from '../html.ts'
import type { Figure, Section } from '../section.ts'
import { MOST_DRAWN } from '../sections/data.ts'
import { counted, percent } from '../sections/head.ts'
import { table } from '../table.ts'

/** How many networks a chart of lines has, and how many forecasts steps. */
const MOST_NETWORKS = 3
const MOST_LINES = 6
const MOST_STEPS = 240

/** What the best networks and the best naive forecast said of the test part, and what came. */
export function timesSection({ test, models, naive, data, recommendation }: Comparison): Section {
  const shown = models.slice(0, MOST_NETWORKS)
  const best = naive.find(({ name }) => name === recommendation.bestNaive)
  const interval = shown[0]?.interval
  const band = interval === undefined ? undefined : percent(interval.level, 0)
  const groups = [...new Set(test.shown.map(({ group }) => group))].slice(0, MOST_DRAWN)
  const figures = data.targets.slice(0, MOST_DRAWN).flatMap((target, k) =>
    groups.map((group, g): Figure => {
      const all = test.shown.flatMap((one, i) => (one.group === group ? [{ ...one, i }] : []))
      const steps = all[0]?.times.length ?? 1
      const last = all.slice(-Math.max(1, Math.floor(MOST_STEPS / steps)))
      const of = (values: readonly TargetValues[], i: number): readonly (number | null)[] => values[i]?.[target] ?? []
      const stretches = last.map(
        ({ times, actual, i }): Stretch => ({
          times: times.map((time) => Date.parse(time)),
          actual: actual[target] ?? [],
          values: Object.fromEntries([
            ...shown.map((model) => [model.name, of(model.forecasts, i)]),
            ...(best === undefined ? [] : [[naiveTitle(best.name), of(best.forecasts, i)]]),
          ]),
          ...(interval === undefined ? {} : { lower: of(interval.lower, i), upper: of(interval.upper, i) }),
        }),
      )
      const [from, to] = [last[0]?.times[0] ?? '', last.at(-1)?.times.at(-1) ?? '']
      return {
        chart: timelineChart(stretches, {
          name: `forecasts-${k}-${g}`,
          title: group === null ? target : `${target}, ${group}`,
          quantity: target,
          summary: `${counted(stretches.length, 'forecast')} of each from ${from} to ${to}.`,
          lines: [
            ...shown.map((model) => ({ name: model.name })),
            ...(best === undefined ? [] : [{ name: naiveTitle(best.name), isNaive: true }]),
          ],
          ...(band === undefined ? {} : { band }),
          height: 300,
        }),
        caption: html`<p>${from} to ${to}, ${steps === 1 ? 'one forecast for each step' : `one forecast from every ${steps} steps`}: of the run with the first seed${models.length > shown.length && `, for the best ${shown.length} of ${models.length} networks`}.${band !== undefined && ` The band is the ${band} interval of ${shown[0]?.name}.`}</p>`,
      }
    }),
  )
  return {
    id: 'forecasts',
    title: 'Forecasts and what came',
    parts: [
      html`<p>Each line is a forecast that knew nothing of what followed: no network was trained on this part.</p>`,
      ...figures,
    ],
  }
}

/** How errors grow with the steps ahead. */
export function stepsSection({ models, naive, compare, data }: Comparison): Section {
  const lines = [
    ...models.slice(0, MOST_LINES).map(({ name, byStep }) => ({ name, errors: byStep[compare.by], isNaive: false })),
    ...naive
      .slice(0, 2)
      .map(({ name, byStep }) => ({ name: naiveTitle(name), errors: byStep[compare.by], isNaive: true })),
  ]
  const quantity = `${compare.by.toUpperCase()} of ${data.targets.join(', ')}`
  return {
    id: 'steps',
    title: 'Errors by steps ahead',
    parts: [
      {
        chart: byStepChart(lines, { name: 'steps', title: quantity, quantity }),
        caption: html`<p>Networks are a mean over seeds; the best naive forecasts are dashed.</p>`,
        table: table(
          ['Steps ahead', ...lines.map(({ name }) => name)],
          (lines[0]?.errors ?? []).map((_, h) => [
            h + 1,
            ...lines.map(({ errors }) => numberText(errors[h] ?? Number.NaN)),
          ]),
          { caption: `${quantity} by steps ahead` },
        ),
      },
    ],
  }
}

/** The learning curves of the networks, of the first seed that counts. */
export function coursesSection({ models }: Comparison): Section {
  const courses = models.slice(0, MOST_LINES).flatMap(({ name, runs }) => {
    const run = runs.find(({ isCounted }) => isCounted)
    if (run === undefined) return []
    return [
      {
        name,
        best: run.bestEpoch,
        epochs: run.history.map(({ epoch, trainLoss, validationLoss }) => ({
          epoch,
          train: trainLoss,
          ...(validationLoss === undefined ? {} : { validation: validationLoss }),
        })),
      },
    ]
  })
  const diverged = models.flatMap(({ name, runs }) =>
    runs
      .filter(({ hasDiverged }) => hasDiverged)
      .map(({ lr, seed }) => `${name} with a learning rate of ${lr} and seed ${seed}`),
  )
  return {
    id: 'learning',
    title: 'Learning',
    parts: [
      ...(courses.length === 0
        ? [html`<p>No training has a history.</p>`]
        : [
            {
              chart: learningChart('learning', 'Loss by epoch', courses),
              caption: html`<p>The first seed of each network${models.length > courses.length && `, for ${courses.length} of ${models.length}`}. A ring is the epoch whose weights were kept.</p>`,
            },
          ]),
      ...(diverged.length > 0 ? [html`<p class="warning">Not finite: ${diverged.join('; ')}.</p>`] : []),
      html`<details><summary>All trainings</summary>${table(
        ['Training', 'Seed', 'Learning rate', 'Counts', 'Epochs', 'Best', 'Validation loss', 'Seconds'],
        models.flatMap(({ name, runs }) =>
          runs.map((run) => [
            name,
            run.seed,
            run.lr,
            run.isCounted ? 'yes' : 'no',
            run.epochs,
            run.bestEpoch ?? '-',
            numberText(run.validationLoss ?? Number.NaN),
            run.seconds.toFixed(1),
          ]),
        ),
        { caption: 'All trainings' },
      )}<p class="note">Trainings that do not count were made to choose the learning rate.</p></details>`,
    ],
  }
}
