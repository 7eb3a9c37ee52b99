export { type Dataset, SequenceDataset, type SequenceOptions, TensorDataset } from './dataset.ts'
export { type Batch, type BatchPlan, DataLoader, type DataLoaderOptions } from './loader.ts'
