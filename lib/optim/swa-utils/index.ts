import '../../native/here.cjs'
import '../../tensor/extensions.ts'

export { AveragedModel, type AveragedModelOptions } from './averaged-model.ts'
export {
  type AvgFn,
  getEmaAvgFn,
  getEmaMultiAvgFn,
  getSwaAvgFn,
  getSwaMultiAvgFn,
  type MultiAvgFn,
} from './averages.ts'
export { SWALR, type SWALROptions, type SWALRState } from './swa-lr.ts'
export { type BnBatch, type UpdateBnOptions, updateBn, updateBnSync } from './update-bn.ts'
