// What the demo found as `npx libtorch-rnn report` reads it: the form of the file comparison.json.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { torch } from 'libtorch-rnn'
import type { Comparison, TargetValues } from '../../lib/cli/comparison.ts'
import { dataFile } from '../support/data.ts'
import { coverageOf, errorsOf, type Forecasts, type Task } from './task.ts'
import type { Settings, Trained } from './train.ts'

/** How many steps of the held-out part to show: all months, but only a good half of a year of days. */
const MOST_STEPS = 240

/** The errors at each step ahead. */
function byStep(forecasts: Forecasts, actual: Forecasts): { mae: number[]; rmse: number[] } {
  const steps = (forecasts[0] ?? []).map((_, h) =>
    errorsOf(
      forecasts.map((row) => [row[h] as number]),
      actual.map((row) => [row[h] as number]),
    ),
  )
  return { mae: steps.map(({ mae }) => mae), rmse: steps.map(({ rmse }) => rmse) }
}

const text = (date: Date | undefined): string => (date as Date).toISOString().slice(0, 10)

/** The windows to draw, by origin: the last ones that do not overlap. */
function shownOrigins({ series, testPart }: Task): number[] {
  const { origins } = testPart
  const count = Math.floor(Math.min(origins.length, MOST_STEPS) / series.horizon)
  return Array.from({ length: count }, (_, i) => origins.length - 1 - (count - 1 - i) * series.horizon)
}

/** The parts of the data, by what is forecast in them. */
function partsOf({ series }: Task): Comparison['data']['parts'] {
  const { dates, validationStart, testStart, context } = series
  const at = (date: Date): number => dates.findIndex((other) => other >= date)
  const bounds = [context, at(validationStart), at(testStart), dates.length]
  return (['train', 'validation', 'test'] as const).map((name, i) => {
    const [from, to] = [bounds[i] as number, bounds[i + 1] as number]
    return { name, from: text(dates[from]), to: text(dates[to - 1]), windows: to - from }
  })
}

