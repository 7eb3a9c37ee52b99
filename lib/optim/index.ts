import '../native/here.cjs'
import '../tensor/extensions.ts'

export { Adadelta, type AdadeltaOptions } from './adadelta.ts'
export { Adagrad, type AdagradOptions } from './adagrad.ts'
export { Adam, type AdamOptions, AdamW } from './adam.ts'
export { Adamax, type AdamaxOptions } from './adamax.ts'
export { ASGD, type ASGDOptions } from './asgd.ts'
export { type Closure, LBFGS, type LBFGSOptions } from './lbfgs.ts'
export * as lrScheduler from './lr-scheduler/index.ts'
export { NAdam, type NAdamOptions } from './nadam.ts'
export {
  Optimizer,
  type OptimizerStateDict,
  type ParameterState,
  type ParamGroup,
  type ParamGroupOptions,
  type ParamList,
  type Params,
  type StepInputs,
} from './optimizer.ts'
export { RAdam, type RAdamOptions } from './radam.ts'
export { RMSprop, type RMSpropOptions } from './rmsprop.ts'
export { Rprop, type RpropOptions } from './rprop.ts'
export { SGD, type SGDOptions } from './sgd.ts'
export * as swaUtils from './swa-utils/index.ts'
