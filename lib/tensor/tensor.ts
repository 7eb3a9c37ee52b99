// What the declarations need, whatever libraries and types a program asks for.
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
import { parseDevice } from './device.ts'
import { type DType, dtypeOf, isComplex, isFloatingPoint, itemSizeOf } from './dtype.ts'
import type { TensorGradients } from './gradient.ts'
import { listOf } from './ids.ts'
import type { TensorIndexing } from './indexing.ts'
import type { TensorPrinting } from './print.ts'
import { grantAccess, type Scope } from './scope.ts'
import type { TensorViews } from './view.ts'

/** Where a tensor's memory is: `'cpu'`, `'cuda'` (the current CUDA device) or `'cuda:1'`. */
export type Device = 'cpu' | 'cuda' | `cuda:${number}`

/** A number as an argument of an operation: a whole number acts as Python's `int`, another one as `float`. */
export type Scalar = number | bigint | boolean

export interface ToOptions {
  dtype?: DType
  device?: Device
  /**
   * Copy between the CPU and a CUDA device without waiting for it, where the tensor on the CPU is in pinned memory. One
   * that is copied to has its values after `torch.cuda.synchronize()`. Default `false`.
   */
  nonBlocking?: boolean
  /** Copy even where dtype and device are right already. */
  copy?: boolean
}

export interface BackwardOptions {
  /** Keep what the graph saved, for another backward through it. Default: `createGraph`. */
  retainGraph?: boolean
  /** Record the gradients' own computation, for derivatives of higher order. Default `false`. */
  createGraph?: boolean
  /** Accumulate gradients into these tensors only. Default: all leaves. */
  inputs?: readonly Tensor[]
}

const CONSTRUCT = Symbol('construct')

/** What the id of a tensor says that has none any more. */
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

/** @internal The number by which native code knows the tensor. Throws where `tensor` is none, or disposed: `op` wants it. */
export let idOf: (tensor: Tensor, op?: string) => number
/** @internal */
export let wrap: (id: number, scope: Scope | undefined) => Tensor
/** Whether `value` is a tensor of this copy of the library. */
export let isTensor: (value: unknown) => value is Tensor
/** Takes a tensor out of every `tidy`: it then lives until `dispose()` or until nothing refers to it. */
export let keep: <T extends Tensor>(tensor: T) => T

export interface Tensor
  extends TensorMethods,
    TensorConversions,
    TensorGradients,
    TensorIndexing,
    TensorPrinting,
    TensorViews {}

/**
 * A multi-dimensional array of numbers of one {@link DType} on one {@link Device}: PyTorch's `torch.Tensor`.
 *
 * Its memory is freed by {@link dispose} (or `using`), at the end of the `tidy` that it was created in, or else by the
 * garbage collector, which knows its size but runs only when the event loop turns.
 *
 * Made by `torch.tensor`, `torch.zeros` and their kin, not by `new`.
 */
