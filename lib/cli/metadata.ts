import { isArrayOf } from '../array.ts'
import { isPlain } from '../check.ts'
import type { SeriesOptions } from '../data/index.ts'
import { torchError } from '../errors.ts'
import type { Calibration } from '../forecast/index.ts'
import type { JSONObject } from '../models/index.ts'
import type { SequenceColumns } from './classify/sequences.ts'
import type { About } from './config.ts'
import type { Measures } from './measure.ts'
import type { TrainedModel } from './networks/load.ts'
import type { Given } from './settings.ts'

/** What `train` saves with a model that forecasts, beside its scaler. */
export interface ForecastMetadata {
  readonly task: 'forecast'
  /** How the series was read. */
  readonly series: SeriesOptions
  readonly past: number
  readonly horizon: number
  /** Files of earlier versions have it here, and not in the model. */
  readonly calibration?: Calibration
  readonly measures: Measures
  readonly training: Training
}

/** What `train` saves with a model that goes on with texts, beside its vocabulary. */
export interface TextMetadata {
  readonly task: 'text'
  readonly batchSize: number
  readonly sequenceLength: number
  readonly metrics: readonly string[]
  readonly training: Training
}

/** What `train` saves with a model that tells classes of sequences, beside its scaler. */
export interface ClassMetadata {
  readonly task: 'classify'
  /** How sequences were read. */
  readonly columns: SequenceColumns
  /** The classes, in the order of the outputs. */
  readonly labels: readonly string[]
  /** How many sequences of each were trained on. */
  readonly counts: readonly number[]
  /** The weight of each in the loss. */
  readonly weights: readonly number[] | null
  readonly metrics: readonly string[]
  readonly training: Training
}

/** How a model was trained. */
export interface Training {
  readonly settings: Given
  readonly about: About
  readonly epochs: number
  readonly bestEpoch: number | null
}

/** As plain JSON, without what is undefined. */
export function toJSON(metadata: ForecastMetadata | ClassMetadata | TextMetadata): JSONObject {
  return JSON.parse(JSON.stringify(metadata)) as JSONObject
}

/** Whether `train` wrote this. */
export function isForecastMetadata(metadata: object): metadata is ForecastMetadata {
  const { task, series, past, horizon, measures, training } = metadata as Partial<Record<string, unknown>>
  const sizes = [past, horizon].every(Number.isSafeInteger)
  return task === 'forecast' && sizes && [series, measures, training].every(isPlain)
}

/** The same for classes. */
export function isClassMetadata(metadata: object): metadata is ClassMetadata {
  const { task, columns, labels, counts, metrics, training } = metadata as Partial<Record<string, unknown>>
  const isNames = (value: unknown): boolean => isArrayOf(value, (name) => typeof name === 'string')
  return (
    task === 'classify' &&
    isPlain(columns) &&
    [labels, metrics].every(isNames) &&
    Array.isArray(counts) &&
    isPlain(training)
  )
}

/** The same for texts. */
export function isTextMetadata(metadata: object): metadata is TextMetadata {
  const { task, batchSize, sequenceLength, metrics, training } = metadata as Partial<Record<string, unknown>>
  const sizes = [batchSize, sequenceLength].every(Number.isSafeInteger)
  return task === 'text' && sizes && Array.isArray(metrics) && isPlain(training)
}

/** The calibration of a model that `train` saved, if it has one. */
export function calibrationOf(model: TrainedModel, metadata: ForecastMetadata): Calibration | undefined {
  return model.calibration ?? metadata.calibration
}

/** @throws {TorchError} unless the model was trained to forecast, by this program. */
export function forecastMetadataOf(model: TrainedModel, path: string): ForecastMetadata {
  const { metadata } = model
  if (isForecastMetadata(metadata)) return metadata
  throw torchError(
    'ERR_TORCH_FORMAT',
    `${path} is not the model of a forecast that 'libtorch-rnn train' made: it does not say which columns it reads`,
  )
}
