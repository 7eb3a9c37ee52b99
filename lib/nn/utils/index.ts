export {
  type ClipGradNormOptions,
  clipGradNorm_,
  clipGradsWithNorm_,
  clipGradValue_,
  getTotalNorm,
  type TotalNormOptions,
} from './clip.ts'
export * as rnn from './rnn.ts'
export { parametersToVector, vectorToParameters } from './vector.ts'
