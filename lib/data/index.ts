import '../native/here.cjs'
import '../tensor/extensions.ts'

export type { Batch, BatchPair, BatchPart, NamedBatch } from './batch.ts'
export { type CollateOptions, collate, type NamedSample, type Sample, type SamplePart } from './collate.ts'
export { type Dataset, SequenceDataset, type SequenceOptions, TensorDataset } from './dataset.ts'
export { type BatchPlan, DataLoader, type DataLoaderOptions, type SampleSource } from './loader.ts'
export {
  type LengthBucketOptions,
  LengthBucketSampler,
  type WeightedRandomOptions,
  WeightedRandomSampler,
} from './sampler.ts'
export { StackDataset, type StackedTensors } from './stack-dataset.ts'
export { ConcatDataset, randomSplit, Subset, timeSplit } from './subset.ts'
