import '../native/here.cjs'
import '../tensor/extensions.ts'

export type { Batch, BatchPair, BatchPart, NamedBatch } from './batch.ts'
export { type CollateOptions, collate, type NamedSample, type Sample, type SamplePart } from './collate.ts'
export type { SampleSource } from './collated.ts'
export { type Dataset, SequenceDataset, type SequenceOptions, TensorDataset } from './dataset.ts'
export { type BatchPlan, type BatchPlans, DataLoader, type DataLoaderOptions } from './loader.ts'
export {
  type LengthBucketOptions,
  LengthBucketSampler,
  type WeightedRandomOptions,
  WeightedRandomSampler,
} from './sampler.ts'
export { type ScalerChoice, scalerFrom } from './scaler/index.ts'
export { LogScaler, type LogScalerOptions } from './scaler/log.ts'
export { MinMaxScaler, type MinMaxScalerOptions } from './scaler/min-max.ts'
export { RobustScaler, type RobustScalerOptions } from './scaler/robust.ts'
export type { Scaler, ScalerConfig, Scales } from './scaler/scaler.ts'
export { type InverseOptions, SeriesScaler, type SeriesScalerConfig } from './scaler/series-scaler.ts'
export { StandardScaler } from './scaler/standard.ts'
export type { SeriesColumn, SeriesColumns, SeriesRows } from './series/arrays.ts'
export type { CalendarInput } from './series/calendar.ts'
export type { QuerySource } from './series/duckdb.ts'
export { type ExamineOptions, examine, type Finding } from './series/examine.ts'
export type { Gap } from './series/gaps.ts'
export type { Latest, LatestOptions } from './series/latest.ts'
export type { Missing } from './series/missing.ts'
export { Series, type SeriesOptions } from './series/series.ts'
export type { SeriesConnection } from './series/session.ts'
export type { SeriesSource } from './series/source.ts'
export type { Split, SplitOptions } from './series/split.ts'
export type { RowOrder } from './series/table.ts'
export type { Frequency, SplitPoint, TimeUnit } from './series/time.ts'
export type { WindowBatch, WindowDataset, WindowOptions } from './series/windows.ts'
export { StackDataset, type StackedTensors } from './stack-dataset.ts'
export { ConcatDataset, randomSplit, Subset, timeSplit } from './subset.ts'
export { type TextBatch, TextDataset, type TextDatasetOptions } from './text.ts'
export {
  type TokenLevel,
  Vocabulary,
  type VocabularyConfig,
  type VocabularyOptions,
  type VocabularyTextOptions,
} from './vocabulary.ts'
export { WorkerDataset, type WorkerDatasetOptions } from './worker/worker-dataset.ts'
