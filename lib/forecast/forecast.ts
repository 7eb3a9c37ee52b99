import { checkOptions, invalid, requireInteger } from '../check.ts'
import { SeriesScaler } from '../data/scaler/series-scaler.ts'
import type { Contents } from '../data/series/contents.ts'
import { inverseOf } from '../data/series/difference.ts'
import { layoutOf } from '../data/series/frame.ts'
import { type FutureColumns, futureFeatures, futureTimes, readFuture } from '../data/series/future.ts'
import { originsOf } from '../data/series/latest.ts'
import { contentsOf, type Series } from '../data/series/series.ts'
import { parseFrequency } from '../data/series/time.ts'
import { torchError } from '../errors.ts'
import { RecurrentModel } from '../models/model.ts'
import { inferenceMode, offload, tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { requireScales } from '../train/scales.ts'
import type { TrainableModel } from '../train/step.ts'
import { MANY, requireModel } from './calibrate.ts'
import { type Calibration, isCalibration } from './calibration.ts'
import { type Head, levelsOf, type Reading, readHead, requireLevels } from './head.ts'
import { roll } from './roll.ts'

export interface ForecastOptions {
  /** How many steps of inputs the model reads: those of the windows it was trained on. Default: the calibration's. */
  past?: number
  /**
   * How many steps to forecast. Beyond what the model forecasts at a time, it continues from its state and reads its own
   * forecasts. Default: the calibration's, or what the model forecasts at a time.
   */
  steps?: number
  /** The scales of the training. Default: the `scaler` of the model. */
  scaler?: SeriesScaler
  /** What the output of the model is. Default `'point'`. */
  head?: Head
  /**
   * Intervals from the errors on held-out data: see `calibrate`. `null`: those of the head. Default: the `calibration` of
   * the model, if it has one.
   */
  calibration?: Calibration | null
  /**
   * The levels of the intervals of the head. Default: for quantiles all that pairs of them around the
   * median give, such as 0.1 and 0.9, for a normal distribution `[0.8,
   * 0.95]`. `[]`: none.
   */
  levels?: readonly number[]
  /**
   * If the model reads its own forecasts: the `inputs` of the series at the steps after the data, in its units, by name;
   * with groups by group and name, `{ north: { price: [3, 4] }, … }`.
   */
  futureInputs?: FutureColumns | Readonly<Record<string, FutureColumns>>
  /** How many groups to compute at a time. Default 256. */
  batchSize?: number
}

/** A range for each step that is to hold the value with probability `level`, by target. */
export interface Interval {
  readonly level: number
  readonly lower: Readonly<Record<string, number[]>>
  readonly upper: Readonly<Record<string, number[]>>
}

/** What comes after the data of one series, in their units: plain data. */
export interface Forecast {
  /** The name of the group; `null` if there are none. */
  readonly group: string | null
  /** The times of the steps, by the frequency of the series. */
  readonly times: readonly Date[]
  /** The forecasts of each target. */
  readonly values: Readonly<Record<string, number[]>>
  /** Empty if there are none. */
  readonly intervals: readonly Interval[]
}

const OWNER = 'forecast'
const OPTIONS = ['past', 'steps', 'scaler', 'head', 'calibration', 'levels', 'futureInputs', 'batchSize'] as const

/**
 * Forecasts what comes after the data of a series, in their units, off the main thread: one forecast for each group, or
 * one if there are none.
 *
 * A model with a `horizon` forecasts so many steps at once. Beyond them, and for a model that forecasts the next step,
 * it continues from its state with its own forecasts as inputs; other inputs are then needed in `futureInputs`, but those
 * of the calendar are known. If the output is one for each step, the last one counts.
 *
 * @example
 * const model = await loadModel('weather.safetensors')
 * const [tomorrow] = await forecast(model, series, { past: 90 })
 * console.log(tomorrow.times, tomorrow.values.temp_max)
 * @throws {TorchError} (rejects) if a group has fewer than `past` steps since its last gap, the model, scaler or
 *   calibration does not fit, the scaler is another than that of the training, or inputs of future steps are missing; `ERR_TORCH_NON_FINITE` if a forecast is NaN or
 *   infinite.
 */
export async function forecast(
  model: TrainableModel,
  series: Series,
  options: ForecastOptions = {},
  ...none: undefined[]
): Promise<[Forecast, ...Forecast[]]> {
  requireModel(OWNER, model)
  const contents = contentsOf(series)
  if (contents === undefined) throw invalid(OWNER, 'series', 'a Series', series)
  checkOptions(OWNER, options, OPTIONS, none)
  const { head = 'point', levels, futureInputs, batchSize = MANY } = options
  requireInteger(OWNER, 'batchSize', batchSize, 1)
  const scaler = scalerOf(model, options.scaler)
  requireScales(OWNER, model, scaler, {
    what: 'the columns of scaler',
    cure: 'give scaler: train.scaler of that split',
  })
  const calibration = calibrationOf(model, options.calibration)
  if (calibration !== undefined) requireCalibration(calibration, options, series.targets)
  const past = options.past ?? calibration?.past
  if (past === undefined) throw invalid(OWNER, 'past', 'the steps of inputs that the model was trained on', past)
  const steps = options.steps ?? calibration?.steps
  if (steps !== undefined) requireInteger(OWNER, 'steps', steps, 1)
  const reading = readHead(OWNER, head, series.targets.length)
  if (levels !== undefined) requireLevels(OWNER, levels)
  const wanted = calibration === undefined ? levelsOf(OWNER, reading, levels) : calibration.levels
  const future = futureInputs === undefined ? undefined : readFuture(OWNER, contents, futureInputs)
  const step = parseFrequency(OWNER, series.frequency)

  return await tidy(async () => {
    const { input, groups } = series.latest({ past, scaler })
    const count = contents.table.groups.length
    let fed = false
    const all: Forecast[] = []
    for (let start = 0; start < count; start += batchSize) {
      const table = { ...contents.table, groups: contents.table.groups.slice(start, start + batchSize) }
      const part = { ...contents, table }
      const names = groups?.slice(start, start + batchSize)
      const features = (ahead: number, horizon: number): Tensor => {
        fed = true
        if (future === undefined && contents.inputs.length > 0) throw unknownInputs(contents.inputs, horizon, ahead)
        const inputs = future?.slice(start, start + batchSize) ?? table.groups.map(() => ({}))
        return futureFeatures(OWNER, part, scaler, { step, steps: ahead, inputs })
      }
      const continuation = { layout: layoutOf(contents), features, difference: scaler.difference }
      await tidy(async () => {
        const read = input.narrow(0, start, table.groups.length)
        const output = await roll(OWNER, model, read, { steps, reading, continuation })
        const length = output.size(1)
        if (fed && calibration === undefined && wanted.length > 0) throw uncertain(length)
        const values = await inUnits(output, { reading, wanted, calibration, scaler, contents: part, groups: names })
        const times = futureTimes(part, step, length)
        for (const [n, kinds] of values.entries()) {
          requireFinite(kinds[0], { group: names?.[n], targets: series.targets })
          requireBounds(kinds)
          const own = times.subarray(n * length, (n + 1) * length)
          all.push(forecastOf(names?.[n] ?? null, own, kinds, series.targets, wanted))
        }
      })
    }
    if (future !== undefined && !fed) {
      throw torchError(
        'ERR_TORCH_OPTION',
        `${OWNER}: the model forecasts all these steps at once, and reads no futureInputs: omit them`,
        { op: OWNER },
      )
    }
    return all as [Forecast, ...Forecast[]]
  })
}

function scalerOf(model: TrainableModel, given: unknown): SeriesScaler {
  const scaler = given ?? (model instanceof RecurrentModel ? model.scaler : null)
  if (scaler instanceof SeriesScaler) return scaler
  const wanted = 'a SeriesScaler, train.scaler of the split that the model was trained on; or save it with the model'
  throw invalid(OWNER, 'scaler', wanted, scaler ?? undefined)
}

function calibrationOf(model: TrainableModel, given: unknown): Calibration | undefined {
  const calibration = given === undefined && model instanceof RecurrentModel ? model.calibration : given
  if (calibration === null || calibration === undefined) return undefined
  if (isCalibration(calibration)) return calibration
  throw invalid(OWNER, 'calibration', 'what calibrate returned', calibration)
}

/** @throws {TorchError} unless a calibration is for this forecast. */
function requireCalibration(given: Calibration, options: ForecastOptions, targets: readonly string[]): void {
  const instead = options.calibration === undefined ? ', or pass calibration: null for a forecast without' : ''
  const { past, steps, levels } = given
  if (options.levels !== undefined) {
    throw torchError(
      'ERR_TORCH_OPTION',
      `${OWNER}: the calibration has its levels, ${levels.join(', ')}: omit levels${instead}`,
    )
  }
  const problem =
    given.targets.join() !== targets.join()
      ? `the targets ${given.targets.join(', ')}, but those of the series are ${targets.join(', ')}`
      : options.past !== undefined && options.past !== past
        ? `${past} steps of inputs, but past is ${options.past}`
        : options.steps !== undefined && options.steps > steps
          ? `${steps} steps, but steps is ${options.steps}: calibrate with windows of that horizon`
          : undefined
  if (problem !== undefined) {
    throw torchError('ERR_TORCH_VALUE', `${OWNER}: the calibration is for ${problem}${instead}`, { op: OWNER })
  }
}

function unknownInputs(inputs: readonly string[], horizon: number, ahead: number): Error {
  return torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: the model forecasts ${horizon} step${horizon === 1 ? '' : 's'} at a time, and then reads its forecasts, and the inputs ${inputs.join(', ')} of these steps: give them for ${ahead} steps after the data in futureInputs, or train a model with a larger horizon`,
    { op: OWNER },
  )
}

function uncertain(steps: number): Error {
  return torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: the intervals of the head leave out the error of the forecasts that the model reads as inputs: give a calibration with windows of ${steps} steps, or levels: []`,
    { op: OWNER },
  )
}

