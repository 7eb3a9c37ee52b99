import './native/here.cjs'
import './tensor/extensions.ts'

export type {
  AutocastOptions,
  GradScaler,
  GradScalerOptions,
  GradScalerState,
  Stepping,
} from './amp/index.ts'
export type {
  CaptureOptions,
  CUDAGraph,
  CudaDevice,
  CudaProperties,
  Event as CudaEvent,
  EventOptions,
} from './cuda/index.ts'
export {
  type ErrorCode,
  LibTorchError,
  TorchDisposedError,
  TorchError,
  type TorchErrorOptions,
  TorchIndexError,
  TorchOutOfMemoryError,
  TorchShapeError,
  TorchTypeError,
  TorchValueError,
} from './errors.ts'
export * as io from './io/index.ts'
export { type ScriptLoadOptions, ScriptModule, type ScriptValue } from './jit/index.ts'
export type { MemoryUsage } from './members.ts'
export * as nn from './nn/index.ts'
export type { TensorMethods, TorchFunctions } from './ops/generated.ts'
export * as optim from './optim/index.ts'
export type { AnomalyOptions } from './tensor/anomaly.ts'
export type { MatmulPrecision } from './tensor/backends.ts'
export type { Offload, OffloadOptions } from './tensor/context.ts'
export type { CreationOptions, RandomOptions, TensorOptions } from './tensor/creation.ts'
export type { NestedArray, NestedData, TypedArray } from './tensor/data.ts'
export type { DeviceType } from './tensor/device.ts'
export type { DType } from './tensor/dtype.ts'
export type { PrintOptions } from './tensor/format.ts'
export type { FunctionClass, FunctionContext } from './tensor/function.ts'
export type { FunctionalOptions } from './tensor/functional.ts'
export type { Generator, GeneratorOptions } from './tensor/generator.ts'
export type { Differentiable, GradcheckOptions } from './tensor/gradcheck.ts'
export type { GradOptions } from './tensor/gradient.ts'
export type { Index, Slice } from './tensor/indexing.ts'
export type { OperatorNamespace, OperatorNamespaces, OperatorPacket, Operators } from './tensor/operators.ts'
export type { Packet } from './tensor/packet.ts'
export type { BackwardOptions, Device, Scalar, ToOptions } from './tensor/tensor.ts'
export { Tensor } from './tensor/tensor.ts'
export { torch } from './torch.ts'
