import '../native/here.cjs'
import '../tensor/extensions.ts'

export {
  ActivationModule,
  CELU,
  ELU,
  GELU,
  GLU,
  Hardshrink,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LeakyReLU,
  LogSigmoid,
  LogSoftmax,
  Mish,
  PReLU,
  type PReLUOptions,
  ReLU,
  ReLU6,
  RReLU,
  SELU,
  Sigmoid,
  SiLU,
  Softmax,
  Softmin,
  Softplus,
  Softshrink,
  Softsign,
  Tanh,
  Tanhshrink,
  Threshold,
} from './activation.ts'
export type { BackwardHook, BackwardPreHook, GradientList, HookGradients } from './backward-hooks.ts'
export { BatchNorm1d, type BatchNorm1dOptions, BatchNorm2d, type BatchNorm2dOptions } from './batch-norm.ts'
export { Bilinear } from './bilinear.ts'
export { GRUCell, LSTMCell, RecurrentCell, type RecurrentCellOptions, RNNCell, type RNNCellOptions } from './cell.ts'
export { ChungGRU, type ChungGRUOptions } from './chung-gru.ts'
export {
  Conv1d,
  type Conv1dOptions,
  Conv2d,
  type Conv2dOptions,
  ConvTranspose1d,
  type ConvTranspose1dOptions,
  type PaddingMode,
} from './conv.ts'
export type { DictEntries } from './dict.ts'
export { CosineSimilarity, PairwiseDistance } from './distance.ts'
export { AlphaDropout, Dropout, Dropout1d, Dropout2d } from './dropout.ts'
export { Embedding, type EmbeddingOptions, type PretrainedOptions } from './embedding.ts'
export type {
  Activation,
  ActivationOptions,
  GateActivation,
  LayerNormalizationOptions,
  ZoneoutOptions,
} from './equations.ts'
export type { FactoryOptions } from './factory.ts'
export { Flatten, type FlattenOptions } from './flatten.ts'
export * as functional from './functional/index.ts'
export { GroupNorm, type GroupNormOptions } from './group-norm.ts'
export { GRU, type GRUOptions } from './gru.ts'
export type {
  ForwardHook,
  ForwardInputs,
  ForwardPreHook,
  HookFunction,
  HookOptions,
  RemovableHandle,
} from './hooks.ts'
export { Identity } from './identity.ts'
export * as init from './init.ts'
export { LayerNorm, type LayerNormOptions } from './layer-norm.ts'
export { Linear, type LinearOptions } from './linear.ts'
export { LockedDropout, type LockedDropoutOptions } from './locked-dropout.ts'
export {
  BCELoss,
  BCEWithLogitsLoss,
  CosineEmbeddingLoss,
  CrossEntropyLoss,
  CTCLoss,
  GaussianNLLLoss,
  HuberLoss,
  KLDivLoss,
  L1Loss,
  MSELoss,
  NLLLoss,
  PoissonNLLLoss,
  QuantileLoss,
  SmoothL1Loss,
  TripletMarginLoss,
} from './loss.ts'
export { LSTM, type LSTMOptions, type LSTMState } from './lstm.ts'
export { MinGRU, type MinGRUOptions } from './min-gru.ts'
export { Module } from './module.ts'
export { ModuleDict } from './module-dict.ts'
export { ModuleList } from './module-list.ts'
export {
  CircularPad1d,
  ConstantPad1d,
  type Padding1d,
  ReflectionPad1d,
  ReplicationPad1d,
  ZeroPad1d,
} from './padding.ts'
export { Buffer, type BufferOptions, Parameter, type ParameterOptions } from './parameter.ts'
export { ParameterDict } from './parameter-dict.ts'
export { ParameterList } from './parameter-list.ts'
export { type Peephole, PeepholeLSTM, type PeepholeLSTMOptions } from './peephole-lstm.ts'
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveMaxPool1d,
  AvgPool1d,
  AvgPool2d,
  MaxPool1d,
  MaxPool2d,
} from './pool.ts'
export type { Recurrence } from './recurrence.ts'
export { type ParameterSizes, type RecurrentBackend, RecurrentModule, type RecurrentOptions } from './recurrent.ts'
export { RMSNorm, type RMSNormOptions } from './rms-norm.ts'
export { RNN, type RNNOptions } from './rnn.ts'
export { type Layer, Sequential } from './sequential.ts'
export type { HeightWidth, Size2d } from './size.ts'
export type { LoadResult, StateDict } from './state-dict.ts'
export { RecurrentStream, type StreamOptions, type StreamState, stepStreams } from './stream.ts'
export * as utils from './utils/index.ts'
