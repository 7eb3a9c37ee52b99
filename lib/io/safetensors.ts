import { Buffer } from 'node:buffer'
import { isArrayOf } from '../array.ts'
import { checkOptions, invalid, requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { offload } from '../tensor/context.ts'
import { requireDevice } from '../tensor/device.ts'
import type { DType } from '../tensor/dtype.ts'
import { allocate, getBytes, setBytes } from '../tensor/memory.ts'
import { type Device, isTensor, type Tensor } from '../tensor/tensor.ts'
import { type FileWriter, writeFile } from './atomic.ts'
import { type Coroutine, perform, run, runSync } from './coroutine.ts'
import { type FileReader, readFile } from './file.ts'
import {
  dtypeNamed,
  type Entry,
  formatHeader,
  type Header,
  MAX_HEADER,
  parseHeader,
  type TensorInfo,
  unsupported,
} from './header.ts'
import { setOwn } from './record.ts'
import { checkUnchanged, type Source, sourceOf, withBytes } from './source.ts'
import { isScript, isZip, readDirectory } from './zip.ts'

export interface SaveFileOptions {
  /** Free text saved with the tensors, such as `{ format: 'pt', epoch: '3' }`. */
  metadata?: Readonly<Record<string, string>>
}

export interface LoadFileOptions {
  /** The device for the tensors. Default `'cpu'`. */
  device?: Device
  /** The tensors to load; the others are not read. Default: all. */
  names?: readonly string[]
}

/** A tensor to write. */
type NamedSource = Entry & Source

function sourcesOf(call: string, tensors: unknown): NamedSource[] {
  if (typeof tensors !== 'object' || tensors === null || Array.isArray(tensors) || isTensor(tensors)) {
    throw torchError('ERR_TORCH_TYPE', `${call}: expected an object of tensors by name, got ${describe(tensors)}`, {
      op: call,
    })
  }
  const isIterable = Symbol.iterator in tensors
  if (isIterable || ('stateDict' in tensors && typeof tensors.stateDict === 'function')) {
    const cure = isIterable ? 'make one from pairs with Object.fromEntries()' : 'save its stateDict()'
    throw torchError(
      'ERR_TORCH_TYPE',
      `${call}: expected an object of tensors by name, got ${describe(tensors)}: ${cure}`,
      {
        op: call,
      },
    )
  }
  return Object.entries(tensors).map(([name, tensor]: [string, unknown]) => {
    if (!isTensor(tensor)) {
      throw torchError(
        'ERR_TORCH_TYPE',
        `${call}: '${name}' must be a Tensor, got ${describe(tensor)}${advice(tensor)}`,
        {
          op: call,
        },
      )
    }
    const { dtype, shape } = tensor
    return { dtype, shape, ...sourceOf(name, tensor) }
  })
}

/** What to do with a value that a safetensors file cannot hold. */
function advice(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') {
    return '. A number or text goes into the option metadata as a string, or becomes a tensor'
  }
  if (typeof value !== 'object' || value === null) return ''
  return ". A file holds one flat object of tensors: give nested tensors their own names, as in { 'optimizer.0.expAvg': tensor }, and put numbers and text into the option metadata"
}

