import { Buffer } from 'node:buffer'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { Parameter } from '../nn/parameter.ts'
import { checkOptions } from '../options.ts'
import { native } from '../tensor/binding.ts'
import { offload } from '../tensor/context.ts'
import { isDevice } from '../tensor/device.ts'
import { isComplex, itemSizeOf } from '../tensor/dtype.ts'
import { allocate, setBytes, viewStorage } from '../tensor/memory.ts'
import type { Device, Tensor } from '../tensor/tensor.ts'
import { checkDevice } from './device.ts'
import { type FileReader, readFile } from './file.ts'
import { PickleEndError, PickleError, Tuple, unpickle } from './pickle.ts'
import { type StorageRecord, TensorRecord, TorchNames } from './rebuild.ts'
import { setOwn } from './record.ts'
import { run, runSync, type Steps, step } from './steps.ts'
import { isZip, locate, readDirectory, type ZipEntry } from './zip.ts'

export interface LoadOptions {
  /** Where all tensors go, PyTorch's `map_location`. Default: where each of them was when it was saved. */
  device?: Device
}

/** What a checkpoint can hold. */
export type Checkpoint =
  | Tensor
  | number
  | bigint
  | boolean
  | string
  | null
  | Uint8Array
  | Checkpoint[]
  | Set<Checkpoint>
  | Map<Checkpoint, Checkpoint>
  | { [name: string]: Checkpoint }

/** The pickle of a state dict has some 200 bytes for each tensor. */
const LARGEST_PICKLE = 1 << 28
/** Python's own pickles end at some 300 levels. */
const DEEPEST = 1000
/** A pickled number that files from before PyTorch 1.6 begin with. */
const LEGACY_MAGIC = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex')
const LEGACY_PROTOCOL = 1001

/** The places of the storages' bytes in the file, by key. */
type Places = Map<string, number>

interface Contents {
  value: unknown
  places: Places
  bigEndian: boolean
}

/** Runs `work` on a pickle, whose errors become the file's. */
function unpickled<T>(file: FileReader, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof PickleError) file.reject(error.message)
    throw error
  }
}

function* readEntry(file: FileReader, entry: ZipEntry, most: number): Steps<Buffer> {
  if (entry.size > most) file.reject(`${entry.name} has ${entry.size} bytes, more than ${most}`)
  const start = yield* locate(file, entry)
  return Buffer.from(yield* file.read(start, entry.size))
}

/** A checkpoint as PyTorch writes it since 1.6: a zip archive of `data.pkl` and one file for each storage. */
function* readZip(file: FileReader): Steps<Contents> {
  const entries = yield* readDirectory(file)
  const pickle = [...entries.values()].find(({ name }) => /^[^/]+\/data\.pkl$/.test(name))
  if (pickle === undefined) return file.reject('the zip archive has no data.pkl, so torch.save has not written it')
  const root = pickle.name.slice(0, -'data.pkl'.length)
  if (entries.has(`${root}constants.pkl`)) file.reject('this is a TorchScript archive: load it with torch.jit.load')
  const order = entries.get(`${root}byteorder`)
  const byteorder = order === undefined ? 'little' : (yield* readEntry(file, order, 16)).toString()
  if (byteorder !== 'little' && byteorder !== 'big') file.reject(`its byte order is ${describe(byteorder)}`)

  const bytes = yield* readEntry(file, pickle, LARGEST_PICKLE)
  const names = new TorchNames()
  const { value } = unpickled(file, () => unpickle(bytes, 0, names))
  const places: Places = new Map()
  let total = 0
  for (const storage of names.storages.values()) {
    const entry = entries.get(`${root}data/${storage.key}`)
    if (entry === undefined) return file.reject(`storage ${describe(storage.key)} is missing`)
    if (entry.size !== bytesOf(storage)) {
      file.reject(`storage ${describe(storage.key)} has ${entry.size} bytes instead of ${bytesOf(storage)}`)
    }
    // Entries that overlap could make terabytes of a small file.
    total += entry.size
    if (total > file.size) file.reject('its storages overlap')
    places.set(storage.key, yield* locate(file, entry))
  }
  return { value, places, bigEndian: byteorder === 'big' }
}

/** A checkpoint as PyTorch wrote it before 1.6: five pickles, the last of which lists the storages that follow. */
function* readLegacy(file: FileReader): Steps<Contents> {
  const most = Math.min(file.size, LARGEST_PICKLE)
  for (let length = Math.min(most, 1 << 20); ; length = Math.min(most, 2 * length)) {
    const bytes = Buffer.from(yield* file.read(0, length))
    const names = new TorchNames()
    let position = LEGACY_MAGIC.length
    const next = (): unknown => {
      const { value, end } = unpickle(bytes, position, names)
      position = end
      return value
    }
    try {
      const protocol = next()
      if (protocol !== LEGACY_PROTOCOL) file.reject(`its protocol version is ${describe(protocol)}`)
      next() // The machine that wrote it; the bytes are little-endian in any case.
      const value = next()
      const keys = next()
      if (!Array.isArray(keys)) return file.reject('the list of its storages is missing')
      return { value, places: yield* placeStorages(file, names, keys, position), bigEndian: false }
    } catch (error) {
      if (error instanceof PickleEndError && length < most) continue
      if (error instanceof PickleError) file.reject(error.message)
      throw error
    }
  }
}

