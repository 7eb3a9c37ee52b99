import { Buffer } from 'node:buffer'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { DType } from '../tensor/dtype.ts'
import { Budget } from './budget.ts'
import { type Coroutine, pause } from './coroutine.ts'
import { setOwn } from './record.ts'
import { numelOf } from './size.ts'

/** The description of one tensor in the header of a safetensors file. */
export interface TensorInfo {
  /** The file's name for the dtype: `'F32'`, `'BF16'`, `'I64'`. */
  dtype: string
  shape: number[]
  /** The start and end of the data, in bytes from the end of the header. */
  dataOffsets: [number, number]
}

/** The header of a safetensors file. */
export interface Header {
  /** Free text by name, such as `{ format: 'pt' }`. */
  metadata: Record<string, string>
  /** In the order of their data. */
  tensors: Record<string, TensorInfo>
}

/** The limit of the reference implementation. */
export const MAX_HEADER = 100_000_000
/** LibTorch's own limit is 64. */
const MAX_RANK = 64
const LONGEST_DTYPE = 64
/** The number of tensors described without a pause. */
const BATCH = 1000
/** The memory that one tensor or one metadata string needs. */
const TENSOR_COST = 800
const METADATA_COST = 200

/** In the order of the reference implementation, which writes the tensors of the last dtype first. */
const DTYPES: readonly (readonly [name: string, bits: number, dtype?: DType])[] = [
  ['BOOL', 8, 'bool'],
  ['F4', 4],
  ['F6_E2M3', 6],
  ['F6_E3M2', 6],
  ['U8', 8, 'uint8'],
  ['I8', 8, 'int8'],
  ['F8_E5M2', 8],
  ['F8_E4M3', 8],
  ['F8_E8M0', 8],
  ['F8_E4M3FNUZ', 8],
  ['F8_E5M2FNUZ', 8],
  ['I16', 16, 'int16'],
  ['U16', 16],
  ['F16', 16, 'float16'],
  ['BF16', 16, 'bfloat16'],
  ['I32', 32, 'int32'],
  ['U32', 32],
  ['F32', 32, 'float32'],
  ['C64', 64, 'complex64'],
  ['F64', 64, 'float64'],
  ['I64', 64, 'int64'],
  ['U64', 64],
]
const SUPPORTED = DTYPES.filter(([, , dtype]) => dtype !== undefined).map(([name]) => name)

/** The corresponding dtype of a tensor here; undefined if there is none. */
export function dtypeNamed(name: string): DType | undefined {
  return DTYPES.find(([known]) => known === name)?.[2]
}

/** The message for a tensor that cannot be loaded. */
export function unsupported(name: string, dtype: string): string {
  return `${describe(name)} has dtype ${dtype}, which cannot be loaded; the dtypes are ${SUPPORTED.join(', ')}. Load the other tensors with the option names.`
}

/** A tensor to write. */
export interface Entry {
  name: string
  dtype: DType
  shape: readonly number[]
}

function rankOf(op: string, { name, dtype }: Entry): number {
  const rank = DTYPES.findIndex(([, , own]) => own === dtype)
  if (rank >= 0) return rank
  throw torchError('ERR_TORCH_DTYPE', `${op}: '${name}' is ${dtype}, which safetensors cannot hold`, { op })
}

/** Throws unless a string is valid Unicode: JavaScript's strings can hold lone surrogates, which UTF-8 cannot. */
export function requireText(op: string, text: string): void {
  if (Buffer.from(text).toString() !== text) {
    throw torchError('ERR_TORCH_VALUE', `${op}: ${describe(text)} is not valid Unicode`, { op })
  }
}

/**
 * The entries in the order of a file (by alignment, then by name) with their sizes, and its header with the length
 * before it: byte for byte as the reference implementation writes them, except that metadata is sorted here and in
 * random order there.
 */
