import '../native/here.cjs'
import '../tensor/extensions.ts'

export type { Description, Metrics } from './description.ts'
export type { Input, NumberArray, Output, OutputArray, Signature } from './input.ts'
export type { Counts, Histogram, LatencySummary } from './metrics.ts'
export type { ModelSource } from './model.ts'
export type {
  BatchOptions,
  CloseOptions,
  InputOptions,
  PredictOptions,
  QueueOptions,
  ReloadOptions,
  ServeOptions,
  SessionsOptions,
} from './options.ts'
export { Server, serve } from './server.ts'
export { Session, type StepInput, type StepOptions, type StepOutput } from './session.ts'
export type { SessionCounts, SessionOptions } from './session-options.ts'
export { MemoryStore, type SessionStore } from './store.ts'
export type { SharedWeights } from './version.ts'
export type { Routes, VersionInfo } from './versions.ts'
