import { Buffer } from 'node:buffer'
import { types } from 'node:util'
import { isPlain } from '../check.ts'
import { describe } from '../describe.ts'
import { type ErrorCode, type TorchError, torchError } from '../errors.ts'
import { Parameter } from '../nn/parameter.ts'
import type { DType } from '../tensor/dtype.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { requireText } from './header.ts'
import { DEEPEST } from './pickle.ts'
import { storageTypeOf } from './rebuild.ts'

/** A value that {@link save} can write, besides tensors. */
export type Saveable =
  | Tensor
  | number
  | bigint
  | boolean
  | string
  | null
  | Uint8Array
  | readonly Saveable[]
  | ReadonlySet<Saveable>
  | ReadonlyMap<Saveable, Saveable>
  | { readonly [name: string]: Saveable }

/** Where a tensor's elements are in the file: in a storage, which tensors can share. */
export interface Place {
  key: string
  dtype: DType
  /** The device to restore it to. */
  location: string
  /** The number of elements of the storage. */
  numel: number
  /** In elements, as the stride. */
  offset: number
  size: readonly number[]
  stride: readonly number[]
}

/** The largest length of a pickled object that is not counted with 4 bytes. */
const LONGEST = 0xff

/** Writes the opcodes of Python's pickle, protocol 2, which is what PyTorch uses. */
class Writer {
  readonly #parts: Buffer[] = []

