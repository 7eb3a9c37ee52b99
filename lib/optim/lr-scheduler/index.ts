import '../../native/here.cjs'
import '../../tensor/extensions.ts'

export { ChainedScheduler, type ChainedSchedulerOptions, type ChainedSchedulerState } from './chained-scheduler.ts'
export { ConstantLR, type ConstantLROptions, type ConstantLRState } from './constant-lr.ts'
export { CosineAnnealingLR, type CosineAnnealingLROptions, type CosineAnnealingLRState } from './cosine-annealing-lr.ts'
export {
  CosineAnnealingWarmRestarts,
  type CosineAnnealingWarmRestartsOptions,
  type CosineAnnealingWarmRestartsState,
} from './cosine-annealing-warm-restarts.ts'
export { CyclicLR, type CyclicLROptions, type CyclicLRState } from './cyclic-lr.ts'
export { ExponentialLR, type ExponentialLRState } from './exponential-lr.ts'
export type { ScheduledGroup, ScheduledOptimizer } from './groups.ts'
export { LambdaLR, type LambdaLRState, type LRLambda } from './lambda-lr.ts'
export { LinearLR, type LinearLROptions, type LinearLRState } from './linear-lr.ts'
export { MultiStepLR, type MultiStepLROptions, type MultiStepLRState } from './multi-step-lr.ts'
export { MultiplicativeLR, type MultiplicativeLRState } from './multiplicative-lr.ts'
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
export { OneCycleLR, type OneCycleLROptions, type OneCycleLRState, type OneCyclePhase } from './one-cycle-lr.ts'
export { PolynomialLR, type PolynomialLROptions, type PolynomialLRState } from './polynomial-lr.ts'
export {
  ReduceLROnPlateau,
  type ReduceLROnPlateauOptions,
  type ReduceLROnPlateauState,
} from './reduce-lr-on-plateau.ts'
export { LRScheduler, type LRSchedulerOptions, type LRSchedulerStateDict } from './scheduler.ts'
export { SequentialLR, type SequentialLRState } from './sequential-lr.ts'
export type { PlainData } from './state.ts'
export { StepLR, type StepLROptions, type StepLRState } from './step-lr.ts'