function* placeStorages(file: FileReader, names: TorchNames, keys: readonly unknown[], start: number): Steps<Places> {
  const places: Places = new Map()
  let position = start
  for (const key of keys) {
    const storage = typeof key === 'string' ? names.storages.get(key) : undefined
    if (storage === undefined || places.has(storage.key))
      return file.reject(`it has an unknown storage ${describe(key)}`)
    const numel = Buffer.from(yield* file.read(position, 8)).readBigInt64LE()
    if (numel !== BigInt(storage.numel))
      file.reject(`storage ${describe(key)} has ${numel} elements instead of ${storage.numel}`)
    places.set(storage.key, position + 8)
    position += 8 + bytesOf(storage)
    if (position > file.size) file.reject('the file ends early')
  }
  return places
}

function bytesOf({ dtype, numel }: StorageRecord): number {
  return numel * (dtype === undefined ? 1 : itemSizeOf(dtype))
}

/** The tensors in a value, each once. Throws where containers hold themselves or are nested without end. */
function recordsOf(root: unknown): Set<TensorRecord> {
  const records = new Set<TensorRecord>()
  const done = new Set<unknown>()
  const open = new Set<unknown>()
  const visit = (value: unknown): void => {
    if (value instanceof TensorRecord) {
      records.add(value)
      return
    }
    const items = itemsOf(value)
    if (items === undefined || done.has(value)) return
    if (open.has(value)) throw new PickleError('a container holds itself')
    if (open.size === DEEPEST) throw new PickleError(`containers are nested more than ${DEEPEST} deep`)
    open.add(value)
    for (const item of items) visit(item)
    open.delete(value)
    done.add(value)
  }
  visit(root)
  return records
}

function* itemsOfMap(map: Map<unknown, unknown>): Generator<unknown> {
  for (const [key, value] of map) {
    yield key
    yield value
  }
}

function itemsOf(value: unknown): Iterable<unknown> | undefined {
  if (value instanceof Map) return itemsOfMap(value)
  if (value instanceof Tuple) return value.items
  if (Array.isArray(value) || value instanceof Set) return value
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return undefined
  const { name, key } = value as { name?: unknown; key?: unknown }
  throw new PickleError(
    typeof key === 'string'
      ? 'it has a storage by itself: save a tensor instead'
      : `it has ${String(name)} itself, which is no data`,
  )
}

/** The dict of Python as an object where its keys allow it. */
function dictOf(entries: readonly (readonly [Checkpoint, Checkpoint])[]): Checkpoint {
  const isName = ([key]: readonly [Checkpoint, Checkpoint]): boolean => typeof key === 'string' || Number.isInteger(key)
  const names = new Set(entries.map(([key]) => String(key)))
  if (!entries.every(isName) || names.size < entries.length) return new Map(entries)
  const object: Record<string, Checkpoint> = {}
  for (const [key, value] of entries) setOwn(object, String(key), value)
  return object
}

/** The value with tensors in place of their records. What is one object in it stays one. */
function convert(root: unknown, tensors: ReadonlyMap<TensorRecord, Tensor>): Checkpoint {
  const converted = new Map<unknown, Checkpoint>()
  const visit = (value: unknown): Checkpoint => {
    if (value instanceof TensorRecord) return tensors.get(value) as Tensor
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value as Checkpoint
    const known = converted.get(value)
    if (known !== undefined) return known
    let result: Checkpoint
    if (value instanceof Map) result = dictOf([...value].map(([key, item]) => [visit(key), visit(item)] as const))
    else if (value instanceof Set) result = new Set([...value].map(visit))
    else result = (value instanceof Tuple ? value.items : (value as unknown[])).map(visit)
    converted.set(value, result)
    return result
  }
  return visit(root)
}

function swap(bytes: Buffer, unit: number): Buffer {
  if (unit === 2) return bytes.swap16()
  if (unit === 4) return bytes.swap32()
  return unit === 8 ? bytes.swap64() : bytes
}

function targetOf(file: FileReader, { location }: StorageRecord, device: Device | undefined): Device {
  if (device !== undefined) return device
  if (location === 'cpu' || (isDevice(location) && native.runtimeInfo().cuda)) return location
  throw torchError(
    'ERR_TORCH_DEVICE',
    `${file.name}: ${file.path} has tensors on ${describe(location)}, a device that is not here: say where they go, as with { device: 'cpu' }`,
    { op: file.name },
  )
}

