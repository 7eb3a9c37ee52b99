export { type ClipGradNormOptions, clipGradNorm_, clipGradValue_ } from './clip.ts'
export * as parametrizations from './parametrizations/index.ts'
export * as parametrize from './parametrize.ts'
export * as rnn from './rnn.ts'