export function formatHeader<E extends Entry>(
  op: string,
  entries: readonly E[],
  metadata: Readonly<Record<string, string>> | undefined,
): { header: Buffer; ordered: { entry: E; bytes: number }[] } {
  const keyed = entries.map((entry) => ({ entry, rank: rankOf(op, entry), key: Buffer.from(entry.name) }))
  keyed.sort((a, b) => b.rank - a.rank || Buffer.compare(a.key, b.key))
  const parts: string[] = []
  if (metadata !== undefined) {
    const texts = Object.keys(metadata)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map((name) => {
        const text = metadata[name] as string
        requireText(op, name)
        requireText(op, text)
        return `${JSON.stringify(name)}:${JSON.stringify(text)}`
      })
    parts.push(`"__metadata__":{${texts.join()}}`)
  }
  let offset = 0
  const ordered = keyed.map(({ entry, rank }) => {
    if (entry.name === '__metadata__') {
      throw torchError('ERR_TORCH_VALUE', `${op}: a tensor cannot be called '__metadata__'`, { op })
    }
    requireText(op, entry.name)
    const [dtype, bits] = DTYPES[rank] as (typeof DTYPES)[number]
    const bytes = entry.shape.reduce((product, size) => product * size, bits / 8)
    const offsets = `[${offset},${offset + bytes}]`
    offset += bytes
    parts.push(
      `${JSON.stringify(entry.name)}:{"dtype":"${dtype}","shape":[${entry.shape.join()}],"data_offsets":${offsets}}`,
    )
    return { entry, bytes }
  })
  const text = Buffer.from(`{${parts.join()}}`)
  const length = Math.ceil(text.length / 8) * 8
  if (length > MAX_HEADER) {
    throw torchError('ERR_TORCH_VALUE', `${op}: the header would have ${length} bytes, more than ${MAX_HEADER}`, { op })
  }
  const header = Buffer.alloc(8 + length, ' ')
  header.writeBigUInt64LE(BigInt(length))
  text.copy(header, 8)
  return { header, ordered }
}

/** Reads JSON of this one form only, so that a hostile header cannot create more objects than it describes tensors. */
class HeaderText {
  readonly #text: string
  readonly #reject: (problem: string) => never
  #position = 0

  constructor(text: string, reject: (problem: string) => never) {
    this.#text = text
    this.#reject = reject
  }

  fail(problem: string): never {
    return this.#reject(`the header is malformed at character ${this.#position}: ${problem}`)
  }

