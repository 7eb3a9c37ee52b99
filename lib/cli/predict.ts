import type { WindowDataset } from '../data/index.ts'
import type { RecurrentModel } from '../models/index.ts'
import { predictClasses } from './classify/use.ts'
import { windowsFrom } from './evaluate.ts'
import { forecastsIn } from './forecasts.ts'
import { type ForecastMetadata, forecastMetadataOf, isClassMetadata } from './metadata.ts'
import { loadTrained, type TrainedModel } from './networks/load.ts'
import type { Output } from './output.ts'
import { type Columns, type Row, type RowsOptions, rowFormatOf, writeRows } from './rows.ts'
import { timeTextOf, writtenBy } from './series.ts'
import { type Format, type Located, withData } from './source.ts'

export interface PredictCommandOptions extends RowsOptions {
  from?: string | number
  inputFormat?: Format
}

/** Writes what a model forecasts from each place in the data, beside what came. */
export async function predict(
  found: Located & { readonly data: string },
  options: PredictCommandOptions,
  output: Output,
): Promise<void> {
  rowFormatOf(options)
  const { model: path, data } = found
  const model = await loadTrained(path)
  if (isClassMetadata(model.metadata)) {
    return await predictClasses(model as RecurrentModel, model.metadata, found, options, output)
  }
  const metadata = forecastMetadataOf(model, path)
  await withData(data, options.inputFormat ?? 'csv', async (file) => {
    const { series, windows } = await windowsFrom(file, options.from, { model, path, metadata, output })
    const rows = forecastsOf(model, metadata, windows, timeTextOf(series))
    await writeRows(columnsOf(metadata), rows, options)
    output.detail(`${windows.length} forecasts of ${windows.horizon} steps`)
  })
}

function columnsOf({ series }: ForecastMetadata): Columns {
  return Object.fromEntries([
    ...(series.groups === undefined ? [] : [['group', 'VARCHAR']]),
    [series.time, 'TIMESTAMP'],
    ['step', 'INTEGER'],
    ...[series.targets].flat().flatMap((target) => [
      [target, 'DOUBLE'],
      [`${target}_actual`, 'DOUBLE'],
    ]),
  ]) as Columns
}

/** The rows of all windows, some windows at a time. */
async function* forecastsOf(
  model: TrainedModel,
  metadata: ForecastMetadata,
  windows: WindowDataset,
  text: (time: Date) => string,
): AsyncGenerator<Row[]> {
  const targets = [metadata.series.targets].flat()
  for await (const { indices, forecast, actual } of forecastsIn(model, windows)) {
    const [values, came] = [forecast, actual].map((tensor) => tensor.toArray() as number[][][])
    const groups = windows.groups(indices)
    yield indices.flatMap((index, n) => {
      const written = writtenBy(windows.scaler, groups?.[n])
      return windows.times(index).map(
        (time, h) =>
          Object.fromEntries([
            ...(groups === undefined ? [] : [['group', groups[n]]]),
            [metadata.series.time, text(time)],
            ['step', h + 1],
            ...targets.flatMap((target, k) => [
              [target, written(values?.[n]?.[h]?.[k], k)],
              [`${target}_actual`, written(came?.[n]?.[h]?.[k], k)],
            ]),
          ]) as Row,
      )
    })
  }
}
