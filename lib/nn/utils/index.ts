export {
  type ClipGradNormOptions,
  clipGradNorm_,
  clipGradsWithNorm_,
  clipGradValue_,
  getTotalNorm,
  type TotalNormOptions,
} from './clip.ts'
export * as parametrizations from './parametrizations/index.ts'
export * as parametrize from './parametrize.ts'
export * as rnn from './rnn.ts'
export { parametersToVector, vectorToParameters } from './vector.ts'
