import '../native/here.cjs'
import '../tensor/extensions.ts'

export type { MetricBatch, UpdateOptions } from './batch.ts'
export type { Average, Averaged, ClassScoreOptions, Combined } from './class-score.ts'
export {
  type Classes,
  ClassificationMetric,
  type ClassificationOptions,
  type DecisionOptions,
} from './classification.ts'
export * from './list.ts'
export { MeanError } from './mean-error.ts'
export { Metric, type MetricOptions } from './metric.ts'
export type { MetricName } from './metric-of.ts'
export { type Inverse, RegressionMetric, type RegressionOptions } from './regression.ts'
export type { MetricState } from './state.ts'
