import '../native/here.cjs'
import '../tensor/extensions.ts'

export {
  type AuxiliaryInputs,
  type AuxiliaryLoss,
  activationRegularization,
  l1Regularization,
  temporalActivationRegularization,
} from './auxiliary.ts'
export type { Callback } from './callback.ts'
export { bestWeights } from './callbacks/best-weights.ts'
export { type CheckpointOptions, checkpoint } from './callbacks/checkpoint.ts'
export { csvLogger } from './callbacks/csv-logger.ts'
export { type EarlyStoppingOptions, earlyStopping } from './callbacks/early-stopping.ts'
export {
  type LearningRateEntry,
  type LearningRateMonitor,
  learningRateMonitor,
} from './callbacks/learning-rate-monitor.ts'
export { progressBar } from './callbacks/progress-bar.ts'
export { type Images, type TensorBoardOptions, tensorBoard } from './callbacks/tensor-board.ts'
export type { State } from './checkpoint.ts'
export type { Criterion, Loss, LossName } from './criterion.ts'
export type { NonFinite } from './divergence.ts'
export type { DryRun, DryRunOptions } from './dry-run.ts'
export type { EvaluateOptions, Evaluation, EvaluationOf, Measured, ResultsByName } from './evaluation.ts'
export type { BatchSizeSearch, BatchSizeTrial, FindBatchSizeOptions } from './find-batch-size.ts'
export type { FitOptions } from './fit-options.ts'
export { type EpochResult, History } from './history.ts'
export type { Initializer, InitializerName, InitOptions } from './initialization.ts'
export type { MonitorMode, MonitorOptions } from './monitor.ts'
export type { OptimizerName } from './optimizer.ts'
export type { TrainerOptions } from './options.ts'
export type { PredictOptions } from './predictor.ts'
export type { Run, RunOptions } from './run.ts'
export type { BatchSource, PredictionData, TrainingData } from './source.ts'
export type { ModelParts, TrainableModel } from './step.ts'
export { SummaryWriter, type SummaryWriterOptions } from './summary-writer.ts'
export { Trainer } from './trainer.ts'
export { TrainingStep, type TrainingStepOptions } from './training-step.ts'
export type { LearningRateTest, TuneLearningRateOptions } from './tune-learning-rate.ts'
