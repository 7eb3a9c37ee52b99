import { loadAddon } from './load.ts'

/** A tensor of the native side: a small integer, owned by one {@link Tensor}. */
export type Id = number

/**
 * An index in the form that `indexing.cpp` reads: select, new axis, `...`, mask, slice `[start, stop, step]`, or a
 * tensor.
 */
export type NativeIndex =
  | number
  | null
  | boolean
  | '...'
  | readonly [number | null, number | null, number | null]
  | { tensor: Id }

/** A TorchScript module, kept alive by the object. */
export type Script = object

/** A CUDA event, kept alive by the object. */
export type CudaEvent = object

/** A CUDA graph, kept alive by the object. */
export type GraphHandle = object

/** A random number generator, kept alive by the object. */
export type GeneratorHandle = object

/** The properties of a CUDA device. */
export interface CudaProperties {
  /** `NVIDIA H100 80GB HBM3` */
  name: string
  /** The compute capability is `major.minor`. */
  major: number
  minor: number
  /** The size of its memory in bytes. */
  totalMemory: number
  multiProcessorCount: number
}

/** A TorchScript value in the form that `ivalue.cpp` reads and makes. `undefined` is an omitted argument. */
export type NativeValue =
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | readonly NativeValue[]
  | { tensor: Id }
  | { entries: readonly (readonly [NativeValue, NativeValue])[] }

/** What a model has around its network, for a stream. */
export interface StreamedModel {
  /** A handle from `modelPlan`, which keeps what streams of the model share. */
  plan: object
  /** The rows, or nothing. */
  embedding: Uint32Array
  /** Weight and bias, or only the weight. */
  head: Uint32Array
  /** What the head sees: 0 the last output, 1 the mean of all outputs, 2 their maximum. */
  pooling: 0 | 1 | 2
  /** The number of rows of the head. */
  outputSize: number
}

export interface BuildInfo {
  /** The LibTorch whose headers the addon was compiled with. */
  torchVersion: string
  napiVersion: number
  compiler?: string
}

export interface RuntimeInfo {
  cpuCapability: string
  threads: number
  interopThreads: number
  /** Whether a CUDA device can be used. */
  cuda: boolean
  /** Whether LibTorch's CUDA library is loaded. */
  cudaBuilt: boolean
  cudaDevices: number
  /** `torch.__config__.show()` */
  config: string
}

/** The native data of a recurrent module, kept alive by the object. */
export type RecurrentHandle = object

/** The settings of a recurrent module that never change. */
export interface RecurrentSettings {
  /** For error messages. */
  name: string
  inputSize: number
  hiddenSize: number
  numLayers: number
  projSize: number
  bias: boolean
  batchFirst: boolean
  bidirectional: boolean
  backend: 'auto' | 'libtorch'
}

/** A call of a recurrent network; `state` and `packing` may be empty. */
export type RecurrentCall = [
  handle: RecurrentHandle,
  dropout: number,
  training: boolean,
  input: Uint32Array,
  state: Uint32Array,
  weights: Uint32Array,
  packing: Uint32Array,
]

/** A call of a recurrent network with a linear head: its weight, and its bias if there is one. */
export type ModelCall = [...RecurrentCall, head: Uint32Array, last: boolean, dropout: number]

/** The packed weights of a model, for an engine, kept alive by the object. */
export type ServedModelHandle = object

/** The lanes that serve a model and the states of its sessions, kept alive by the object. */
export type EngineHandle = object

/** The state that copies of the JavaScript in one environment share. */
export interface AddonState {
  /** The number of copies so far. */
  copies: number
  /** The copy that last set the modes. */
  copy: number | undefined
  /** Whether operations are queued instead of run. */
  offloading: boolean
}