export class Tensor implements Disposable {
  #id: number
  #scope: Scope | undefined
  // Releases the tensor when this object is collected. Tensors in a scope go with the scope.
  #guard: object | undefined
  /**
   * @internal What is seen from outside. Functions that compare objects compare this one by value, also those that look
   * at a part of the properties; `structuredClone` and `postMessage` refuse it, instead of giving an empty object.
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
    grantAccess({
      isTensor,
      scopeOf: (tensor) => tensor.#scope,
      move: (tensor, scope) => {
        if (tensor.#id >= 0) tensor.#belong(scope)
      },
      forget: (tensor, failed) => tensor.#forget(failed ? BY_FAILURE : BY_TIDY),
    })
  }

  /** @internal For subclasses, which take the tensor of another object over, out of every scope. */
  protected static take(tensor: Tensor): [symbol, number, undefined, object | undefined] {
    const id = idOf(tensor)
    // The guard goes along: collected apart from the tensor, it would release the tensor.
    const guard = tensor.#guard
    tensor.#forget(BY_PARAMETER)
    return [CONSTRUCT, id, undefined, guard]
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

  /** Sizes of the dimensions, such as `[2, 3]`; `[]` for a single number. */
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

  /** The size of one dimension, counted from the end where `dim` is negative. */
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

  /** Steps in elements from one element to the next along each dimension. */
  get stride(): number[] {
    return native.stride(idOf(this, 'stride'))
  }

  /** The place of the first element in the memory that views share, in elements. */
  storageOffset(): number {
    return native.storageOffset(idOf(this, 'storageOffset'))
  }

  /** The type of the elements. */
  get dtype(): DType {
    return dtypeOf(native.scalarType(idOf(this, 'dtype')))
  }

  /** Where the memory is. */
  get device(): Device {
    return native.device(idOf(this, 'device')) as Device
  }

  /** Whether the tensor is on a CUDA device. */
  get isCuda(): boolean {
    return parseDevice(native.device(idOf(this, 'isCuda')))?.type === 'cuda'
  }

  /** Whether the elements lie in row-major order, without gaps: what {@link contiguous} makes of a tensor. */
  isContiguous(): boolean {
    return native.isContiguous(idOf(this, 'isContiguous'))
  }

  /** Made by the user, or outside of autograd: {@link backward} accumulates gradients into leaves only. */
  get isLeaf(): boolean {
    return native.isLeaf(idOf(this, 'isLeaf'))
  }

  /** Created under `inferenceMode`: can never take part in autograd. */
  isInference(): boolean {
    return native.isInference(idOf(this, 'isInference'))
  }

  /** Whether the dtype is a floating one: float16, bfloat16, float32 or float64. */
  isFloatingPoint(): boolean {
    return isFloatingPoint(dtypeOf(native.scalarType(idOf(this, 'isFloatingPoint'))))
  }

  /** Whether the dtype is a complex one: complex64 or complex128. */
  isComplex(): boolean {
    return isComplex(dtypeOf(native.scalarType(idOf(this, 'isComplex'))))
  }

  /** The bytes of one element. */
  elementSize(): number {
    return itemSizeOf(dtypeOf(native.scalarType(idOf(this, 'elementSize'))))
  }

  /** Whether operations on this tensor are recorded for gradients. Can be set on leaves of a floating dtype. */
  get requiresGrad(): boolean {
    return native.requiresGrad(idOf(this, 'requiresGrad'))
  }

  set requiresGrad(requiresGrad: boolean) {
    this.requiresGrad_(requiresGrad)
  }

  /** Sets {@link requiresGrad}, and returns the tensor. */
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

  /** What {@link backward} has accumulated here, or `null`. Each access gives a new object for the same memory. */
  get grad(): Tensor | null {
    const id = native.grad(idOf(this, 'grad'))
    return id === null ? null : wrap(id, enter())
  }

  set grad(gradient: Tensor | null) {
    if (gradient === this) throw torchError('ERR_TORCH_RUNTIME', "can't assign Variable as its own grad")
    native.setGrad(idOf(this, 'grad'), gradient === null ? null : idOf(gradient))
  }

  /** Whether the tensor waits in the queue of an `offload`. */
  get pending(): boolean {
    return native.pending(idOf(this, 'pending'))
  }

  /** Whether {@link dispose}, the end of a `tidy`, or a failed `offload` has freed the tensor: it can be used no more. */
  get disposed(): boolean {
    receiverOf(this)
    return this.#id < 0
  }

  /** Frees the tensor now. Tensors that share its memory keep it. A second call does nothing. */
  dispose(): void {
    receiverOf(this)
    const id = this.#forget(BY_DISPOSE)
    if (id >= 0) native.release(id)
  }

  [dispose](): void {
    this.dispose()
  }

  /**
   * Computes the gradient of this tensor with respect to the graph's leaves, and adds it to their {@link grad}.
   *
   * @param gradient The gradient of something with respect to this tensor, of its shape. May be left out when the
   *   tensor has one element.
   * @throws {TorchError} `ERR_TORCH_AUTOGRAD` when nothing here requires a gradient, or the graph is used up.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html
   */
  backward(gradient?: Tensor | null, options: BackwardOptions = {}): void {
    backward([this], gradient === undefined || gradient === null ? [] : [gradient], options)
  }

  /**
   * The only element, as a JavaScript value; a complex one as `[real, imaginary]`.
   * @throws {TorchError} when there are more elements, or an int64 that JavaScript numbers cannot hold.
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
   * The elements as nested arrays of numbers or booleans; complex ones as `[real, imaginary]`.
   * @throws {TorchError} where an int64 is beyond the safe integers of JavaScript.
   */
  toArray(): NestedArray {
    idOf(this, 'toArray')
    const { shape } = this
    checkNestable(shape)
    return toNested(readElements(this), shape, this.dtype)
  }

  /** {@link toArray}, by PyTorch's name. */
  tolist(): NestedArray {
    receiverOf(this)
    return this.toArray()
  }

  /**
   * The elements in row-major order: Float32Array, Float64Array, BigInt64Array for int64, Uint8Array for bool, the raw
   * bits in a Uint16Array for float16 and bfloat16, pairs for complex.
   *
   * @param options.copy `false` gives a view of the tensor's own memory, which must be contiguous on the CPU: writes
   *   to one are seen in the other, and the view keeps the memory alive, which cannot be resized meanwhile. Default
   *   `true`.
   */
  toTypedArray(options: { copy?: boolean } = {}): TypedArray {
    checkOptions('toTypedArray', options, ['copy'])
    requireBoolean('toTypedArray', 'copy', options.copy ?? true)
    return elementsOf(this, options.copy)
  }

  /**
   * What `JSON.stringify` writes: {@link toArray}. JSON has no NaN and no infinity; it writes `null` for them.
   * @throws {TorchError} as {@link toArray} does.
   */
  toJSON(): NestedArray {
    receiverOf(this)
    return this.toArray()
  }

  /** @internal Functions that compare objects begin with this one: of two tensors it is equal where they are. */
  get [Symbol.toStringTag](): string {
    return isTensor(this) ? contentsOf(this, readElements) : 'Tensor'
  }
}

/** @internal The tensor that a method is called on. @throws {TorchError} where it is called on something else. */
export function receiverOf(value: unknown): Tensor {
  if (!isTensor(value)) throw torchError('ERR_TORCH_TYPE', `expected a Tensor, got ${describe(value)}`)
  return value
}

/**
 * @internal Gives tensors the methods of a class. Those that compute, convert or print are built on this file: it cannot
 * import them. `extensions.ts` loads them all.
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

/** A copy of the elements, as numbers: those of half precision as float32. */
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
  // A list of one, as in Python, and not one of its rows.
  if (isTensor(tensors)) return listOf([idOf(tensors, op)])
  if (typeof tensors !== 'object' || tensors === null || !(Symbol.iterator in tensors)) {
    throw torchError('ERR_TORCH_TYPE', `expected Tensors in an array or another iterable, got ${describe(tensors)}`)
  }
  const ids: Id[] = []
  for (const tensor of tensors) ids.push(idOf(tensor, op))
  return listOf(ids)
}

/** `torch.autograd.backward`: {@link Tensor.backward} from several tensors at once. */
export function backward(
  tensors: readonly Tensor[],
  gradients: readonly Tensor[] = [],
  options: BackwardOptions = {},
): void {
  checkOptions('backward', options, ['retainGraph', 'createGraph', 'inputs'])
  const { createGraph = false, retainGraph = createGraph, inputs = [] } = options
  requireBoolean('backward', 'createGraph', createGraph)
  requireBoolean('backward', 'retainGraph', retainGraph)
  enter()
  const ids = (list: Iterable<Tensor>): Uint32Array => idsOf(list, 'backward')
  native.backward(ids(tensors), ids(gradients), retainGraph, createGraph, ids(inputs))
}
