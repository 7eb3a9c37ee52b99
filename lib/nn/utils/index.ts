export { type ClipGradNormOptions, clipGradNorm, clipGradValue } from './clip.ts'
export * as rnn from './rnn.ts'