/** The functions of `native/binding`. Ids are checked there; the caller checks everything else. */
export interface Native {
  // call.cpp
  operator(name: string, overload: string): number | null
  schema(name: string, overload: string): string | null
  overloads(name: string): string[]
  call(operator: number, ...args: unknown[]): unknown
  // tensor.cpp
  shape(id: Id): number[]
  stride(id: Id): number[]
  storageOffset(id: Id): number
  scalarType(id: Id): number
  device(id: Id): string
  isContiguous(id: Id): boolean
  isLeaf(id: Id): boolean
  requiresGrad(id: Id): boolean
  isInference(id: Id): boolean
  gradFn(id: Id): string | null
  sharesStorage(id: Id, other: Id): boolean
  pending(id: Id): boolean
  release(ids: Id | Uint32Array): void
  guard(id: Id): object
  memory(): { tensors: number; bytes: number }
  // data.cpp
  fromBytes(data: NodeJS.TypedArray, scalarType: number, shape: readonly number[]): Id
  toBytes(id: Id): ArrayBuffer
  viewBytes(id: Id): ArrayBuffer | null
  item(id: Id): number | bigint | boolean | [number, number]
  // storage.cpp
  readBytes(id: Id, offset: number, target: Uint8Array): void
  writeBytes(id: Id, offset: number, source: Uint8Array): void
  memoryRange(id: Id): [storage: number, first: number, last: number, plain: boolean]
  version(id: Id): number
  fromStorage(id: Id, scalarType: number, offset: number, size: readonly number[], stride: readonly number[]): Id
  // file.cpp
  lockFile(fd: number): boolean | null
  // indexing.cpp
  index(id: Id, items: readonly NativeIndex[]): Id
  indexPut(id: Id, items: readonly NativeIndex[], value: { tensor: Id } | number | bigint | boolean): void
  // jit.cpp
  jitLoad(path: string, device: string | null): Script
  jitRun(script: Script, method: string, args: readonly NativeValue[]): NativeValue
  jitStart(script: Script, method: string, args: readonly NativeValue[]): object
  jitResult(started: object): NativeValue
  jitTensors(script: Script): { parameters: [string, Id][]; buffers: [string, Id][] }
  jitDescribe(script: Script): { name: string; training: boolean | null; methods: string[] }
  jitTrain(script: Script, on: boolean): void
  // autograd.cpp
  setMode(
    grad: boolean,
    inference: boolean,
    autocast: [context: number, dtypes: (number | null)[], cache: boolean] | null,
    generator: GeneratorHandle | null,
  ): void
  openAutocast(): number
  closeAutocast(context: number): void
  setRequiresGrad(id: Id, requiresGrad: boolean): void
  grad(id: Id): Id | null
  setGrad(id: Id, gradient: Id | null): void
  setData(id: Id, data: Id): void
  backward(
    tensors: Uint32Array,
    gradients: Uint32Array,
    retainGraph: boolean,
    createGraph: boolean,
    inputs: Uint32Array,
  ): void
  gradients(
    outputs: Uint32Array,
    inputs: Uint32Array,
    seeds: Uint32Array,
    retainGraph: boolean,
    createGraph: boolean,
    allowUnused: boolean,
  ): (Id | null)[]
  setAnomalyDetection(enabled: boolean, checkNan: boolean): void
  anomalyDetection(): [enabled: boolean, checkNan: boolean]
  // function.cpp
  functionBridge(): object
  applyFunction(
    bridge: object,
    name: string,
    backward: (gradients: (Id | null)[], saved: (Id | null)[], grad: boolean) => void,
    inputs: Uint32Array,
    outputs: Uint32Array,
    saved: Uint32Array,
    constant: Uint32Array,
    changed: Uint32Array,
    materialize: boolean,
  ): (Id | null)[]
  functionGradients(bridge: object, gradients: readonly (Id | null)[]): void
  // backends.cpp
  backendSwitch(name: string): boolean
  setBackendSwitch(name: string, on: boolean): void
  cudnnVersion(): number | null
  matmulPrecision(): 'highest' | 'high' | 'medium'
  setMatmulPrecision(precision: string): void
  deterministicAlgorithms(): [on: boolean, warnOnly: boolean]
  useDeterministicAlgorithms(on: boolean, warnOnly: boolean): void
  // cuda.cpp
  cudaState(): { built: boolean; runtime: number | null; devices: number; problem: string | null }
  cudaDevice(): number
  setCudaDevice(device: number): void
  cudaMemoryStats(device: number): Record<string, number>
  cudaResetPeakStats(device: number): void
  cudaMemoryInfo(device: number): [free: number, total: number]
  cudaEmptyCache(): void
  cudaSynchronize(device: number, blocking: false): Promise<void>
  cudaSynchronize(device: number, blocking: true): void
  cudaEvent(timing: boolean): CudaEvent
  cudaRecordEvent(event: CudaEvent): void
  cudaQueryEvent(event: CudaEvent): boolean
  cudaSynchronizeEvent(event: CudaEvent, blocking: false): Promise<void>
  cudaSynchronizeEvent(event: CudaEvent, blocking: true): void
  cudaElapsedTime(start: CudaEvent, end: CudaEvent): number
  // generator.cpp: `null` is the default generator of the CPU
  generator(device: string): GeneratorHandle
  cudaGenerator(device: number): GeneratorHandle
  forkGenerator(): GeneratorHandle
  generatorDevice(generator: GeneratorHandle): string
  manualSeed(seed: number | bigint): void
  seedGenerator(generator: GeneratorHandle | null, seed: number | bigint): void
  randomSeed(): number
  initialSeed(generator: GeneratorHandle | null): bigint
  generatorState(generator: GeneratorHandle | null): Id
  setGeneratorState(generator: GeneratorHandle | null, state: Uint32Array): void
  drawSeed(generator: GeneratorHandle | null): bigint
  permutation(generator: GeneratorHandle | null, n: number): Float64Array
  // graph.cpp
  connectCuda(library: object): void
  cudaProperties(device: number): CudaProperties
  cudaGraph(): GraphHandle
  beginGraph(graph: GraphHandle, shared: GraphHandle | null): void
  endGraph(graph: GraphHandle, failed: boolean): void
  replayGraph(graph: GraphHandle): void
  resetGraph(graph: GraphHandle): void
  // optimizer.cpp
  optimizerStep(
    algorithm: string,
    params: Uint32Array,
    states: readonly Uint32Array[],
    singles: readonly Uint32Array[],
    settings: readonly (number | boolean)[],
    scalars: readonly Uint32Array[],
  ): void
  totalNorm(tensors: Uint32Array, normType: number, errorIfNonfinite: boolean): Id
  clipGradsWithNorm(params: Uint32Array, maxNorm: number, total: Uint32Array): void
  clipGradNorm(params: Uint32Array, maxNorm: number, normType: number, errorIfNonfinite: boolean): Id
  clipGradValue(params: Uint32Array, value: number): void
  zeroGrad(params: Uint32Array, setToNone: boolean): void
  flatGradient(params: Uint32Array): Id
  // grad_scaler.cpp
  scaleOutput(outputAndScale: Uint32Array): Id
  unscaleGradients(params: Uint32Array, foundInfAndInverse: Uint32Array, allowFloat16: boolean): void
  // packed.cpp
  packPaddedSequence(
    input: Id,
    lengths: readonly number[] | { tensor: Id },
    batchFirst: boolean,
    enforceSorted: boolean,
  ): Id[]
  packSequence(sequences: Uint32Array, enforceSorted: boolean): Id[]
  padPackedSequence(
    data: Id,
    packing: Uint32Array,
    batchFirst: boolean,
    paddingValue: number,
    totalLength: number | null,
  ): Id[]
  invertPermutation(permutation: Id): Id
  // recurrent.cpp
  recurrentModule(
    recurrence: string,
    settings: RecurrentSettings,
    parameters: readonly (readonly [name: string, size: readonly number[]])[],
  ): RecurrentHandle
  recurrent(...call: RecurrentCall): Id[]
  explainRecurrent(...call: RecurrentCall): [reason: string, compared: string | null]
  flattenParameters(handle: RecurrentHandle, weights: Uint32Array): void
  instructionSets(): string[]
  instructionSet(name?: string): string
  // composite.cpp
  composite(...call: [...RecurrentCall, equations: object, roles: readonly string[], trace: string]): Id[]
  // training.cpp
  modelOutput(...call: ModelCall): Id
  mseGradients(...call: [...ModelCall, target: Uint32Array, strict: boolean]): Id
  // recurrent_cell.cpp
  recurrentCell(
    recurrence: string,
    sizes: readonly [inputSize: number, hiddenSize: number],
    input: Uint32Array,
    state: Uint32Array,
    weights: Uint32Array,
    inputBias: Uint32Array,
    hiddenBias: Uint32Array,
  ): Id[]
  // stream.cpp
  modelPlan(): object
  openStream(handle: RecurrentHandle, weights: Uint32Array, bfloat16: boolean, model: StreamedModel | null): object
  forkStream(stream: object): object
  closeStream(stream: object): void
  stepStream(stream: object, x: Float32Array | number, y: Float32Array): void
  stepStreams(streams: readonly object[], x: Float32Array | Int32Array, y: Float32Array): void
  sharesWeights(stream: object, other: object): boolean
  streamState(stream: object): Float32Array
  setStreamState(stream: object, state: Float32Array): void
  // served_model.cpp
  packModel(
    handle: RecurrentHandle,
    weights: Uint32Array,
    bfloat16: boolean,
    output: 0 | 1 | 2 | 3,
    model: StreamedModel,
  ): Promise<ServedModelHandle>
  mapModel(
    handle: RecurrentHandle,
    bfloat16: boolean,
    output: 0 | 1 | 2 | 3,
    sizes: readonly [tokens: number, outputs: number, bias: number],
    fd: number,
  ): Promise<ServedModelHandle | string>
  writeModel(model: ServedModelHandle, fd: number): Promise<void>
  closeModel(model: ServedModelHandle): void
  modelBytes(model: ServedModelHandle): number
  canMapFiles(): boolean
  // serve.cpp
  openEngine(model: ServedModelHandle, lanes: number, threads: number, reject: boolean): EngineHandle
  closeEngine(engine: EngineHandle): Promise<void>
  runEngine(
    engine: EngineHandle,
    data: Float32Array | Int32Array,
    steps: Int32Array,
  ): Promise<[outputs: Float32Array, problems: Int32Array | null]>
  stepEngine(
    engine: EngineHandle,
    slots: Int32Array,
    data: Float32Array | Int32Array,
  ): Promise<{ y: Float32Array; failed: number[] }>
  openSlot(engine: EngineHandle, state?: Float32Array): number
  closeSlot(engine: EngineHandle, slot: number): void
  readSlot(engine: EngineHandle, slot: number): Float32Array
  slotSize(engine: EngineHandle): number
  // offload.cpp
  /** The state of this environment's addon, shared by all copies of the JavaScript. */
  readonly state: AddonState
  queue(start: true): number
  queue(start: false): Promise<void>
  cancel(batch: number): void
  pendingBatches(): number
  suspend(suspended: boolean): void
  // system.cpp
  buildInfo(): BuildInfo
  runtimeInfo(): RuntimeInfo
  numThreads(): number
  onWarning(listener: (message: string) => void): void
  setNumThreads(threads: number): void
}

/** The addon. Importing this module loads LibTorch; if there is none, it throws a `LibTorchError`. */
export const native = loadAddon() as Native