/** What came of the trainings, as a comparison. */
export function comparisonOf(
  task: Task,
  trained: readonly Trained[],
  { epochs, hidden, seed }: Settings,
): Omit<Comparison, 'naive'> & { naive: unknown } {
  const { series, testPart, validationPart } = task
  const { dates, horizon } = series
  const { actual, naive } = testPart
  const shown = shownOrigins(task)
  const valuesOf = (rows: Forecasts): TargetValues[] =>
    shown.map((i) => ({ [series.quantity]: (rows[i] as number[]).map((value) => Number(value.toPrecision(6))) }))
  const models = trained
    .map(({ name, history, forecasts, ranges, parameters, latencyMs, validated }): Comparison['models'][number] => {
      const errors = errorsOf(forecasts, actual)
      const alone = (mean: number): { mean: number; spread: number } => ({ mean, spread: 0 })
      const moved = (bound: 0 | 1): Forecasts =>
        forecasts.map((row) => row.map((value, h) => value + (ranges[h] as [number, number])[bound]))
      return {
        name,
        model: name.toLowerCase(),
        hiddenSize: hidden,
        parameters,
        lr: 3e-3,
        runs: [
          {
            folder: '',
            seed,
            lr: 3e-3,
            isCounted: true,
            hasDiverged: false,
            epochs: history.epochs.length,
            bestEpoch: history.best?.epoch ?? null,
            stopReason: null,
            seconds: history.seconds,
            validationLoss: history.best?.validationLoss ?? null,
            errors,
            history: history.epochs.map(({ epoch, trainLoss, validationLoss = Number.NaN }) => ({
              epoch,
              trainLoss,
              validationLoss,
            })),
          },
        ],
        errors: { mae: alone(errors.mae), rmse: alone(errors.rmse) },
        validation: alone(errorsOf(validated, validationPart.actual).mae),
        seconds: alone(history.seconds),
        latencyMs,
        byStep: byStep(forecasts, actual),
        forecasts: valuesOf(forecasts),
        interval: { level: 0.8, lower: valuesOf(moved(0)), upper: valuesOf(moved(1)) },
      }
    })
    .sort((a, b) => (a.errors.mae?.mean ?? 0) - (b.errors.mae?.mean ?? 0))
  const others = naive
    .map(({ name, forecasts }, i) => ({
      name,
      errors: errorsOf(forecasts, actual),
      validation: errorsOf(validationPart.naive[i]?.forecasts ?? [], validationPart.actual).mae,
      byStep: byStep(forecasts, actual),
      forecasts: valuesOf(forecasts),
    }))
    .sort((a, b) => a.errors.mae - b.errors.mae)
  return {
    kind: 'comparison',
    version: 1,
    about: {
      'libtorch-rnn': 'of this checkout',
      libtorch: torch.version,
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      dataSha256: createHash('sha256')
        .update(readFileSync(dataFile(series.file)))
        .digest('hex'),
    },
    created: new Date().toISOString(),
    compare: {
      models: trained.map(({ name }) => name),
      hiddenSizes: [hidden],
      seeds: 1,
      lrs: [3e-3],
      steps: null,
      seconds: null,
      by: 'mae',
    },
    settings: {
      task: 'forecast',
      target: [series.quantity],
      past: series.context,
      horizon,
      season: series.season,
      epochs,
      patience: 12,
      batchSize: 32,
      optimizer: 'adamw',
      lr: 3e-3,
      clipGradNorm: 1,
      seed,
      threads: 1,
    },
    data: {
      path: `${series.file} of vega-datasets`,
      rows: dates.length,
      groups: [],
      targets: [series.quantity],
      inputs: series.inputNames,
      frequency: series.step,
      from: text(dates[0]),
      to: text(dates.at(-1)),
      gaps: [],
      parts: partsOf(task),
    },
    models,
    naive: others,
    test: {
      windows: testPart.origins.length,
      origins: testPart.origins.length,
      shown: shown.map((i) => ({
        group: null,
        times: Array.from({ length: horizon }, (_, h) => text(dates[(testPart.origins[i] as number) + h + 1])),
        actual: { [series.quantity]: actual[i] as number[] },
      })),
    },
    differences: [],
    recommendation: recommendationOf(task, trained, models, others[0] as (typeof others)[number]),
    seconds: trained.reduce((sum, { history }) => sum + history.seconds, 0),
    warnings: [],
  }
}

type Recommendation = Comparison['recommendation']

function recommendationOf(
  { series, testPart }: Task,
  trained: readonly Trained[],
  models: Comparison['models'],
  naive: { name: string; errors: { mae: number } },
): Recommendation {
  const [best] = models.toSorted((a, b) => a.validation.mean - b.validation.mean) as [Comparison['models'][number]]
  const mae = best.errors.mae?.mean as number
  const better = 1 - mae / naive.errors.mae
  const own = trained.find(({ name }) => name === best.name) as Trained
  const covered = coverageOf(own.forecasts, own.ranges, testPart.actual)
  const shown = (value: number): string => `${value.toFixed(2)} ${series.unit}`
  const verdict =
    better > 0
      ? `Take the ${best.name}: its error is the least on the validation part, and on the test part, ${shown(mae)}, it is ${(100 * better).toFixed(0)} % below that of the best naive forecast, ${naive.name}, ${shown(naive.errors.mae)}.`
      : `Take the naive forecast, ${naive.name}: no network is better than its error of ${shown(naive.errors.mae)}.`
  return {
    choice: better > 0 ? best.name : naive.name,
    kind: better > 0 ? 'model' : 'naive',
    run: '',
    bestModel: best.name,
    bestNaive: naive.name as Recommendation['bestNaive'],
    alike: [],
    sentences: [
      verdict,
      `Its intervals of 80 % held ${(100 * covered).toFixed(0)} % of the values.`,
      'Each network was trained once: with other seeds, which of them is ahead may change. npx libtorch-rnn compare trains each several times.',
    ],
  }
}
