export { type EpochResult, History } from './history.ts'
export type { Criterion, TrainerOptions } from './options.ts'
export { type ProgressEvent, type ProgressListener, terminalProgress } from './progress.ts'
export { type FitOptions, type TrainableModel, Trainer, type TrainingData } from './trainer.ts'
