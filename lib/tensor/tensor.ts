// The declarations need these, whatever libraries and types a program configures.
/// <reference lib="esnext.disposable" preserve="true" />
/// <reference types="node" preserve="true" />

import { checkOptions, invalid, requireBoolean } from '../check.ts'
import { markCopy } from '../copy.ts'
import { describe } from '../describe.ts'
import { dispose } from '../dispose.ts'
import { torchError } from '../errors.ts'
import type { Id } from '../native/addon.ts'
import type { TensorMethods } from '../ops/generated.ts'
import { native } from './binding.ts'
import { CONTENTS, contentsOf } from './contents.ts'
import { enter } from './context.ts'
import type { TensorConversions } from './conversion.ts'
import { checkNestable, decodeHalf, type NestedArray, type TypedArray, toNested, typedArrayOf } from './data.ts'
import { type Device, parseDevice } from './device.ts'
import { type DType, dtypeOf, isComplex, isFloatingPoint, itemSizeOf } from './dtype.ts'
import type { TensorGradients } from './gradient.ts'
import { listOf } from './ids.ts'
import type { TensorIndexing } from './indexing.ts'
import type { TensorPrinting } from './print.ts'
import { grantAccess, type Scope } from './scope.ts'
import type { TensorViews } from './view.ts'

export type { Device }

/** A number as an argument of an operation. A whole number acts like Python's `int`, any other number like `float`. */
export type Scalar = number | bigint | boolean

export interface ToOptions {
  dtype?: DType
  device?: Device
  /**
   * Do not wait for a copy between the CPU and a CUDA device, if the CPU tensor is in pinned memory. A tensor that is
   * copied to the CPU has its values only after `torch.cuda.synchronize()`. Default `false`.
   */
  nonBlocking?: boolean
  /** Copy even if the dtype and device already match. */
  copy?: boolean
}

export interface BackwardOptions {
  /** Keep the tensors that the graph saved, so that backward can run through it again. Default: `createGraph`. */
  retainGraph?: boolean
  /** Record the computation of the gradients, for higher-order derivatives. Default `false`. */
  createGraph?: boolean
  /** Accumulate gradients only into these tensors. Default: all leaves. */
  inputs?: readonly Tensor[]
}

const CONSTRUCT = Symbol('construct')

/** The ids of disposed tensors: each tells how the tensor was disposed. */
const BY_DISPOSE = -1
const BY_TIDY = -2
const BY_PARAMETER = -3
const BY_FAILURE = -4

const DISPOSED: Record<number, string> = {
  [BY_DISPOSE]: 'the tensor has been disposed, by dispose() or at the end of its using block',
  [BY_TIDY]:
    'the tensor has been disposed at the end of the tidy in which it was made: return it from there, or torch.keep(it)',
  [BY_FAILURE]: 'the tensor has been disposed: the offload in which it was made has failed',
}

/**
 * @internal The number that identifies the tensor in native code. `op` is the operation that needs it.
 * @throws {TorchError} if `tensor` is not a tensor, or is disposed.
 */
export let idOf: (tensor: Tensor, op?: string) => number
/** @internal */
export let wrap: (id: number, scope: Scope | undefined) => Tensor
/** @internal For subclasses: takes over the tensor of another object and removes it from every scope. */
export let take: (tensor: Tensor) => [key: symbol, id: number, scope: undefined, guard: object | undefined]
/** Whether `value` is a tensor of this copy of the library. */
export let isTensor: (value: unknown) => value is Tensor
/** Removes a tensor from every `tidy`. It then lives until `dispose()` is called or nothing refers to it. */
export let keep: <T extends Tensor>(tensor: T) => T

export interface Tensor
  extends TensorMethods,
    TensorConversions,
    TensorGradients,
    TensorIndexing,
    TensorPrinting,
    TensorViews {}

/**
 * A multi-dimensional array of numbers with one {@link DType} on one {@link Device}, like PyTorch's `torch.Tensor`.
 *
 * Its memory is freed by {@link dispose} (or `using`), at the end of the `tidy` in which it was created, or else by the
 * garbage collector. The garbage collector knows the size of the memory, but runs only when the event loop turns.
 *
 * Create tensors with `torch.tensor`, `torch.zeros` and similar functions, not with `new`.
 */
