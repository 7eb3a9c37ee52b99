import type { Series, WindowDataset } from '../../data/index.ts'
import type { Calibration, NaiveMethod } from '../../forecast/index.ts'
import { sha256Of } from '../checksum.ts'
import { naiveTitle } from '../measure.ts'
import { calibrationOf, type ForecastMetadata, forecastMetadataOf } from '../metadata.ts'
import type { TrainedModel } from '../networks/load.ts'
import type { Output } from '../output.ts'
import { type Parts, readSeries, scalerOf, splitSeries, timeTextOf } from '../series.ts'
import type { Settings } from '../settings.ts'
import { measure, type TargetEvidence } from './evidence.ts'
import type { RunFolder } from './run-folder.ts'

/** A run that forecasts, with all that its report shows. */
export interface ForecastRun extends RunFolder {
  /** The path of the data. */
  readonly data: string
  /** Whether the data are still those of the training. */
  readonly isSame: boolean
  readonly model: TrainedModel
  readonly metadata: ForecastMetadata
  /** What intervals come from, if there are some. */
  readonly calibration: Calibration | undefined
  readonly settings: Settings
  readonly series: Series
  readonly parts: Parts
  /** The part that is held out; without one nothing is measured. */
  readonly held: WindowDataset | undefined
  readonly evidence: readonly TargetEvidence[]
  readonly season: number | undefined
  /** A time as texts have it. */
  readonly timeText: (time: Date) => string
  /** The network in a word, and its forecasts in charts. */
  readonly own: string
}

const NETWORKS: Readonly<Record<string, string>> = {
  rnn: 'RNN',
  lstm: 'LSTM',
  gru: 'GRU',
  peepholeLstm: 'peephole LSTM',
  chungGru: 'Chung GRU',
  minGru: 'minGRU',
  transformer: 'Transformer',
  linear: 'linear model',
}

/** A network, by the name of `--model`, in words. */
export const networkName = (model: string): string => NETWORKS[model] ?? model

/** Reads the data of a run again, and measures its model on the part that is held out. */
export async function forecastRun(
  run: RunFolder,
  { data, model, path, output }: { data: string; model: TrainedModel; path: string; output: Output },
): Promise<ForecastRun> {
  const metadata = forecastMetadataOf(model, path)
  const settings = metadata.training.settings as Settings
  const series = await readSeries(data, metadata.series, output, settings.mmap)
  const isSame = await sameData(data, metadata.training.about.dataSha256)
  if (isSame === false) output.warn(`${data} is not what the model was trained on: errors differ from those of the run`)
  const parts = await splitSeries(series, settings, scalerOf(model, path))
  const { part } = run.result
  const held = part === null ? undefined : parts[part]
  const season = metadata.measures.season
  const methods: NaiveMethod[] = [
    'persistence',
    ...(season === undefined || season > metadata.past ? [] : (['seasonalNaive'] as const)),
    'drift',
    'movingAverage',
  ]
  const calibration = calibrationOf(model, metadata)
  return {
    ...run,
    data,
    isSame: isSame !== false,
    model,
    metadata,
    calibration,
    settings,
    series,
    parts,
    held,
    evidence: held === undefined ? [] : await measure(model, held, { methods, season, calibration }),
    season,
    timeText: timeTextOf(series),
    own: networkName(settings.model),
  }
}

/** Whether a file has this checksum; `undefined` if the data are several files. */
async function sameData(data: string, checksum: string | null): Promise<boolean | undefined> {
  return checksum === null ? undefined : (await sha256Of(data)) === checksum
}

/** The name of a target's best naive forecast. */
export const naiveName = ({ bestNaive }: TargetEvidence): string => naiveTitle(bestNaive)

/** The columns that the model forecasts. */
export const targetsOf = ({ series }: ForecastRun): readonly string[] => series.targets