interface Scaled {
  readonly reading: Reading
  readonly wanted: readonly number[]
  readonly calibration: Calibration | undefined
  readonly scaler: SeriesScaler
  readonly contents: Contents
  readonly groups: readonly string[] | undefined
}

/** The values, and the bounds of each level, in the units of the data: by sample, kind, step and target. */
async function inUnits(
  output: Tensor,
  { reading, wanted, calibration, scaler, contents, groups }: Scaled,
): Promise<number[][][][]> {
  const found = await offload(() =>
    inferenceMode(() =>
      tidy(() => {
        const point = reading.point(output).to({ device: 'cpu', dtype: 'float64' })
        const bounds = wanted.flatMap((level, i) => {
          if (calibration === undefined) return reading.bounds?.(output, level) ?? []
          const radii = (calibration.radii[i] as number[][]).slice(0, point.size(1))
          const radius = tensor(radii, { dtype: 'float64' })
          return [point.sub(radius), point.add(radius)]
        })
        const kinds = [point, ...bounds.map((bound) => bound.to({ device: 'cpu', dtype: 'float64' }))]
        if (scaler.difference !== undefined) {
          const [origins, horizon] = [originsOf(contents), point.size(1)]
          const all = { contents, scaler, origins, horizon, batchFirst: true }
          return functions.stack(
            kinds.map((kind) => inverseOf(OWNER, kind, all)),
            1,
          )
        }
        // Steps and kinds as one dimension: scales differ by sample only.
        const rows = functions.stack(kinds, 1).flatten(1, 2)
        const back = scaler.inverseTransform(rows, groups === undefined ? {} : { groups })
        return back.unflatten(1, [kinds.length, -1])
      }),
    ),
  )
  return found.toArray() as number[][][][]
}