/** The memory of a storage, as a flat tensor. */
function* loadStorage(
  file: FileReader,
  storage: StorageRecord,
  { places, bigEndian }: Contents,
  device: Device,
): Steps<Tensor> {
  const place = places.get(storage.key)
  if (place === undefined) return file.reject(`storage ${describe(storage.key)} is missing`)
  const dtype = storage.dtype ?? 'uint8'
  const unit = isComplex(dtype) ? itemSizeOf(dtype) / 2 : itemSizeOf(dtype)
  const tensor = allocate(dtype, [storage.numel])
  try {
    yield* file.stream(place, bytesOf(storage), unit, (piece, offset) => {
      setBytes(tensor, offset, bigEndian ? swap(Buffer.from(piece), unit) : piece)
    })
    if (device === 'cpu') return tensor
    return yield* step(
      () => tensor.to(device),
      () => offload(() => tensor.to(device)),
    )
  } finally {
    if (device !== 'cpu') tensor.dispose()
  }
}

function rebuild(record: TensorRecord, storage: Tensor): Tensor {
  const { dtype, offset, size, stride, requiresGrad, isParameter } = record.fields
  const tensor = viewStorage(storage, dtype, offset, size, stride)
  if (isParameter) {
    const parameter = new Parameter(tensor, { requiresGrad })
    tensor.dispose()
    return parameter
  }
  return requiresGrad ? tensor.requiresGrad_() : tensor
}

function* build(file: FileReader, contents: Contents, device: Device | undefined): Steps<Checkpoint> {
  const records = unpickled(file, () => recordsOf(contents.value))
  const byStorage = new Map<StorageRecord, TensorRecord[]>()
  for (const record of records) {
    const own = byStorage.get(record.fields.storage)
    if (own === undefined) byStorage.set(record.fields.storage, [record])
    else own.push(record)
  }
  const targets = new Map([...byStorage.keys()].map((storage) => [storage, targetOf(file, storage, device)]))
  const tensors = new Map<TensorRecord, Tensor>()
  try {
    for (const [storage, own] of byStorage) {
      const memory = yield* loadStorage(file, storage, contents, targets.get(storage) as Device)
      try {
        for (const record of own) tensors.set(record, rebuild(record, memory))
      } finally {
        memory.dispose()
      }
    }
  } catch (error) {
    for (const tensor of tensors.values()) tensor.dispose()
    throw error
  }
  return convert(contents.value, tensors)
}

function* contentsOf(file: FileReader): Steps<Contents> {
  const start = Buffer.from(yield* file.read(0, Math.min(file.size, 16)))
  if (isZip(start)) return yield* readZip(file)
  if (start.subarray(0, LEGACY_MAGIC.length).equals(LEGACY_MAGIC)) return yield* readLegacy(file)
  const isSafetensors = start.length > 8 && start.readBigUInt64LE() < file.size && start[8] === 0x7b
  return file.reject(
    isSafetensors
      ? 'not a file of torch.save but a safetensors file: read it with loadFile'
      : 'not a file of torch.save: it is neither a zip archive nor a pickle of PyTorch before 1.6',
  )
}

function checkpoint(call: string, path: unknown, options: LoadOptions): Steps<Checkpoint> {
  checkOptions(call, options, ['device'])
  checkDevice(call, options.device)
  return readFile(call, path, function* (file) {
    return yield* build(file, yield* contentsOf(file), options.device)
  })
}

/**
 * Reads a file of Python's `torch.save`, off the main thread: a state dict, or a checkpoint of containers, numbers, text
 * and tensors. Like `torch.load(weights_only=True)` it never runs anything from the file; where the file needs more than
 * data, the error names it. Files from before PyTorch 1.6 are read, too.
 *
 * A dict becomes an object where its keys are strings or integers, else a Map; list, tuple and torch.Size become arrays,
 * a set becomes a Set, None null, bytes a Uint8Array, a torch.dtype or torch.device its name, a complex number
 * `[real, imaginary]`. Tensors that share memory in the file do so here, with their strides.
 *
 * @example
 * model.loadStateDict(await torch.load('model.pt'))
 * const { epoch } = await torch.load<{ epoch: number }>('checkpoint.pt', { device: 'cpu' })
 * @typeParam T What the file holds, which is not checked.
 * @throws {TorchError} `ERR_TORCH_FILE` where the file cannot be read, `ERR_TORCH_FORMAT` where it is damaged, another
 *   format, or has more than data; `ERR_TORCH_DEVICE` where its tensors were on a device that is not here.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.load.html
 */
export async function load<T = Checkpoint>(path: string | URL, options: LoadOptions = {}): Promise<T> {
  return (await run(checkpoint('torch.load', path, options))) as T
}

/** {@link load} that blocks. */
export function loadSync<T = Checkpoint>(path: string | URL, options: LoadOptions = {}): T {
  return runSync(checkpoint('torch.loadSync', path, options)) as T
}
