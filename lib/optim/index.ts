export { Adam, type AdamOptions, AdamW } from './adam.ts'
export { Optimizer, type OptimizerStateDict, type ParameterState, type ParamGroup, type Params } from './optimizer.ts'
export { SGD, type SGDOptions } from './sgd.ts'
