import '../native/here.cjs'
import '../tensor/extensions.ts'

export { type Batch, type Dataset, SequenceDataset, type SequenceOptions, TensorDataset } from './dataset.ts'
export { type BatchPlan, DataLoader, type DataLoaderOptions } from './loader.ts'