  #space(): void {
    while (' \t\n\r'.includes(this.#text[this.#position] ?? '!')) this.#position++
  }

  next(expected: string): boolean {
    this.#space()
    if (this.#text[this.#position] !== expected) return false
    this.#position++
    return true
  }

  expect(expected: string): void {
    if (!this.next(expected)) {
      const found = this.#text[this.#position]
      this.fail(`expected '${expected}', found ${found === undefined ? 'the end' : `'${found}'`}`)
    }
  }

  string(): string {
    this.expect('"')
    const start = this.#position - 1
    for (let end = this.#text.indexOf('"', this.#position); end >= 0; end = this.#text.indexOf('"', end + 1)) {
      let backslashes = 0
      while (this.#text[end - 1 - backslashes] === '\\') backslashes++
      if (backslashes % 2 === 1) continue
      this.#position = end + 1
      try {
        return JSON.parse(this.#text.slice(start, end + 1)) as string
      } catch {
        return this.fail('a string is not valid JSON')
      }
    }
    return this.fail('a string does not end')
  }

  integer(what: string): number {
    this.#space()
    const digits = /(?:0|[1-9]\d{0,15})(?![\d.eE])/y
    digits.lastIndex = this.#position
    const value = Number(digits.exec(this.#text)?.[0] ?? Number.NaN)
    if (!Number.isSafeInteger(value)) this.fail(`${what} must be a non-negative integer below 2^53`)
    this.#position = digits.lastIndex
    return value
  }

  integers(what: string, most: number): number[] {
    const values: number[] = []
    this.expect('[')
    if (this.next(']')) return values
    do {
      if (values.length === most) this.fail(`${what} has more than ${most} numbers`)
      values.push(this.integer(what))
    } while (this.next(','))
    this.expect(']')
    return values
  }

  /** The names of an object's members, which must be distinct. Read the value of each before taking the next. */
  *names(): Generator<string> {
    const names = new Set<string>()
    this.expect('{')
    if (this.next('}')) return
    do {
      const name = this.string()
      if (names.has(name)) this.fail(`the name ${describe(name)} appears twice`)
      names.add(name)
      this.expect(':')
      yield name
    } while (this.next(','))
    this.expect('}')
  }

  end(): void {
    this.#space()
    if (this.#position < this.#text.length) this.fail('there is extra text after the end')
  }
}

function readInfo(text: HeaderText): TensorInfo {
  const info: Partial<TensorInfo> = {}
  for (const key of text.names()) {
    if (key === 'dtype') info.dtype = text.string()
    else if (key === 'shape') info.shape = text.integers('shape', MAX_RANK)
    else if (key === 'data_offsets') info.dataOffsets = text.integers('data_offsets', 2) as [number, number]
    else text.fail(`a tensor has no ${describe(key)}`)
  }
  const { dtype, shape, dataOffsets } = info
  if (dtype === undefined || shape === undefined || dataOffsets?.length !== 2) {
    return text.fail('a tensor needs dtype, shape and two data_offsets')
  }
  if (dtype.length > LONGEST_DTYPE) text.fail('a dtype is too long')
  return { dtype, shape, dataOffsets }
}

/**
 * Throws unless dtype and shape need exactly the bytes between the offsets. An element of an unknown dtype may have 1
 * to 256 bits.
 */
function checkSize(
  name: string,
  { dtype, shape, dataOffsets: [start, end] }: TensorInfo,
  reject: (problem: string) => never,
): void {
  const numel = numelOf(shape)
  const bits = DTYPES.find(([known]) => known === dtype)?.[1]
  const [least, most] = bits === undefined ? [numel / 8, 32 * numel] : [(numel * bits) / 8, (numel * bits) / 8]
  if (!Number.isSafeInteger(most) || !(least <= end - start && end - start <= most)) {
    reject(`${describe(name)} has data_offsets [${start}, ${end}], which do not fit ${dtype} of shape [${shape}]`)
  }
}

/**
 * Reads a header, and checks that its tensors fill `dataSize` bytes one after the other, without gaps.
 *
 * @param reject throws the error for a given problem
 */
export function* parseHeader(
  bytes: Uint8Array,
  dataSize: number,
  reject: (problem: string) => never,
): Coroutine<Header> {
  const budget = new Budget(() => reject('the header describes more tensors than there is memory for'))
  try {
    return yield* parse(bytes, dataSize, reject, budget)
  } finally {
    budget.close()
  }
}

function* parse(
  bytes: Uint8Array,
  dataSize: number,
  reject: (problem: string) => never,
  budget: Budget,
): Coroutine<Header> {
  budget.charge(2 * bytes.length)
  let decoded: string
  try {
    decoded = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return reject('the header is not valid UTF-8')
  }
  const text = new HeaderText(decoded, reject)
  const metadata: Record<string, string> = {}
  const found: [string, TensorInfo][] = []
  for (const name of text.names()) {
    if (name === '__metadata__') {
      for (const key of text.names()) {
        budget.charge(METADATA_COST)
        setOwn(metadata, key, text.string())
      }
    } else {
      budget.charge(TENSOR_COST)
      found.push([name, readInfo(text)])
    }
    if (found.length % BATCH === BATCH - 1) yield* pause()
  }
  text.end()

  found.sort(([, a], [, b]) => a.dataOffsets[0] - b.dataOffsets[0] || a.dataOffsets[1] - b.dataOffsets[1])
  const tensors: Record<string, TensorInfo> = {}
  let end = 0
  for (const [i, [name, info]] of found.entries()) {
    if (i % BATCH === BATCH - 1) yield* pause()
    if (info.dataOffsets[0] !== end)
      reject(`the data of ${describe(name)} should begin at ${end}, not at ${info.dataOffsets[0]}`)
    checkSize(name, info, reject)
    end = info.dataOffsets[1]
    setOwn(tensors, name, info)
  }
  if (end !== dataSize) reject(`the header describes ${end} bytes of data, but there are ${dataSize}`)
  return { metadata, tensors }
}
