import { getHeapStatistics } from 'node:v8'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { type DType, isComplex } from './dtype.ts'

export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array

/** A number or boolean, or nested arrays of them. */
export type NestedArray = number | boolean | NestedArray[]

/** The data that `torch.tensor` accepts: all arrays at the same depth must have the same length. */
export type NestedData = number | bigint | boolean | readonly NestedData[]

const ARRAYS = {
  uint8: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  complex64: Float32Array,
  complex128: Float64Array,
  bool: Uint8Array,
  bfloat16: Uint16Array,
} as const satisfies Record<DType, unknown>

/** By the name of the typed array, which is the same in every realm. */
const DTYPES_OF_ARRAYS: Partial<Record<string, DType>> = {
  Float32Array: 'float32',
  Float64Array: 'float64',
  BigInt64Array: 'int64',
  Int8Array: 'int8',
  Int16Array: 'int16',
  Int32Array: 'int32',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
  Uint16Array: 'float16',
}

export function typedArrayOf(dtype: DType, buffer: ArrayBuffer): TypedArray {
  return new ARRAYS[dtype](buffer)
}

export function isTypedArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && !(Object.prototype.toString.call(value) === '[object DataView]')
}

/** The dtype with the memory layout of a typed array; a Uint16Array holds the bits of float16 or bfloat16. */
export function dtypeOfArray(array: TypedArray, wanted: DType | undefined): DType {
  const name = Object.prototype.toString.call(array).slice(8, -1)
  const dtype = DTYPES_OF_ARRAYS[name]
  if (dtype === undefined)
    throw torchError('ERR_TORCH_TYPE', `a ${name} has no counterpart among the dtypes of tensors`)
  if (name === 'Uint16Array') {
    if (wanted === 'float16' || wanted === 'bfloat16') return wanted
    throw torchError(
      'ERR_TORCH_DTYPE',
      "a Uint16Array holds the bits of float16 or bfloat16: say which with { dtype: 'bfloat16' }",
    )
  }
  return name === 'Uint8Array' && wanted === 'bool' ? 'bool' : dtype
}

/** Decodes the bits of float16 or bfloat16 numbers. */
export function decodeHalf(bits: Uint16Array, dtype: 'float16' | 'bfloat16'): Float32Array {
  // A bfloat16 is the upper half of a float32.
  if (dtype === 'bfloat16') return new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer)
  return Float32Array.from(bits, (half) => {
    const [sign, exponent, fraction] = [half & 0x8000 ? -1 : 1, (half >> 10) & 0x1f, half & 0x3ff]
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25))
  })
}

// The memory that V8 needs per element and per array while it builds nested arrays, and the maximum length of an array.
const BYTES_PER_ELEMENT = 24
const BYTES_PER_ARRAY = 96
const LONGEST_ARRAY = 2 ** 26

/** V8 ends the process when its heap is full, so this throws an error before that. */
export function checkNestable(shape: readonly number[]): void {
  let arrays = 0
  let elements = 1
  for (const size of shape) {
    arrays += elements
    elements *= size
    if (size > LONGEST_ARRAY) arrays = Number.POSITIVE_INFINITY
  }
  const bytes = elements * BYTES_PER_ELEMENT + arrays * BYTES_PER_ARRAY
  // Querying the heap takes longer than converting a small array.
  if (bytes < 2 ** 24) return
  const { heap_size_limit, used_heap_size } = getHeapStatistics()
  if (bytes < heap_size_limit - used_heap_size) return
  throw torchError(
    'ERR_TORCH_OUT_OF_MEMORY',
    `toArray(): a tensor of shape [${shape.join(', ')}] is too large for JavaScript's arrays: read it with toTypedArray(), or in parts`,
    { op: 'toArray' },
  )
}

export function toNested(values: TypedArray, shape: readonly number[], dtype: DType): NestedArray {
  const complex = isComplex(dtype)
  let position = 0
  const element = (): NestedArray => {
    const value = values[position++] as number | bigint
    if (complex) return [value as number, values[position++] as number]
    if (dtype === 'bool') return value !== 0
    return typeof value === 'bigint' ? safe(value) : value
  }
  const level = (dim: number): NestedArray =>
    dim === shape.length ? element() : Array.from({ length: shape[dim] as number }, () => level(dim + 1))
  return level(0)
}

