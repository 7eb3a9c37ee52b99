import { createHash } from 'node:crypto'
import { isFloat32Array, isFloat64Array } from 'node:util/types'
import type { TypedArray } from './data.ts'
import { isComplex } from './dtype.ts'
import type { Tensor } from './tensor.ts'

/** Up to this many elements are listed in full; for larger tensors, the first few and a checksum of all. */
const MOST = 64
const FIRST = 8

const numbers = new WeakMap<object, number>()
let last = 0

/** A unique number per tensor: a tensor whose values cannot be read equals only itself. */
function numberOf(tensor: Tensor): number {
  const number = numbers.get(tensor) ?? ++last
  numbers.set(tensor, number)
  return number
}

/** NaN equals NaN here, and 0 equals -0, as with `torch.equal(…, equal_nan=True)`. */
function normalized(values: TypedArray): TypedArray {
  if (!isFloat32Array(values) && !isFloat64Array(values)) return values
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (value === 0) values[i] = 0
    else if (Number.isNaN(value)) values[i] = Number.NaN
  }
  return values
}

function textOf(values: TypedArray): string {
  if (values.length <= MOST) return values.join(', ')
  const sum = createHash('sha256').update(values).digest('hex')
  return `${values.subarray(0, FIRST).join(', ')}, … (SHA-256 ${sum})`
}

/**
 * @internal The contents of a tensor in one line. Two tensors have the same line if and only if dtype, shape, device
 * and all values are equal. A tensor that is disposed, queued or unreadable equals no other.
 */
export function contentsOf(tensor: Tensor, valuesOf: (tensor: Tensor) => TypedArray): string {
  if (tensor.disposed) return `disposed tensor ${numberOf(tensor)}`
  try {
    const { dtype, device, shape } = tensor
    const what = `${dtype} tensor of shape [${shape.join(', ')}]${device === 'cpu' ? '' : ` on ${device}`}`
    if (tensor.pending) return `${what}, not computed yet (${numberOf(tensor)})`
    const values = textOf(normalized(valuesOf(tensor)))
    return `${what}: ${isComplex(dtype) ? 'pairs ' : ''}${values}`
  } catch {
    return `tensor ${numberOf(tensor)}, which cannot be read`
  }
}

/**
 * @internal The handler of a proxy that presents a tensor as an object with a single property, its contents, which are
 * read on access. Functions that compare, copy or serialize objects see this proxy, as a property of the tensor.
 */
export const CONTENTS: ProxyHandler<Tensor> = {
  ownKeys: () => ['values'],
  has: (_, key) => key === 'values',
  get: (tensor, key) => (key === 'values' ? tensor[Symbol.toStringTag] : undefined),
  getOwnPropertyDescriptor: (tensor, key) =>
    key === 'values' ? { value: tensor[Symbol.toStringTag], enumerable: true, configurable: true } : undefined,
}

/**
 * @internal Whether a comparison function is asking for a tensor's iterator. `iterableEquality` of Jest and Vitest
 * would compare two tensors element by element, with results that differ from a comparison of their contents.
 */
export function isCompared(): boolean {
  const limit = Error.stackTraceLimit
  // Frames: this function, the tensor's getter, the function that asks for the iterator, and the one that compares.
  Error.stackTraceLimit = 5
  const { stack } = new Error()
  Error.stackTraceLimit = limit
  return stack !== undefined && /iterableEquality|node_modules[\\/]concordance[\\/]/.test(stack)
}
