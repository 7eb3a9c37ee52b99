import { checkOptions, requireBoolean, requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import { native } from './binding.ts'
import { enter } from './context.ts'
import { dtypeOfArray, flatten, isTypedArray, type NestedData, pack, type TypedArray } from './data.ts'
import { type DType, isComplex, scalarTypeOf } from './dtype.ts'
import type { Generator } from './generator.ts'
import { packet, tensorOp } from './packet.ts'
import { type Device, isTensor, type Scalar, type Tensor, wrap } from './tensor.ts'

export interface CreationOptions {
  /** Default: float32, unless the function says otherwise. */
  dtype?: DType
  /** Default `'cpu'`. */
  device?: Device
  /** Record operations on the tensor for gradients. Default `false`. */
  requiresGrad?: boolean
  /** Create the tensor in pinned memory on the CPU: see {@link Tensor.pinMemory}. Default `false`. */
  pinMemory?: boolean
}

export interface RandomOptions extends CreationOptions {
  /** The source of the random numbers. Default: the stream that `torch.manualSeed` seeds. */
  generator?: Generator | null
}

export interface TensorOptions extends CreationOptions {
  /** The shape of a tensor made from a flat typed array. Default: one dimension. */
  shape?: readonly number[]
}

const OPTIONS = ['dtype', 'device', 'requiresGrad', 'pinMemory'] as const
const RANDOM_OPTIONS = [...OPTIONS, 'generator'] as const

/**
 * Creates a tensor with a copy of `data`: a number, nested arrays of numbers, or a typed array.
 *
 * JavaScript numbers become float32, BigInts int64, and booleans bool. A typed array keeps its own type. A Uint16Array
 * holds the bits of float16 or bfloat16, so `dtype` must say which.
 *
 * @example
 * torch.tensor([[1, 2], [3, 4]])
 * torch.tensor(new Float64Array(6), { shape: [2, 3] })
 * torch.tensor([0, 1, 2], { dtype: 'int64' })
 * @throws {TorchError} if arrays are ragged or contain anything other than numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.tensor.html
 */
export function tensor(data: NestedData | TypedArray, options: TensorOptions = {}, ...none: undefined[]): Tensor {
  checkOptions('tensor', options, [...OPTIONS, 'shape'], none)
  if (isTensor(data)) {
    throw torchError('ERR_TORCH_TYPE', 'tensor(): the data is a Tensor already; copy it with clone().detach()', {
      op: 'tensor',
    })
  }
  requireBoolean('tensor', 'requiresGrad', options.requiresGrad ?? false)
  requireBoolean('tensor', 'pinMemory', options.pinMemory ?? false)
  const source = isTypedArray(data) ? fromTypedArray(data, options) : fromNested(data, options)
  return finish(source, options)
}

function fromTypedArray(
  array: TypedArray,
  { dtype, shape = [array.length] }: TensorOptions,
): { made: Tensor; dtype: DType } {
  const own = dtypeOfArray(array, dtype)
  return { made: fromBytes(array, own, shape), dtype: dtype ?? own }
}

function fromNested(data: NestedData, { dtype, shape }: TensorOptions): { made: Tensor; dtype: DType } {
  const flat = flatten(data)
  const wanted = dtype ?? flat.dtype
  if (isComplex(wanted)) {
    throw torchError('ERR_TORCH_DTYPE', 'tensor(): make complex tensors with torch.complex(real, imag)', {
      op: 'tensor',
    })
  }
  scalarTypeOf(wanted)
  const packed = pack(flat.values, wanted)
  return { made: fromBytes(packed.array, packed.dtype, shape ?? flat.shape), dtype: wanted }
}

function fromBytes(array: TypedArray, dtype: DType, shape: readonly number[]): Tensor {
  const scope = enter()
  return wrap(native.fromBytes(array, scalarTypeOf(dtype), shape), scope)
}

function finish({ made, dtype }: { made: Tensor; dtype: DType }, options: TensorOptions): Tensor {
  const { device, requiresGrad = false, pinMemory = false } = options
  let result = made
  if (dtype !== made.dtype || (device !== undefined && device !== 'cpu')) {
    result = made.to({ dtype, ...(device === undefined ? {} : { device }) })
    made.dispose()
  }
  if (pinMemory) {
    const pageable = result
    result = pageable.pinMemory()
    pageable.dispose()
  }
  return requiresGrad ? result.requiresGrad_() : result
}

const ops = {
  zeros: tensorOp('aten::zeros'),
  ones: tensorOp('aten::ones'),
  empty: tensorOp('aten::empty.memory_format'),
  full: tensorOp('aten::full'),
  rand: tensorOp('aten::rand'),
  randn: tensorOp('aten::randn'),
  randint: tensorOp('aten::randint.low'),
  randperm: tensorOp('aten::randperm'),
  arange: tensorOp('aten::arange.start_step'),
  linspace: tensorOp('aten::linspace'),
  logspace: tensorOp('aten::logspace'),
  eye: packet('eye', [['aten::eye', 'm']]),
  zerosLike: tensorOp('aten::zeros_like'),
  onesLike: tensorOp('aten::ones_like'),
  emptyLike: tensorOp('aten::empty_like'),
  fullLike: tensorOp('aten::full_like'),
  randLike: tensorOp('aten::rand_like'),
  randnLike: tensorOp('aten::randn_like'),
}

/** The overloads with a generator. They are separate, since a generator parameter costs a tenth of a small call. */
const drawing: Partial<typeof ops> = {
  rand: tensorOp('aten::rand.generator'),
  randn: tensorOp('aten::randn.generator'),
  randint: tensorOp('aten::randint.low_generator'),
  randperm: tensorOp('aten::randperm.generator'),
  randLike: tensorOp('aten::rand_like.generator'),
  randnLike: tensorOp('aten::randn_like.generator'),
}

/** Implements the parts that LibTorch leaves to Python: the `requiresGrad` option, and a default dtype. */
function factory(name: keyof typeof ops, args: readonly unknown[], options: RandomOptions = {}): Tensor {
  const drawn = drawing[name]
  checkOptions(name, options, drawn === undefined ? OPTIONS : RANDOM_OPTIONS)
  const { requiresGrad = false, generator = null, ...rest } = options
  requireBoolean(name, 'requiresGrad', requiresGrad)
  const made = generator === null ? ops[name](...args, rest) : drawn?.(...args, { ...rest, generator })
  return requiresGrad ? (made as Tensor).requiresGrad_() : (made as Tensor)
}

/** Rejects surplus arguments: in a list of numbers, they would go unnoticed. */
function checkCount(name: string, args: readonly unknown[], most: number): void {
  if (args.length <= most) return
  throw torchError(
    'ERR_TORCH_TYPE',
    `${name}: takes ${most === 1 ? '1 argument' : `${most} arguments`} by position, but ${args.length} were given`,
    {
      op: name,
    },
  )
}

/** A tensor of the given shape, filled with 0. */
export function zeros(size: readonly number[], options?: CreationOptions, ...none: undefined[]): Tensor {
  requireNone('zeros', none)
  return factory('zeros', [size], options)
}

/** A tensor of the given shape, filled with 1. */
export function ones(size: readonly number[], options?: CreationOptions, ...none: undefined[]): Tensor {
  requireNone('ones', none)
  return factory('ones', [size], options)
}

/** An uninitialized tensor of the given shape: it contains whatever its memory held before. */
export function empty(size: readonly number[], options?: CreationOptions, ...none: undefined[]): Tensor {
  requireNone('empty', none)
  return factory('empty', [size], options)
}

/** A tensor of the given shape, filled with `value`: float32 for a number, int64 for a BigInt, bool for a boolean. */
export function full(
  size: readonly number[],
  value: Scalar,
  options: CreationOptions = {},
  ...none: undefined[]
): Tensor {
  requireNone('full', none)
  const dtype = typeof value === 'bigint' ? 'int64' : typeof value === 'boolean' ? 'bool' : 'float32'
  return factory('full', [size, value], { dtype, ...options })
}

/** A tensor of uniform random numbers from [0, 1). */
export function rand(size: readonly number[], options?: RandomOptions, ...none: undefined[]): Tensor {
  requireNone('rand', none)
  return factory('rand', [size], options)
}

/** A tensor of random numbers from the standard normal distribution. */
export function randn(size: readonly number[], options?: RandomOptions, ...none: undefined[]): Tensor {
  requireNone('randn', none)
  return factory('randn', [size], options)
}

/** A tensor of random integers (int64) from `low` (default 0) to `high` (exclusive). */
export function randint(high: number, size: readonly number[], options?: RandomOptions): Tensor
export function randint(low: number, high: number, size: readonly number[], options?: RandomOptions): Tensor
export function randint(...args: unknown[]): Tensor {
  if (Array.isArray(args[1])) args.unshift(0)
  checkCount('randint', args, 4)
  const [low, high, size, options] = args
  const all = { dtype: 'int64', ...(options as RandomOptions | undefined) } as const
  return factory('randint', [low, high, size], all)
}

/** A random permutation of the integers (int64) from 0 to `n` (exclusive). */
export function randperm(n: number, options: RandomOptions = {}, ...none: undefined[]): Tensor {
  requireNone('randperm', none)
  return factory('randperm', [n], { dtype: 'int64', ...options })
}

/**
 * The numbers from `start` (default 0) to `end` (exclusive), in steps of `step` (default 1). The dtype is int64 if all
 * three are integers.
 */
export function arange(end: number | bigint, options?: CreationOptions): Tensor
export function arange(start: number | bigint, end: number | bigint, options?: CreationOptions): Tensor
export function arange(
  start: number | bigint,
  end: number | bigint,
  step: number | bigint,
  options?: CreationOptions,
): Tensor
export function arange(...args: unknown[]): Tensor {
  const options = typeof args.at(-1) === 'object' ? (args.pop() as CreationOptions) : {}
  checkCount('arange', args, 3)
  const [start, end, step = 1] = args.length < 2 ? [0, args[0]] : args
  const isWhole = (value: unknown): boolean => Number.isInteger(value) || typeof value === 'bigint'
  const dtype = [start, end, step].every(isWhole) ? 'int64' : 'float32'
  return factory('arange', [start, end, step], { dtype, ...options })
}

/** `steps` evenly spaced numbers from `start` to `end`, both inclusive. */
export function linspace(
  start: number,
  end: number,
  steps: number,
  options?: CreationOptions,
  ...none: undefined[]
): Tensor {
  requireNone('linspace', none)
  return factory('linspace', [start, end, steps], options)
}

/** `steps` numbers from base^start to base^end, with evenly spaced exponents; the default `base` is 10. */
export function logspace(
  start: number,
  end: number,
  steps: number,
  options: CreationOptions & { base?: number } = {},
  ...none: undefined[]
): Tensor {
  checkOptions('logspace', options, [...OPTIONS, 'base'], none)
  const { base = 10, ...rest } = options
  return factory('logspace', [start, end, steps, base], rest)
}

/** The `n` x `m` matrix with 1 on the diagonal and 0 elsewhere. Default `m`: `n`. */
export function eye(n: number, options?: CreationOptions): Tensor
export function eye(n: number, m: number, options?: CreationOptions): Tensor
export function eye(n: number, ...rest: unknown[]): Tensor {
  const m = typeof rest[0] === 'object' || rest[0] === undefined ? n : rest.shift()
  const [options, ...none] = rest
  requireNone('eye', none)
  return factory('eye', [n, m], options as CreationOptions | undefined)
}

/** A tensor of zeros, with the shape, dtype and device of `input`. */
export function zerosLike(input: Tensor, options?: CreationOptions, ...none: undefined[]): Tensor {
  requireNone('zerosLike', none)
  return factory('zerosLike', [input], options)
}

/** A tensor of ones, with the shape, dtype and device of `input`. */
export function onesLike(input: Tensor, options?: CreationOptions, ...none: undefined[]): Tensor {
  requireNone('onesLike', none)
  return factory('onesLike', [input], options)
}

/** An uninitialized tensor with the shape, dtype and device of `input`. */
export function emptyLike(input: Tensor, options?: CreationOptions, ...none: undefined[]): Tensor {
  requireNone('emptyLike', none)
  return factory('emptyLike', [input], options)
}

/** A tensor filled with `value`, with the shape, dtype and device of `input`. */
export function fullLike(input: Tensor, value: Scalar, options?: CreationOptions, ...none: undefined[]): Tensor {
  requireNone('fullLike', none)
  return factory('fullLike', [input, value], options)
}

/** A tensor of uniform random numbers from [0, 1), with the shape, dtype and device of `input`. */
export function randLike(input: Tensor, options?: RandomOptions, ...none: undefined[]): Tensor {
  requireNone('randLike', none)
  return factory('randLike', [input], options)
}

/** A tensor of standard normal random numbers, with the shape, dtype and device of `input`. */
export function randnLike(input: Tensor, options?: RandomOptions, ...none: undefined[]): Tensor {
  requireNone('randnLike', none)
  return factory('randnLike', [input], options)
}