/** Two names for the same memory would load as two tensors, and a tied weight as two weights. */
function refuseShared(call: string, sources: readonly NamedSource[]): void {
  const sorted = sources.filter(({ range }) => range.storage !== 0)
  sorted.sort((a, b) => a.range.storage - b.range.storage || a.range.first - b.range.first)
  let furthest: NamedSource | undefined
  for (const source of sorted) {
    const same = furthest !== undefined && furthest.range.storage === source.range.storage
    if (same && furthest !== undefined && source.range.first < furthest.range.last) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${call}: '${furthest.name}' and '${source.name}' share memory, and a safetensors file cannot keep that: they would be two tensors after loading. Save one of them, or a clone().`,
        { op: call },
      )
    }
    if (!same || furthest === undefined || source.range.last > furthest.range.last) furthest = source
  }
}

function checkMetadata(call: string, metadata: unknown): Record<string, string> | undefined {
  if (metadata === undefined) return undefined
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw invalid(call, 'metadata', 'an object of strings', metadata)
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') {
      throw torchError('ERR_TORCH_TYPE', `${call}: metadata '${key}' must be a string, got ${describe(value)}`, {
        op: call,
      })
    }
  }
  return { ...metadata } as Record<string, string>
}

/** @internal The work of {@link saveFile}, for the function `call`. */
export function saving(call: string, tensors: unknown, path: unknown, options: SaveFileOptions): Coroutine<void> {
  checkOptions(call, options, ['metadata'])
  const metadata = checkMetadata(call, options.metadata)
  const sources = sourcesOf(call, tensors)
  refuseShared(call, sources)
  const { header, ordered } = formatHeader(call, sources, metadata)
  const write = function* (file: FileWriter): Coroutine<void> {
    yield* file.write(header.length, (target, offset) => target.set(header.subarray(offset, offset + target.length)))
    for (const { entry, bytes } of ordered) {
      yield* withBytes(entry, (tensor) => file.write(bytes, (target, offset) => getBytes(tensor, offset, target)))
    }
    for (const { entry } of ordered) checkUnchanged(call, entry)
  }
  return writeFile(
    call,
    path,
    write,
    ordered.reduce((sum, { bytes }) => sum + bytes, header.length),
  )
}

/**
 * Writes tensors by name into a safetensors file, off the main thread. Writing is atomic: after an error, a full disk
 * or the end of the process, `path` is unchanged. Besides the tensors it needs only a few MiB of memory, however large
 * they are.
 *
 * The bytes are the same as those of Python's `safetensors.torch.save_file`. A non-contiguous tensor is written in
 * row-major order; a tensor on another device is copied to the CPU first. `requiresGrad` is not saved.
 *
 * @example await saveFile(model.stateDict(), 'model.safetensors', { metadata: { format: 'pt' } })
 * @param tensors must not change until the promise settles: an in-place change rejects it
 * @throws {TorchError} `ERR_TORCH_VALUE` if two names share memory, `ERR_TORCH_DTYPE` for complex128, `ERR_TORCH_FILE`
 *   if the file cannot be written.
 * @see https://github.com/huggingface/safetensors#format
 */
export async function saveFile(
  tensors: Readonly<Record<string, Tensor>>,
  path: string | URL,
  options: SaveFileOptions = {},
  ...none: undefined[]
): Promise<void> {
  requireNone('saveFile', none)
  await run(saving('saveFile', tensors, path, options))
}

/** Blocking form of {@link saveFile}: returns when the file is on the disk. */
export function saveFileSync(
  tensors: Readonly<Record<string, Tensor>>,
  path: string | URL,
  options: SaveFileOptions = {},
  ...none: undefined[]
): void {
  requireNone('saveFileSync', none)
  runSync(saving('saveFileSync', tensors, path, options))
}

function* header(file: FileReader): Coroutine<{ header: Header; start: number }> {
  if (file.size < 8) file.reject('not a safetensors file: it has fewer than 8 bytes')
  const prefix = Buffer.from(yield* file.read(0, 8))
  if (isZip(prefix)) {
    file.reject(
      isScript((yield* readDirectory(file)).keys())
        ? 'not a safetensors file but a TorchScript archive, as torch.jit.save writes: load it with torch.jit.load'
        : 'not a safetensors file but a zip archive, as torch.save writes: read it with torch.load',
    )
  }
  const length = prefix.readBigUInt64LE()
  if (length > MAX_HEADER) file.reject(`not a safetensors file: its header would have ${length} bytes`)
  const start = 8 + Number(length)
  if (start > file.size) file.reject(`the header has ${length} bytes, but the file ends after ${file.size}`)
  const bytes = yield* file.read(8, Number(length))
  return { header: yield* parseHeader(bytes, file.size - start, (problem) => file.reject(problem)), start }
}

/** @internal The work of {@link readHeader}, for the function `call`. */
export function* readingHeader(call: string, path: unknown): Coroutine<Header> {
  return (yield* readFile(call, path, header)).header
}

/**
 * Reads the header of a safetensors file: metadata, and the dtype, shape and offsets of each tensor. No tensor is made
 * or read.
 *
 * @throws {TorchError} `ERR_TORCH_FILE` if the file cannot be read, `ERR_TORCH_FORMAT` if it is damaged or not a
 *   safetensors file.
 */
export async function readHeader(path: string | URL): Promise<Header> {
  return run(readingHeader('readHeader', path))
}

/** Blocking form of {@link readHeader}. */
export function readHeaderSync(path: string | URL): Header {
  return runSync(readingHeader('readHeaderSync', path))
}

function* loadTensor(file: FileReader, start: number, info: TensorInfo, device: Device): Coroutine<Tensor> {
  const [first, last] = info.dataOffsets
  const tensor = allocate(dtypeNamed(info.dtype) as DType, info.shape)
  try {
    yield* file.stream(start + first, last - first, 1, (piece, offset) => setBytes(tensor, offset, piece))
    if (device === 'cpu') return tensor
    const moved = yield* perform(
      () => tensor.to(device),
      () => offload(() => tensor.to(device)),
    )
    tensor.dispose()
    return moved
  } catch (error) {
    tensor.dispose()
    throw error
  }
}

/** @internal The work of {@link loadFile}, for the function `call`. */
export function loading(call: string, path: unknown, options: LoadFileOptions): Coroutine<Record<string, Tensor>> {
  checkOptions(call, options, ['device', 'names'])
  if (options.device !== undefined) requireDevice(call, options.device)
  const { device = 'cpu', names } = options
  if (names !== undefined && !isArrayOf(names, (name) => typeof name === 'string')) {
    throw invalid(call, 'names', 'an array of strings', names)
  }
  return readFile(call, path, function* (file) {
    const { header: found, start } = yield* header(file)
    for (const name of names ?? []) {
      if (Object.hasOwn(found.tensors, name)) continue
      throw torchError('ERR_TORCH_VALUE', `${call}: ${file.path} has no tensor ${describe(name)}`, { op: call })
    }
    const wanted = names === undefined ? undefined : new Set(names)
    const asked = Object.entries(found.tensors).filter(([name]) => wanted === undefined || wanted.has(name))
    for (const [name, { dtype }] of asked) if (dtypeNamed(dtype) === undefined) file.reject(unsupported(name, dtype))
    const tensors: Record<string, Tensor> = {}
    try {
      for (const [name, info] of asked) {
        setOwn(tensors, name, yield* loadTensor(file, start, info, device))
      }
      return tensors
    } catch (error) {
      for (const tensor of Object.values(tensors)) tensor.dispose()
      throw error
    }
  })
}

/**
 * Reads the tensors of a safetensors file by name, off the main thread. Like all tensors, they belong to the `tidy`
 * around the call. A file whose header does not describe it exactly is rejected before any memory is allocated. The
 * format has no checksums: corrupted tensor data goes unnoticed.
 *
 * @example model.loadStateDict(await loadFile('model.safetensors'))
 * @throws {TorchError} `ERR_TORCH_FILE` if the file cannot be read; `ERR_TORCH_FORMAT` if it is damaged, not a
 *   safetensors file, or a requested tensor has an unsupported dtype, such as `F8_E4M3`; `ERR_TORCH_VALUE` for a name
 *   that is not in the file.
 */
export async function loadFile(
  path: string | URL,
  options: LoadFileOptions = {},
  ...none: undefined[]
): Promise<Record<string, Tensor>> {
  requireNone('loadFile', none)
  return run(loading('loadFile', path, options))
}

/** Blocking form of {@link loadFile}. */
export function loadFileSync(
  path: string | URL,
  options: LoadFileOptions = {},
  ...none: undefined[]
): Record<string, Tensor> {
  requireNone('loadFileSync', none)
  return runSync(loading('loadFileSync', path, options))
}