function safe(value: bigint): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw torchError(
    'ERR_TORCH_VALUE',
    `${value} is beyond the safe integers of JavaScript: read it with toTypedArray(), which gives a BigInt64Array`,
    { op: 'toArray' },
  )
}

/** Nested arrays as one flat array, with their shape and the dtype inferred from the elements. */
export function flatten(data: NestedData): { values: (number | bigint | boolean)[]; shape: number[]; dtype: DType } {
  const shape: number[] = []
  for (let level: unknown = data; Array.isArray(level); level = level[0]) {
    shape.push(level.length)
    if (shape.length > 64) throw torchError('ERR_TORCH_VALUE', 'tensor(): the data is nested more than 64 deep')
  }
  const values: (number | bigint | boolean)[] = []
  const visit = (node: unknown, dim: number): void => {
    if (dim === shape.length) {
      if (typeof node !== 'number' && typeof node !== 'bigint' && typeof node !== 'boolean') {
        const ragged = Array.isArray(node)
          ? 'ragged: an element at one place is an array at another'
          : `not numeric: ${describe(node)}`
        throw torchError(Array.isArray(node) ? 'ERR_TORCH_SHAPE' : 'ERR_TORCH_TYPE', `tensor(): the data is ${ragged}`)
      }
      values.push(node)
      return
    }
    if (!Array.isArray(node) || node.length !== shape[dim]) {
      const found = Array.isArray(node) ? node.length : describe(node)
      throw torchError('ERR_TORCH_SHAPE', `expected sequence of length ${shape[dim]} at dim ${dim} (got ${found})`, {
        op: 'tensor',
      })
    }
    for (let i = 0; i < node.length; i++) visit(node[i], dim + 1)
  }
  visit(data, 0)
  return { values, shape, dtype: dtypeOfValues(values) }
}

/** JavaScript numbers are floats and become float32, PyTorch's default. BigInts become int64, booleans bool. */
function dtypeOfValues(values: readonly (number | bigint | boolean)[]): DType {
  if (values.length > 0 && values.every((value) => typeof value === 'boolean')) return 'bool'
  if (values.length > 0 && values.every((value) => typeof value === 'bigint')) return 'int64'
  return 'float32'
}

/** The elements in the memory layout of `dtype`. Half precision is stored as float32, which LibTorch then rounds. */
export function pack(
  values: readonly (number | bigint | boolean)[],
  dtype: DType,
): { array: TypedArray; dtype: DType } {
  switch (dtype) {
    case 'int64':
      return { array: BigInt64Array.from(values, toBigInt), dtype }
    case 'bool':
      // NaN is true, as in Python.
      return { array: Uint8Array.from(values, (value) => (value || Number.isNaN(value) ? 1 : 0)), dtype }
    case 'float64':
      return { array: Float64Array.from(values, Number), dtype }
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint8':
      return { array: new ARRAYS[dtype](values.map((value) => toInteger(value, dtype))), dtype }
    case 'complex128':
      return { array: Float64Array.from(values, Number), dtype: 'float64' }
    default:
      return { array: Float32Array.from(values, Number), dtype: 'float32' }
  }
}

function overflow(value: number | bigint | boolean, dtype: DType): never {
  throw torchError('ERR_TORCH_VALUE', `value ${value} cannot be converted to type ${dtype} without overflow`, {
    op: 'tensor',
  })
}

const RANGES = {
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-2147483648, 2147483647],
} as const

/** Truncates fractions, like PyTorch, and throws if the value is out of range: it would become another number. */
function toInteger(value: number | bigint | boolean, dtype: keyof typeof RANGES): number {
  const number = Number(value)
  const [least, most] = RANGES[dtype]
  // A negative integer wraps around, as in PyTorch.
  const wraps = dtype === 'uint8' && Number.isInteger(number) && number >= -most
  return (number >= least || wraps) && number <= most ? Math.trunc(number) : overflow(value, dtype)
}

function toBigInt(value: number | bigint | boolean): bigint {
  if (typeof value === 'number' && !Number.isFinite(value)) return overflow(value, 'int64')
  const whole = BigInt(typeof value === 'number' ? Math.trunc(value) : value)
  return BigInt.asIntN(64, whole) === whole ? whole : overflow(value, 'int64')
}
