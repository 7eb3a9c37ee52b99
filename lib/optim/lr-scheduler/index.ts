import '../../native/here.cjs'
import '../../tensor/extensions.ts'

export { ChainedScheduler, type ChainedSchedulerOptions } from './chained-scheduler.ts'
export { ConstantLR, type ConstantLROptions } from './constant-lr.ts'
export { CosineAnnealingLR, type CosineAnnealingLROptions } from './cosine-annealing-lr.ts'
export {
  CosineAnnealingWarmRestarts,
  type CosineAnnealingWarmRestartsOptions,
} from './cosine-annealing-warm-restarts.ts'
export { CyclicLR, type CyclicLROptions } from './cyclic-lr.ts'
export { ExponentialLR } from './exponential-lr.ts'
export type { ScheduledGroup, ScheduledOptimizer } from './groups.ts'
export { LambdaLR, type LRLambda } from './lambda-lr.ts'
export { LinearLR, type LinearLROptions } from './linear-lr.ts'
export { MultiStepLR, type MultiStepLROptions } from './multi-step-lr.ts'
export { MultiplicativeLR } from './multiplicative-lr.ts'
export {
  type ConstantSchedule,
  type CosineSchedule,
  type LinearSchedule,
  type NamedSchedule,
  type OneCycleSchedule,
  type PlateauSchedule,
  type Schedule,
  type ScheduleSpec,
  scheduleOf,
  type WarmUpOptions,
} from './named.ts'
export { OneCycleLR, type OneCycleLROptions } from './one-cycle-lr.ts'
export { PolynomialLR, type PolynomialLROptions } from './polynomial-lr.ts'
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from './reduce-lr-on-plateau.ts'
export { LRScheduler, type LRSchedulerOptions, type LRSchedulerStateDict } from './scheduler.ts'
export { SequentialLR } from './sequential-lr.ts'
export type { PlainData } from './state.ts'
export { StepLR, type StepLROptions } from './step-lr.ts'
