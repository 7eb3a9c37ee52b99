import { HttpError } from './status.ts'

/** How the values of a datatype of the Open Inference Protocol are read from bytes in little-endian order. */
interface Datatype {
  readonly size: number
  read(view: DataView, at: number): number
}

const scratch = new DataView(new ArrayBuffer(4))

/** The upper half of a float32. */
function readBfloat16(view: DataView, at: number): number {
  scratch.setUint16(2, view.getUint16(at, true), true)
  scratch.setUint16(0, 0, true)
  return scratch.getFloat32(0, true)
}

/** IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction. */
function readFloat16(view: DataView, at: number): number {
  const bits = view.getUint16(at, true)
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = (bits & 0x3ff) / 1024
  if (exponent === 0) return sign * 2 ** -14 * fraction
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * 2 ** (exponent - 15) * (1 + fraction)
}

const DATATYPES: Readonly<Record<string, Datatype>> = {
  BOOL: { size: 1, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
  UINT8: { size: 1, read: (view, at) => view.getUint8(at) },
  UINT16: { size: 2, read: (view, at) => view.getUint16(at, true) },
  UINT32: { size: 4, read: (view, at) => view.getUint32(at, true) },
  UINT64: { size: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
  INT8: { size: 1, read: (view, at) => view.getInt8(at) },
  INT16: { size: 2, read: (view, at) => view.getInt16(at, true) },
  INT32: { size: 4, read: (view, at) => view.getInt32(at, true) },
  INT64: { size: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  FP16: { size: 2, read: readFloat16 },
  BF16: { size: 2, read: readBfloat16 },
  FP32: { size: 4, read: (view, at) => view.getFloat32(at, true) },
  FP64: { size: 8, read: (view, at) => view.getFloat64(at, true) },
}

const wrong = (message: string): HttpError => new HttpError(400, 'ERR_HTTP_TENSOR', message)

/** @throws {HttpError} for one that holds no numbers, or that there is not. */
function datatypeOf(name: string, datatype: unknown): Datatype {
  const found = typeof datatype === 'string' && Object.hasOwn(DATATYPES, datatype) ? DATATYPES[datatype] : undefined
  if (found !== undefined) return found
  throw wrong(`the datatype of '${name}' must be one of ${Object.keys(DATATYPES).join(', ')}, got ${show(datatype)}`)
}

const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 100) ?? 'nothing'

/** @throws {HttpError} unless it is a list of `rank` sizes of 1 or more. */
export function readShape(name: string, shape: unknown, rank: number, wanted: string): number[] {
  const isShape =
    Array.isArray(shape) && shape.length === rank && shape.every((size) => Number.isSafeInteger(size) && size > 0)
  if (isShape && Number.isSafeInteger(countOf(shape))) return shape
  throw wrong(`the shape of '${name}' must be ${wanted}, got ${show(shape)}`)
}

const countOf = (shape: readonly number[]): number => shape.reduce((all, size) => all * size, 1)

/** @throws {HttpError} unless tokens and lengths are integers of 32 bits. */
function requireInteger(name: string, value: number): number {
  if ((value | 0) === value) return value
  throw wrong(`'${name}' must have integers of 32 bits, got ${value}`)
}

type Numbers = typeof Float32Array | typeof Int32Array

/**
 * The values of a tensor in bytes.
 *
 * @throws {HttpError} unless there are as many as its shape says.
 */
export function numbersOfBytes(
  name: string,
  datatype: unknown,
  shape: readonly number[],
  bytes: Buffer,
  Type: Numbers,
): Float32Array | Int32Array {
  const { size, read } = datatypeOf(name, datatype)
  const count = countOf(shape)
  if (bytes.length !== count * size) {
    throw wrong(`'${name}' of shape [${shape}] has ${count * size} bytes as ${datatype}, got ${bytes.length}`)
  }
  const values = new Type(count)
  if (datatype === (Type === Float32Array ? 'FP32' : 'INT32')) new Uint8Array(values.buffer).set(bytes)
  else {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const isInteger = Type === Int32Array
    for (let i = 0; i < count; i++) {
      const value = read(view, i * size)
      values[i] = isInteger ? requireInteger(name, value) : value
    }
  }
  return values
}

/**
 * The values of a tensor in JSON: flat, or nested.
 *
 * @throws {HttpError} unless there are as many as its shape says.
 */
export function numbersOfData(
  name: string,
  datatype: unknown,
  shape: readonly number[],
  data: unknown,
  Type: Numbers,
): Float32Array | Int32Array {
  datatypeOf(name, datatype)
  if (!Array.isArray(data)) throw wrong(`'${name}' must have data, an array of numbers, got ${show(data)}`)
  const count = countOf(shape)
  const isNested = Array.isArray(data[0])
  if (isNested && !isOfShape(data, shape))
    throw wrong(`'${name}' is of shape [${shape}], but its data are not nested so`)
  const flat: readonly unknown[] = isNested ? data.flat(shape.length - 1) : data
  if (flat.length !== count) {
    throw wrong(`'${name}' of shape [${shape}] has ${count} values, got ${flat.length}`)
  }
  const values = new Type(count)
  const isInteger = Type === Int32Array
  for (let i = 0; i < count; i++) {
    const given = flat[i]
    const value = datatype === 'BOOL' && typeof given === 'boolean' ? Number(given) : given
    if (typeof value !== 'number') throw wrong(`the data of '${name}' must be numbers, got ${show(given)}`)
    values[i] = isInteger ? requireInteger(name, value) : value
  }
  return values
}

/** Whether nested arrays have the lengths of a shape. */
function isOfShape(data: readonly unknown[], [length, ...rest]: readonly number[]): boolean {
  if (data.length !== length) return false
  if (rest.length === 0) return !data.some(Array.isArray)
  return data.every((item) => Array.isArray(item) && isOfShape(item, rest))
}
