import '../native/here.cjs'
import '../tensor/extensions.ts'

export { Adam, type AdamOptions, AdamW } from './adam.ts'
export * as lrScheduler from './lr-scheduler/index.ts'
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
export { RMSprop, type RMSpropOptions } from './rmsprop.ts'
export { SGD, type SGDOptions } from './sgd.ts'
export * as swaUtils from './swa-utils/index.ts'
