import './native/here.cjs'

export type { GradScaler, GradScalerOptions, GradScalerState } from './amp/index.ts'
export {
  type ErrorCode,
  LibTorchError,
  TorchDisposedError,
  TorchError,
  TorchIndexError,
  TorchOutOfMemoryError,
  TorchShapeError,
  TorchTypeError,
  TorchValueError,
} from './errors.ts'
export * as io from './io/index.ts'
export { ScriptModule, type ScriptValue } from './jit/index.ts'
export * as nn from './nn/index.ts'
export * as optim from './optim/index.ts'
export type { CreationOptions, TensorOptions } from './tensor/creation.ts'
export type { NestedArray, TypedArray } from './tensor/data.ts'
export type { DType } from './tensor/dtype.ts'
export type { Generator, GeneratorOptions } from './tensor/generator.ts'
export type { BackwardOptions, Device, Scalar, ToOptions } from './tensor/tensor.ts'
export { Tensor } from './tensor/tensor.ts'
export { torch } from './torch.ts'
