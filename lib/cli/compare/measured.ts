// What is measured of each network and each naive forecast, in the same way.
import type { Series, WindowDataset } from '../../data/index.ts'
import { type Backtest, backtest, type Forecaster, forecastWindows, type NaiveMethod } from '../../forecast/index.ts'
import { torch } from '../../torch.ts'
import type {
  ComparedError,
  ComparedModel,
  ComparedNaive,
  Mean,
  StepErrors,
  TargetValues,
  TestSpan,
} from '../comparison.ts'
import { boundsOf, forecastsIn } from '../forecasts.ts'
import type { TrainedModel } from '../networks/load.ts'
import { timeTextOf, writtenBy } from '../series.ts'

/** The most steps of the test part that are written down. */
const MOST_SHOWN = 2000
/** How many forecasts are timed, after some that are not. */
const [TIMED, WARMUP] = [50, 5]

/** The windows by which networks are chosen, and those by which they are compared. */
export interface Held {
  readonly validation: WindowDataset
  readonly test: WindowDataset
}

export interface Measured {
  /** On the validation part. */
  readonly validation: number
  readonly test: Backtest
}

export async function measured(
  forecaster: Forecaster,
  { validation, test }: Held,
  by: ComparedError,
  season?: number,
): Promise<Measured> {
  const options = season === undefined ? {} : { season }
  return {
    validation: (await backtest(forecaster, validation, options))[by],
    test: await backtest(forecaster, test, options),
  }
}

/** The losses by which two are compared: their mean is the error, or its square. */
export const lossesOf = ({ absolute, squared }: Backtest, by: ComparedError): Float64Array =>
  by === 'mae' ? absolute : squared

/** A mean and the standard deviation of a sample. */
export function meanOf(values: readonly number[]): Mean {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, spread: values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1)) }
}

/** The errors by step as a mean over runs. */
export function stepErrorsOf(all: readonly Backtest[]): StepErrors {
  const mean = (name: 'mae' | 'rmse'): number[] =>
    (all[0]?.steps[name] ?? []).map((_, h) => meanOf(all.map(({ steps }) => steps[name][h] as number)).mean)
  return { mae: mean('mae'), rmse: mean('rmse') }
}

/** The naive methods that the windows allow. */
export function methodsFor(season: number | undefined, { past }: WindowDataset): NaiveMethod[] {
  const hasSeason = season !== undefined && season <= past
  return ['persistence', ...(hasSeason ? (['seasonalNaive'] as const) : []), 'drift', 'movingAverage']
}

/** The windows that draw the test part: the last ones of each group that do not overlap. */
export function shownWindows(test: WindowDataset): number[] {
  const groups = test.groups(Array.from({ length: test.length }, (_, i) => i))
  const count = groups === undefined ? 1 : new Set(groups).size
  const most = Math.max(1, Math.floor(MOST_SHOWN / count / test.horizon))
  const found = new Map<string, { earliest: number; indices: number[] }>()
  for (let index = test.length - 1; index >= 0; index--) {
    const group = groups?.[index] ?? ''
    const own = found.get(group) ?? { earliest: Infinity, indices: [] }
    found.set(group, own)
    if (own.indices.length >= most) continue
    const times = test.times(index)
    if ((times.at(-1) as Date).getTime() >= own.earliest) continue
    own.earliest = (times[0] as Date).getTime()
    own.indices.push(index)
  }
  const all = [...found.values()].flatMap(({ indices }) => indices)
  return all.sort((a, b) => a - b).slice(-Math.max(1, Math.floor(MOST_SHOWN / test.horizon)))
}

/** What came in these windows, as a report draws it. */
export function shownOf(series: Series, test: WindowDataset, indices: readonly number[]): TestSpan['shown'] {
  const text = timeTextOf(series)
  const groups = test.groups(indices)
  const actual = torch.tidy(() => {
    const { target, mask } = test.batch(indices, true)
    const wanted = mask === undefined ? target : target.maskedFill(mask.logicalNot(), Number.NaN)
    return test.inverseTransform(wanted.double(), indices).toArray() as number[][][]
  })
  return indices.map((index, n) => ({
    group: groups?.[n] ?? null,
    times: test.times(index).map(text),
    actual: byTarget(series.targets, actual[n] as number[][], writtenBy(test.scaler, groups?.[n])),
  }))
}

/** What is forecast for these windows. */
export async function forecastsOf(
  forecaster: Forecaster,
  { targets }: Series,
  test: WindowDataset,
  indices: readonly number[],
  season?: number,
): Promise<TargetValues[]> {
  const made = await forecastWindows(forecaster, test, indices, season === undefined ? {} : { season })
  const values = made.toArray() as number[][][]
  made.dispose()
  const groups = test.groups(indices)
  return values.map((steps, n) => byTarget(targets, steps, writtenBy(test.scaler, groups?.[n])))
}

/** The bounds of these forecasts, of the first level that the model has; undefined if it has none. */
export async function intervalOf(
  model: TrainedModel,
  { targets }: Series,
  test: WindowDataset,
  indices: readonly number[],
): Promise<ComparedModel['interval']> {
  const { calibration } = model
  const level = calibration?.levels[0]
  if (calibration === null || level === undefined) return undefined
  const [lower, upper]: [TargetValues[], TargetValues[]] = [[], []]
  for await (const part of forecastsIn(model, test, indices)) {
    const bounds = torch.tidy(() => boundsOf(test, part, calibration, level).map((bound) => bound.toArray()))
    const [below, above] = bounds as [number[][][], number[][][]]
    const groups = test.groups(part.indices)
    const all = (bound: number[][][]): TargetValues[] =>
      bound.map((steps, n) => byTarget(targets, steps, writtenBy(test.scaler, groups?.[n])))
    lower.push(...all(below))
    upper.push(...all(above))
  }
  return { level, lower, upper }
}

const byTarget = (
  targets: readonly string[],
  steps: readonly (readonly number[])[],
  written: ReturnType<typeof writtenBy>,
): TargetValues => Object.fromEntries(targets.map((target, k) => [target, steps.map((row) => written(row[k], k))]))

/** The median time of one forecast, alone, in milliseconds. */
export function latencyOf(model: TrainedModel, test: WindowDataset, device: string): number {
  const times: number[] = []
  torch.tidy(() => {
    const { input } = test.batch([0], true)
    for (let i = 0; i < WARMUP + TIMED; i++) {
      const start = performance.now()
      torch.tidy(() =>
        torch.inferenceMode(() => model.forward(input.to({ device: device as 'cpu' })).to({ device: 'cpu' }).shape),
      )
      if (i >= WARMUP) times.push(performance.now() - start)
    }
  })
  times.sort((a, b) => a - b)
  return times[TIMED / 2] as number
}

/** A naive forecast as the comparison has it. */
export async function comparedNaive(
  method: NaiveMethod,
  series: Series,
  held: Held,
  {
    by,
    season,
    indices,
    errors,
  }: {
    by: ComparedError
    season: number | undefined
    indices: readonly number[]
    errors: Readonly<Record<string, number>>
  },
): Promise<{ naive: ComparedNaive; losses: Float64Array }> {
  const own = method === 'seasonalNaive' ? season : undefined
  const { validation, test } = await measured(method, held, by, own)
  const naive = {
    name: method,
    errors: { [by]: test[by], ...errors },
    validation,
    byStep: stepErrorsOf([test]),
    forecasts: await forecastsOf(method, series, held.test, indices, own),
  }
  return { naive, losses: lossesOf(test, by) }
}
