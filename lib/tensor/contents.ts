import { createHash } from 'node:crypto'
import { isFloat32Array, isFloat64Array } from 'node:util/types'
import type { TypedArray } from './data.ts'
import { isComplex } from './dtype.ts'
import type { Tensor } from './tensor.ts'

/** Elements that the text of a tensor names; of larger ones it has the first, and a checksum of all. */
const MOST = 64
const FIRST = 8

const numbers = new WeakMap<object, number>()
let last = 0

/** A tensor whose values cannot be read equals itself alone. */
function numberOf(tensor: Tensor): number {
  const number = numbers.get(tensor) ?? ++last
  numbers.set(tensor, number)
  return number
}

/** NaN equals NaN here, and 0 equals -0, as `torch.equal(…, equal_nan=True)` has it. */
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
 * @internal What a tensor holds, as one line: two have the same if dtype, shape, device and all values are equal, and
 * only then. One that is disposed, that waits in a queue or that cannot be read equals no other.
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
 * @internal The handler of a proxy that shows a tensor as an object with one property, its contents, read when one asks
 * for them. As a property of the tensor it is what functions that compare, copy and send objects see of it.
 */
export const CONTENTS: ProxyHandler<Tensor> = {
  ownKeys: () => ['values'],
  has: (_, key) => key === 'values',
  get: (tensor, key) => (key === 'values' ? tensor[Symbol.toStringTag] : undefined),
  getOwnPropertyDescriptor: (tensor, key) =>
    key === 'values' ? { value: tensor[Symbol.toStringTag], enumerable: true, configurable: true } : undefined,
}

/**
 * @internal Whether a function that compares objects asks for the iterator of a tensor: `iterableEquality`, of Jest and of
 * Vitest, would go through the elements of two tensors one by one, and find other answers than their contents give.
 */
export function isCompared(): boolean {
  const limit = Error.stackTraceLimit
  // This function, the tensor's, the one that asks, and the one that compares.
  Error.stackTraceLimit = 5
  const { stack } = new Error()
  Error.stackTraceLimit = limit
  return stack?.includes('iterableEquality') ?? false
}
