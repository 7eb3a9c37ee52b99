import {
  examine,
  Series,
  type SeriesOptions,
  SeriesScaler,
  type SplitOptions,
  type WindowDataset,
} from '../data/index.ts'
import { COLUMNS_OF } from '../data/scaler/series-scaler.ts'
import { contentsOf } from '../data/series/series.ts'
import { torchError } from '../errors.ts'
import type { TrainedModel } from './networks/load.ts'
import type { Output } from './output.ts'
import { rounded } from './rows.ts'
import type { Settings } from './settings.ts'
import { sourceOf } from './source.ts'

type Options = Required<Pick<Settings, 'time' | 'target'>> &
  Pick<
    Settings,
    'timeFormat' | 'order' | 'input' | 'calendar' | 'group' | 'autoregressive' | 'missing' | 'gaps' | 'frequency'
  >

/** The settings of a series as its options. */
export function seriesOptions(settings: Options): SeriesOptions {
  const { time, timeFormat, order, target, input, calendar, group, autoregressive, missing, gaps, frequency } = settings
  return {
    time,
    order,
    targets: target,
    autoregressive,
    missing,
    gaps,
    ...(timeFormat === undefined ? {} : { timeFormat }),
    ...(input === undefined ? {} : { inputs: input }),
    ...(calendar === undefined ? {} : { calendar }),
    ...(group === undefined ? {} : { groups: group }),
    ...(frequency === undefined ? {} : { frequency: frequency as NonNullable<SeriesOptions['frequency']> }),
  }
}

/** Reads a series, and says what it is. */
export async function readSeries(data: string, options: SeriesOptions, output: Output, mmap = false): Promise<Series> {
  const series = await Series.from(await sourceOf(data), { ...options, mmap })
  const { length, frequency, gaps, groups, inputNames } = series
  const step =
    frequency === undefined ? '' : `, one for each ${typeof frequency === 'number' ? `${frequency} ms` : frequency}`
  output.detail(`${data}: ${length} rows${step}${groups.length > 0 ? `, ${groups.length} series` : ''}`)
  output.detail(`inputs: ${inputNames.join(', ')}`)
  if (gaps.length > 0 && (options.gaps ?? 'break') === 'break') {
    const [first] = gaps
    const where = `between ${timeText(first?.after)} and ${timeText(first?.before)}`
    output.warn(
      `${data}: steps are absent in ${gaps.length} ${gaps.length === 1 ? 'place' : 'places'}, first ${where}; no window crosses these (--gaps fill or ignore)`,
    )
  }
  return series
}

/** A time in the words of messages: the shortest ISO form. */
export function timeText(date: Date | undefined): string {
  return date === undefined ? '' : date.toISOString().replace('T00:00:00.000Z', '').replace('.000Z', 'Z')
}

const DAYS = /^(\d+ )?(day|week|month|year)s?$/

/** How the times of a series are written: days without a time of day if they have none. */
export function timeTextOf({ frequency, times: [first] }: Series): (time: Date) => string {
  const isDaily = DAYS.test(String(frequency)) && first !== undefined && !timeText(first).includes('T')
  return (time) => (isDaily ? time.toISOString().slice(0, 10) : time.toISOString().replace('.000Z', 'Z'))
}

/** The first and the last time that windows of a series forecast. */
export function forecastTimes(series: Series, windows: WindowDataset): { readonly from: string; readonly to: string } {
  const text = timeTextOf(series)
  return { from: text(windows.times(0)[0] as Date), to: text(windows.times(windows.length - 1).at(-1) as Date) }
}

/** The rows of each of several series, which are one behind the other; all rows without groups. */
export function rowsByGroup(
  series: Series,
): { readonly name: string | null; readonly start: number; readonly end: number }[] {
  return (contentsOf(series)?.table.groups ?? []).map(({ name, start, end }) => ({ name: name ?? null, start, end }))
}

/** The scales of a model that forecasts. @throws {TorchError} if it has none. */
export function scalerOf({ scaler }: TrainedModel, path: string): SeriesScaler {
  if (scaler instanceof SeriesScaler) return scaler
  throw torchError('ERR_TORCH_FORMAT', `${path} has no scales of a series`)
}

/** A value of a target as it is written: with the digits that scaled values in float32 have. */
export function writtenBy(
  scaler: SeriesScaler,
  group: string | null | undefined,
): (value: number | undefined, target: number) => number | null {
  const scalers = scaler[COLUMNS_OF]('forecast', group ?? undefined)
  return (value, target) => {
    const own = scalers[target]
    const scale = own?.scales.scale[0]
    // A logarithm has scales of ratios.
    const width = own?.offset === undefined || scale === undefined ? scale : scale * Math.abs(value ?? 0)
    return rounded(value, width)
  }
}

/**
 * Says what is wrong with the data of a training.
 * @throws {TorchError} if there is nothing to learn, there is a single row, or the times are none.
 */
export function requireUsable(series: Series, horizon: number, data: string, output: Output): void {
  if (series.length === 1) {
    throw torchError('ERR_TORCH_VALUE', `${data} has a single row: a model needs more rows than it reads and forecasts`)
  }
  for (const { kind, column, group, message } of examine(series, { horizon })) {
    if (kind === 'time') throw torchError('ERR_TORCH_VALUE', `${data}: ${message}`)
    const isTarget = series.targets.includes(column)
    if (kind === 'constant' && isTarget && group === undefined) {
      throw torchError('ERR_TORCH_VALUE', `${data}: ${message}: there is nothing to forecast`)
    }
    output.warn(`${data}: ${message}`)
  }
}

/** The parts of a series. */
export interface Parts {
  readonly train: WindowDataset
  readonly validation: WindowDataset | undefined
  readonly test: WindowDataset | undefined
}

/** Cuts a series into its parts, with new scales or those of a model. */
export async function splitSeries(series: Series, settings: Settings, fitted?: SeriesScaler): Promise<Parts> {
  const { past, horizon, stride, validation, test, scaler, scalers, scalePerGroup, difference } = settings
  const scales: Pick<SplitOptions, 'scaler' | 'scalers' | 'scalePerGroup'> =
    fitted === undefined
      ? {
          scaler,
          scalePerGroup,
          ...(scalers === undefined ? {} : { scalers: scalers as NonNullable<SplitOptions['scalers']> }),
        }
      : { scaler: fitted }
  const options: SplitOptions = {
    past,
    horizon,
    stride,
    ...scales,
    ...(difference === undefined ? {} : { difference }),
    ...(validation === 'none' ? {} : { validation }),
    ...(test === 'none' ? {} : { test }),
  }
  const parts: Partial<Parts> & { train: WindowDataset } = await series.split(options)
  return { train: parts.train, validation: parts.validation, test: parts.test }
}