  op(...parts: readonly (string | Buffer)[]): void {
    for (const part of parts) this.#parts.push(typeof part === 'string' ? Buffer.from(part, 'latin1') : part)
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  global(module: string, name: string): void {
    this.op(`c${module}\n${name}\n`)
  }

  text(text: string): void {
    const bytes = Buffer.from(text)
    this.op('X', uint32(bytes.length), bytes)
  }

  integer(value: number): void {
    if (value >= 0 && value <= 0xff) this.op('K', Buffer.from([value]))
    else if (value >= -0x80000000 && value <= 0x7fffffff) this.op('J', int32(value))
    else this.long(BigInt(value))
  }

  /** In two's complement, little-endian, with as few bytes as possible. */
  long(value: bigint): void {
    const bits = (value < 0n ? -value - 1n : value).toString(2).length
    const length = value === 0n ? 0 : Math.floor(bits / 8) + 1
    const digits = BigInt.asUintN(8 * length, value)
      .toString(16)
      .padStart(2 * length, '0')
    const bytes = Buffer.from(length === 0 ? '' : digits, 'hex').reverse()
    if (length <= LONGEST) this.op('\x8a', Buffer.from([length]), bytes)
    else this.op('\x8b', int32(length), bytes)
  }

  float(value: number): void {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleBE(value)
    this.op('G', bytes)
  }

  boolean(value: boolean): void {
    this.op(value ? '\x88' : '\x89')
  }

  integers(values: readonly number[]): void {
    this.op('(')
    for (const value of values) this.integer(value)
    this.op('t')
  }

  /** collections.OrderedDict() */
  orderedDict(): void {
    this.global('collections', 'OrderedDict')
    this.op(')R')
  }

  put(index: number): void {
    this.op(...(index <= LONGEST ? ['q', Buffer.from([index])] : ['r', uint32(index)]))
  }

  get(index: number): void {
    this.op(...(index <= LONGEST ? ['h', Buffer.from([index])] : ['j', uint32(index)]))
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

/** The tensors in a value with their paths, each once. @throws {TorchError} for what cannot be saved. */
export function tensorsIn(call: string, root: unknown): Map<Tensor, string> {
  const tensors = new Map<Tensor, string>()
  const open = new Set<unknown>()
  const done = new Set<unknown>()
  const wrong = (path: string, problem: string, code: ErrorCode = 'ERR_TORCH_TYPE'): TorchError =>
    torchError(code, `${call}: ${path} ${problem}`, { op: call })
  function visit(value: unknown, path: string): void {
    if (isTensor(value)) {
      if (!tensors.has(value)) tensors.set(value, path)
      return
    }
    if (typeof value === 'string') requireText(call, value)
    if (isSimple(value) || done.has(value)) return
    const members = membersOf(value, path)
    if (members === undefined) throw wrong(path, `cannot be saved: it is ${describe(value)}${advice(value)}`)
    if (open.has(value)) throw wrong(path, 'contains itself', 'ERR_TORCH_VALUE')
    if (open.size === DEEPEST) throw wrong(path, `is nested more than ${DEEPEST} deep`, 'ERR_TORCH_VALUE')
    open.add(value)
    for (const [key, item, place] of members) {
      if (key !== undefined && !isSimple(key))
        throw wrong(`a key of ${path}`, `must be a string or number, got ${describe(key)}`)
      visit(key ?? null, place)
      visit(item, place)
    }
    open.delete(value)
    done.add(value)
  }
  visit(root, 'value')
  return tensors
}

function isSimple(value: unknown): boolean {
  return value === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof value) || isBytes(value)
}

/** Of any realm. */
function isBytes(value: unknown): value is Uint8Array {
  return types.isUint8Array(value)
}

/** The members of a container: key, value and path; `undefined` if it is none. */
function membersOf(value: unknown, path: string): Iterable<[key: unknown, value: unknown, path: string]> | undefined {
  // Not `map`, which leaves holes as they are.
  if (Array.isArray(value)) return Array.from(value, (item, i) => [undefined, item, `${path}[${i}]`])
  if (types.isSet(value)) return [...value].map((item) => [undefined, item, `an element of ${path}`])
  if (types.isMap(value)) return [...value].map(([key, item]) => [key, item, `${path}.get(${describe(key)})`])
  if (!isPlain(value)) return undefined
  return Object.entries(value).map(([key, item]) => [key, item, `${path}.${key}`])
}

function advice(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'stateDict' in value) return ': save its stateDict()'
  if (ArrayBuffer.isView(value)) return ': make a tensor of it with torch.tensor()'
  if (value === undefined) return ': leave it out, or save null'
  return '; tensors, numbers, strings, booleans, null, bytes (Uint8Array), arrays, plain objects, maps and sets can be'
}

/**
 * The pickle of a value that {@link tensorsIn} has checked, with tensors at their places. A container or tensor that
 * occurs twice is one object in Python, too.
 */
export function pickle(root: unknown, placeOf: (tensor: Tensor) => Place): Buffer {
  const writer = new Writer()
  const memo = new Map<unknown, number>()
  writer.op('\x80\x02')
  function write(value: unknown): void {
    if (typeof value === 'number') {
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) writer.integer(value)
      else writer.float(value)
    } else if (typeof value === 'string') writer.text(value)
    else if (typeof value === 'bigint') writer.long(value)
    else if (typeof value === 'boolean') writer.boolean(value)
    else if (value === null) writer.op('N')
    else if (memo.has(value)) writer.get(memo.get(value) as number)
    else if (isTensor(value)) {
      writeTensor(value)
      remember(value)
    } else writeObject(value as object)
  }
  function remember(value: unknown): void {
    writer.put(memo.size)
    memo.set(value, memo.size)
  }
  function writeObject(value: object): void {
    if (isBytes(value)) {
      writer.global('_codecs', 'encode')
      writer.op('(')
      writer.text(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1'))
      writer.text('latin1')
      writer.op('tR')
      remember(value)
    } else if (types.isSet(value)) {
      writer.global('__builtin__', 'set')
      writer.op('(](')
      for (const item of value) write(item)
      writer.op('etR')
      remember(value)
    } else if (Array.isArray(value)) {
      writer.op(']')
      remember(value)
      writer.op('(')
      for (const item of value) write(item)
      writer.op('e')
    } else {
      writer.op('}')
      remember(value)
      writer.op('(')
      for (const [key, item] of types.isMap(value) ? value : Object.entries(value)) {
        write(key)
        write(item)
      }
      writer.op('u')
    }
  }
  function writeTensor(tensor: Tensor): void {
    const isParameter = tensor instanceof Parameter
    if (isParameter) {
      writer.global('torch._utils', '_rebuild_parameter')
      writer.op('(')
    }
    const { key, dtype, location, numel, offset, size, stride } = placeOf(tensor)
    writer.global('torch._utils', '_rebuild_tensor_v2')
    writer.op('((')
    writer.text('storage')
    writer.global('torch', storageTypeOf(dtype))
    writer.text(key)
    writer.text(location)
    writer.integer(numel)
    writer.op('tQ')
    writer.integer(offset)
    writer.integers(size)
    writer.integers(stride)
    writer.boolean(!isParameter && tensor.requiresGrad)
    writer.orderedDict()
    writer.op('tR')
    if (!isParameter) return
    writer.boolean(tensor.requiresGrad)
    writer.orderedDict()
    writer.op('tR')
  }
  write(root)
  writer.op('.')
  return writer.bytes
}