export class Tensor implements Disposable {
  #id: number
  #scope: Scope | undefined
  // Releases the tensor when this object is collected. Tensors in a scope are released with the scope.
  #guard: object | undefined
  /**
   * The tensor as other code sees it, not meant to be used. Functions that compare objects compare this property by
   * value, even if they look at only some of the properties. `structuredClone` and `postMessage` reject it, instead of producing an
   * empty object.
   */
  readonly contents: object = new Proxy(this, CONTENTS)

  // Protected, so that `new Tensor()` does not compile.
  protected constructor(key: symbol, id: number, scope: Scope | undefined, guard?: object) {
    if (key !== CONSTRUCT) {
      throw torchError(
        'ERR_TORCH_TYPE',
        'new Tensor() makes no tensor: use torch.tensor(data), torch.zeros(size) or the like',
      )
    }
    this.#id = id
    this.#guard = guard
    this.#belong(scope)
  }

  static {
    markCopy(Tensor)
    isTensor = (value): value is Tensor => typeof value === 'object' && value !== null && #id in value
    idOf = (tensor, op) => {
      receiverOf(tensor)
      if (tensor.#id >= 0) return tensor.#id
      const how = DISPOSED[tensor.#id] ?? 'the tensor has been disposed'
      throw torchError('ERR_TORCH_DISPOSED', op === undefined ? how : `${op}: ${how}`, { op })
    }
    wrap = (id, scope) => new Tensor(CONSTRUCT, id, scope)
    keep = (tensor) => {
      idOf(tensor)
      if (tensor.#scope !== undefined) tensor.#belong(undefined)
      return tensor
    }
    take = (tensor) => {
      const id = idOf(tensor)
      // The guard moves with the tensor: if it were collected separately, it would release the tensor.
      const guard = tensor.#guard
      tensor.#forget(BY_PARAMETER)
      return [CONSTRUCT, id, undefined, guard]
    }
    grantAccess({
      isTensor,
      scopeOf: (tensor) => tensor.#scope,
      move: (tensor, scope) => {
        if (tensor.#id >= 0) tensor.#belong(scope)
      },
      forget: (tensor, failed) => tensor.#forget(failed ? BY_FAILURE : BY_TIDY),
    })
  }

  #belong(scope: Scope | undefined): void {
    this.#scope = scope?.open
    if (this.#scope === undefined) {
      this.#guard ??= native.guard(this.#id)
    } else {
      this.#scope.add(this)
    }
  }

  #forget(by: number): number {
    const id = this.#id
    if (id >= 0) this.#id = by
    this.#scope = undefined
    this.#guard = undefined
    return id
  }

  /** The sizes of the dimensions, such as `[2, 3]`; `[]` for a single number. */
  get shape(): number[] {
    return native.shape(idOf(this, 'shape'))
  }

  /** The number of dimensions. */
  get ndim(): number {
    return native.shape(idOf(this, 'ndim')).length
  }

  /** The number of dimensions: {@link ndim}. */
  dim(): number {
    return native.shape(idOf(this, 'dim')).length
  }

  /** The number of elements. */
  get numel(): number {
    return native.shape(idOf(this, 'numel')).reduce((product, size) => product * size, 1)
  }

  /** The size of one dimension. A negative `dim` counts from the end. */
  size(dim: number): number {
    const shape = native.shape(idOf(this, 'size'))
    const size = Number.isInteger(dim) ? shape.at(dim) : undefined
    if (size === undefined || dim >= shape.length) {
      const bound = Math.max(shape.length, 1)
      throw torchError(
        'ERR_TORCH_INDEX',
        `Dimension out of range (expected to be in range of [${-bound}, ${bound - 1}], but got ${describe(dim)})`,
        { op: 'size' },
      )
    }
    return size
  }

  /** The step from one element to the next along each dimension, in elements. */
  get stride(): number[] {
    return native.stride(idOf(this, 'stride'))
  }

  /** The position of the first element in the memory that views share, in elements. */
  storageOffset(): number {
    return native.storageOffset(idOf(this, 'storageOffset'))
  }

  /** The type of the elements. */
  get dtype(): DType {
    return dtypeOf(native.scalarType(idOf(this, 'dtype')))
  }

  /** The device of the tensor's memory. */
  get device(): Device {
    return native.device(idOf(this, 'device')) as Device
  }

  /** Whether the tensor is on a CUDA device. */
  get isCuda(): boolean {
    return parseDevice(native.device(idOf(this, 'isCuda')))?.type === 'cuda'
  }

  /** Whether the elements are in row-major order without gaps, as in the result of {@link contiguous}. */
  isContiguous(): boolean {
    return native.isContiguous(idOf(this, 'isContiguous'))
  }

  /**
   * Whether the tensor is a leaf: created by the user, or outside of autograd. {@link backward} accumulates gradients
   * only into leaves.
   */
  get isLeaf(): boolean {
    return native.isLeaf(idOf(this, 'isLeaf'))
  }

  /** Whether the tensor was created under `inferenceMode`. Such a tensor can never take part in autograd. */
  isInference(): boolean {
    return native.isInference(idOf(this, 'isInference'))
  }

  /** Whether the dtype is a floating-point type: float16, bfloat16, float32 or float64. */
  isFloatingPoint(): boolean {
    return isFloatingPoint(dtypeOf(native.scalarType(idOf(this, 'isFloatingPoint'))))
  }

  /** Whether the dtype is a complex type: complex64 or complex128. */
  isComplex(): boolean {
    return isComplex(dtypeOf(native.scalarType(idOf(this, 'isComplex'))))
  }

  /** The size of one element, in bytes. */
  elementSize(): number {
    return itemSizeOf(dtypeOf(native.scalarType(idOf(this, 'elementSize'))))
  }

  /** Whether operations on this tensor are recorded for gradients. Can be set on leaves with a floating-point dtype. */
  get requiresGrad(): boolean {
    return native.requiresGrad(idOf(this, 'requiresGrad'))
  }

  set requiresGrad(requiresGrad: boolean) {
    this.requiresGrad_(requiresGrad)
  }

  /** Sets {@link requiresGrad} and returns the tensor. */
  requiresGrad_(requiresGrad = true): this {
    requireBoolean('requiresGrad_', 'requiresGrad', requiresGrad)
    enter()
    native.setRequiresGrad(idOf(this, 'requiresGrad_'), requiresGrad)
    return this
  }

  /** The name of the function that computed this tensor (`'AddBackward0'`), or `null` for a leaf. */
  get gradFn(): string | null {
    return native.gradFn(idOf(this, 'gradFn'))
  }

  /** The gradient accumulated by {@link backward}, or `null`. Each access returns a new object for the same memory. */
  get grad(): Tensor | null {
    const id = native.grad(idOf(this, 'grad'))
    return id === null ? null : wrap(id, enter())
  }

  set grad(gradient: Tensor | null) {
    if (gradient === this) throw torchError('ERR_TORCH_RUNTIME', "can't assign Variable as its own grad")
    native.setGrad(idOf(this, 'grad'), gradient === null ? null : idOf(gradient))
  }

  /** Whether the tensor is waiting in the queue of an `offload`. */
  get pending(): boolean {
    return native.pending(idOf(this, 'pending'))
  }

  /**
   * Whether the tensor was freed by {@link dispose}, the end of a `tidy` or a failed `offload`. A disposed tensor can
   * no longer be used.
   */
  get disposed(): boolean {
    receiverOf(this)
    return this.#id < 0
  }

  /** Frees the tensor now. Other tensors that share its memory keep that memory. A second call does nothing. */
  dispose(): void {
    receiverOf(this)
    const id = this.#forget(BY_DISPOSE)
    if (id >= 0) native.release(id)
  }

  [dispose](): void {
    this.dispose()
  }

  /**
   * Computes the gradients of this tensor with respect to the graph's leaves, and adds them to their {@link grad}.
   *
   * @param gradient The gradient of the differentiated function with respect to this tensor, of the same shape.
   *   Optional if the tensor has one element.
   * @throws {TorchError} `ERR_TORCH_AUTOGRAD` if nothing requires a gradient, or the graph has already been freed.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html
   */
  backward(gradient?: Tensor | null, options: BackwardOptions = {}): void {
    backward([this], gradient === undefined || gradient === null ? [] : [gradient], options)
  }

  /**
   * The only element, as a JavaScript value. A complex element is returned as `[real, imaginary]`.
   * @throws {TorchError} if there is more than one element, or an int64 that JavaScript numbers cannot represent.
   */
  item(): number | boolean
  item<T extends number | boolean | [number, number]>(): T
  item(): number | boolean | [number, number] {
    const value = native.item(idOf(this, 'item'))
    if (typeof value === 'bigint') {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${value} is beyond the safe integers of JavaScript: read it with toTypedArray(), which gives a BigInt64Array`,
        { op: 'item' },
      )
    }
    return value
  }

  /**
   * The elements as nested arrays of numbers or booleans. Complex elements are returned as `[real, imaginary]`.
   * @throws {TorchError} if an int64 is outside JavaScript's safe integers.
   */
  toArray(): NestedArray {
    idOf(this, 'toArray')
    const { shape } = this
    checkNestable(shape)
    return toNested(readElements(this), shape, this.dtype)
  }

  /** {@link toArray} under PyTorch's name. */
  tolist(): NestedArray {
    receiverOf(this)
    return this.toArray()
  }

  /**
   * The elements in row-major order, in a typed array that fits the dtype: Float32Array, Float64Array, BigInt64Array
   * for int64, Uint8Array for bool, and a Uint16Array of raw bits for float16 and bfloat16. Complex elements are pairs.
   *
   * @param options.copy `false` returns a view of the tensor's own memory, which must be contiguous and on the CPU.
   *   Writes to one are visible in the other. The view keeps the memory alive; meanwhile, the memory cannot be resized.
   *   Default `true`.
   */
  toTypedArray(options: { copy?: boolean } = {}): TypedArray {
    checkOptions('toTypedArray', options, ['copy'])
    requireBoolean('toTypedArray', 'copy', options.copy ?? true)
    return elementsOf(this, options.copy)
  }

  /**
   * The value that `JSON.stringify` writes: {@link toArray}. JSON has no NaN or infinity, so `null` is written instead.
   * @throws {TorchError} under the same conditions as {@link toArray}.
   */
  toJSON(): NestedArray {
    receiverOf(this)
    return this.toArray()
  }

  /** @internal Functions that compare objects check this property first. It is equal for two tensors that are equal. */
  get [Symbol.toStringTag](): string {
    return isTensor(this) ? contentsOf(this, readElements) : 'Tensor'
  }
}

/** @internal The tensor that a method is called on. @throws {TorchError} if it is called on anything else. */
export function receiverOf(value: unknown): Tensor {
  if (!isTensor(value)) throw torchError('ERR_TORCH_TYPE', `expected a Tensor, got ${describe(value)}`)
  return value
}

/**
 * @internal Adds the methods of a class to tensors. Methods that compute, convert or print depend on this file, so it
 * cannot import them. `extensions.ts` loads them all.
 */
export function extend(Methods: abstract new () => object): void {
  const { constructor: _, ...methods } = Object.getOwnPropertyDescriptors(Methods.prototype)
  Object.defineProperties(Tensor.prototype, methods)
}

function elementsOf(tensor: Tensor, copy = true): TypedArray {
  const id = idOf(tensor)
  const buffer = (copy ? null : native.viewBytes(id)) ?? native.toBytes(id)
  return typedArrayOf(dtypeOf(native.scalarType(id)), buffer)
}

/** A copy of the elements as numbers. Half-precision elements become float32. */
function readElements(tensor: Tensor): TypedArray {
  const { dtype } = tensor
  if (dtype !== 'float16' && dtype !== 'bfloat16') return elementsOf(tensor)
  return decodeHalf(elementsOf(tensor) as Uint16Array, dtype)
}

/** @throws {TorchError} unless `value`, the argument `name` of `owner`, is a tensor. */
export function requireTensor(owner: string, name: string, value: unknown): asserts value is Tensor {
  if (!isTensor(value)) throw invalid(owner, name, 'a Tensor', value)
}

/** @internal */
export function idsOf(tensors: Iterable<Tensor>, op?: string): Uint32Array {
  // A single tensor is a list of one, as in Python, not a list of its rows.
  if (isTensor(tensors)) return listOf([idOf(tensors, op)])
  if (typeof tensors !== 'object' || tensors === null || !(Symbol.iterator in tensors)) {
    throw torchError('ERR_TORCH_TYPE', `expected Tensors in an array or another iterable, got ${describe(tensors)}`)
  }
  const ids: Id[] = []
  for (const tensor of tensors) ids.push(idOf(tensor, op))
  return listOf(ids)
}

/** `torch.autograd.backward`: {@link Tensor.backward} for several tensors at once. */
export function backward(
  tensors: readonly Tensor[],
  gradients: readonly Tensor[] = [],
  options: BackwardOptions = {},
  ...none: undefined[]
): void {
  checkOptions('backward', options, ['retainGraph', 'createGraph', 'inputs'], none)
  const { createGraph = false, retainGraph = createGraph, inputs = [] } = options
  requireBoolean('backward', 'createGraph', createGraph)
  requireBoolean('backward', 'retainGraph', retainGraph)
  enter()
  const ids = (list: Iterable<Tensor>): Uint32Array => idsOf(list, 'backward')
  native.backward(ids(tensors), ids(gradients), retainGraph, createGraph, ids(inputs))
}
