import type { WindowDataset } from '../data/index.ts'
import { Subset } from '../data/index.ts'
import { loadModel, type RecurrentModel } from '../models/index.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { torch } from '../torch.ts'
import { Trainer } from '../train/index.ts'
import { predictClasses } from './classify/use.ts'
import { windowsFrom } from './evaluate.ts'
import { type ForecastMetadata, forecastMetadataOf, isClassMetadata } from './metadata.ts'
import type { Output } from './output.ts'
import { type Columns, type Row, type RowsOptions, rounded, rowFormatOf, writeRows } from './rows.ts'
import { timeTextOf } from './series.ts'
import { type Format, type Located, withData } from './source.ts'

export interface PredictCommandOptions extends RowsOptions {
  from?: string | number
  inputFormat?: Format
}

/** How many windows are computed and written at a time. */
const PART = 4096

/** Writes what a model forecasts from each place in the data, beside what came. */
export async function predict(
  found: Located & { readonly data: string },
  options: PredictCommandOptions,
  output: Output,
): Promise<void> {
  rowFormatOf(options)
  const { model: path, data } = found
  const model = await loadModel(path)
  if (isClassMetadata(model.metadata)) return await predictClasses(model, model.metadata, found, options, output)
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
  model: RecurrentModel,
  metadata: ForecastMetadata,
  windows: WindowDataset,
  text: (time: Date) => string,
): AsyncGenerator<Row[]> {
  const targets = [metadata.series.targets].flat()
  const trainer = new Trainer(model, { progress: false })
  for (let start = 0; start < windows.length; start += PART) {
    const indices = Array.from({ length: Math.min(PART, windows.length - start) }, (_, i) => start + i)
    const output = await trainer.predict(new Subset(windows, indices))
    const [values, actual] = torch.tidy(() => {
      const { target, mask } = windows.batch(indices, true)
      const wanted = mask === undefined ? target : target.maskedFill(mask.logicalNot(), Number.NaN)
      const inUnits = (scaled: Tensor): number[][][] =>
        windows.inverseTransform(scaled.double(), indices).toArray() as number[][][]
      return [inUnits(output), inUnits(wanted)]
    })
    output.dispose()
    const groups = windows.groups(indices)
    yield indices.flatMap((index, n) =>
      windows.times(index).map(
        (time, h) =>
          Object.fromEntries([
            ...(groups === undefined ? [] : [['group', groups[n]]]),
            [metadata.series.time, text(time)],
            ['step', h + 1],
            ...targets.flatMap((target, k) => [
              [target, rounded(values?.[n]?.[h]?.[k])],
              [`${target}_actual`, rounded(actual?.[n]?.[h]?.[k])],
            ]),
          ]) as Row,
      ),
    )
  }
}