/** @throws {TorchError} for forecasts that are no numbers: those of weights or inputs that are none. */
function requireFinite(
  rows: readonly number[][] = [],
  { group, targets }: { group: string | undefined; targets: readonly string[] },
): void {
  for (const [i, row] of rows.entries()) {
    const k = row.findIndex((value) => !Number.isFinite(value))
    if (k < 0) continue
    const value = Number.isNaN(row[k]) ? 'NaN' : 'infinite'
    const where = group === undefined ? '' : ` of group ${group}`
    throw torchError(
      'ERR_TORCH_NON_FINITE',
      `${OWNER}: the forecast of ${targets[k]}${where} is ${value} at step ${i + 1}: the weights of the model, or the inputs, are not finite`,
      { op: OWNER },
    )
  }
}

/** @throws {TorchError} for bounds that are no numbers although the values are. */
function requireBounds([, ...bounds]: readonly number[][][]): void {
  if (!bounds.flat(2).some(Number.isNaN)) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: head: gaussian returned a variance that is negative or no number: exp or softplus makes it positive`,
    { op: OWNER },
  )
}

function forecastOf(
  group: string | null,
  times: Float64Array,
  [values, ...bounds]: readonly number[][][],
  targets: readonly string[],
  levels: readonly number[],
): Forecast {
  const byTarget = (rows: readonly number[][] = []): Record<string, number[]> =>
    Object.fromEntries(targets.map((name, k) => [name, rows.map((row) => row[k] as number)]))
  return {
    group,
    times: Array.from(times, (time) => new Date(time)),
    values: byTarget(values),
    intervals: levels.map((level, i) => ({
      level: Number(level.toFixed(9)),
      lower: byTarget(bounds[2 * i]),
      upper: byTarget(bounds[2 * i + 1]),
    })),
  }
}
