import { Series } from '../data/index.ts'
import { torchError } from '../errors.ts'
import { type Forecast, type ForecastOptions, forecast as forecastSeries } from '../forecast/index.ts'
import { calibrationOf, type ForecastMetadata, forecastMetadataOf } from './metadata.ts'
import { loadTrained } from './networks/load.ts'
import type { Output } from './output.ts'
import { type Columns, partsOf, type Row, type RowsOptions, rowFormatOf, writeRows } from './rows.ts'
import { readSeries, scalerOf, timeTextOf, writtenBy } from './series.ts'
import { type Format, type Located, withData } from './source.ts'

export interface ForecastCommandOptions extends RowsOptions {
  steps?: number
  /** A file with the inputs at the steps to forecast. */
  future?: string
  inputFormat?: Format
}

/** Forecasts what comes after the data. */
export async function forecast(
  { model: path, data }: Located & { readonly data: string },
  options: ForecastCommandOptions,
  output: Output,
): Promise<void> {
  if (!output.json) rowFormatOf(options)
  const model = await loadTrained(path)
  const metadata = forecastMetadataOf(model, path)
  await withData(data, options.inputFormat ?? 'csv', async (file) => {
    const series = await readSeries(file, metadata.series, output)
    const { steps = metadata.horizon, future } = options
    const scaler = scalerOf(model, path)
    const calibration = calibrationOf(model, metadata)
    const isCalibrated = calibration !== undefined && steps <= calibration.steps
    if (calibration !== undefined && !isCalibrated) {
      output.warn(`the intervals of the model are for ${calibration.steps} steps: a forecast of ${steps} has none`)
    }
    const found = await forecastSeries(model, series, {
      past: metadata.past,
      steps,
      scaler,
      calibration: isCalibrated ? calibration : null,
      ...(future === undefined ? {} : { futureInputs: await futureInputs(future, metadata, series) }),
    })
    if (output.json) return output.result({ model: path, data, forecasts: found }, () => '')
    const text = timeTextOf(series)
    await writeRows(
      columnsOf(metadata, found),
      partsOf(found.flatMap((one) => rowsOf(metadata, one, text, writtenBy(scaler, scaler.groups && one.group)))),
      options,
    )
  })
}

const percent = (level: number): string => String(Number((100 * level).toFixed(6)))

/** The name of a bound: `temp_max_lower_80`. */
const boundOf = (target: string, side: 'lower' | 'upper', level: number): string =>
  `${target}_${side}_${percent(level)}`

function columnsOf({ series }: ForecastMetadata, [first]: readonly Forecast[]): Columns {
  const bounds = (target: string): [string, 'DOUBLE'][] =>
    (first?.intervals ?? []).flatMap(({ level }) => [
      [boundOf(target, 'lower', level), 'DOUBLE'],
      [boundOf(target, 'upper', level), 'DOUBLE'],
    ])
  return Object.fromEntries([
    ...(first?.group == null ? [] : [['group', 'VARCHAR']]),
    [series.time, 'TIMESTAMP'],
    ...[series.targets].flat().flatMap((target) => [[target, 'DOUBLE'], ...bounds(target)]),
  ]) as Columns
}

function rowsOf(
  { series }: ForecastMetadata,
  one: Forecast,
  text: (time: Date) => string,
  written: ReturnType<typeof writtenBy>,
): Row[] {
  return one.times.map(
    (time, i) =>
      Object.fromEntries([
        ...(one.group === null ? [] : [['group', one.group]]),
        [series.time, text(time)],
        ...[series.targets].flat().flatMap((target, k) => [
          [target, written(one.values[target]?.[i], k)],
          ...one.intervals.flatMap(({ level, lower, upper }) => [
            [boundOf(target, 'lower', level), written(lower[target]?.[i], k)],
            [boundOf(target, 'upper', level), written(upper[target]?.[i], k)],
          ]),
        ]),
      ]) as Row,
  )
}

/** The inputs of a file, by name, and with groups by group. */
async function futureInputs(
  path: string,
  { series: { time, inputs = [], groups } }: ForecastMetadata,
  series: Series,
): Promise<NonNullable<ForecastOptions['futureInputs']>> {
  const names = [inputs].flat()
  if (names.length === 0) {
    throw torchError('ERR_TORCH_OPTION', '--future has no effect: the model reads no inputs but targets and calendar')
  }
  const future = await Series.from(path, { time, targets: names, ...(groups === undefined ? {} : { groups }) })
  const columns = Object.fromEntries(names.map((name) => [name, future.column(name)]))
  if (series.groups.length === 0) return columns
  // Rows are by group, and these in the order in which they come.
  const each = future.length / future.groups.length
  if (!Number.isInteger(each)) {
    throw torchError('ERR_TORCH_VALUE', `${path}: all groups must have the same number of steps`)
  }
  return Object.fromEntries(
    future.groups.map((group, g) => [
      group,
      Object.fromEntries(names.map((name) => [name, (columns[name] as Float64Array).slice(g * each, (g + 1) * each)])),
    ]),
  )
}
