import { Buffer } from 'node:buffer'
import { crc32 } from 'node:zlib'
import { checkOptions, requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { Parameter } from '../nn/parameter.ts'
import { native } from '../tensor/binding.ts'
import { offload } from '../tensor/context.ts'
import { parseDevice, requireDevice } from '../tensor/device.ts'
import { isComplex, itemSizeOf } from '../tensor/dtype.ts'
import { allocate, setBytes, viewStorage } from '../tensor/memory.ts'
import type { Device, Tensor } from '../tensor/tensor.ts'
import { Budget } from './budget.ts'
import { type Coroutine, pause, perform, run, runSync } from './coroutine.ts'
import { type FileReader, readFile } from './file.ts'
import { DEEPEST, PickleEndError, PickleError, Tuple, unpickle } from './pickle.ts'
import { type StorageRecord, TensorRecord, TorchNames } from './rebuild.ts'
import { setOwn } from './record.ts'
import { checksum, isZip, locate, readDirectory, requireChecksum, type ZipEntry } from './zip.ts'

export interface LoadOptions {
  /** The device for all tensors, like PyTorch's `map_location`. Default: the device each tensor was saved from. */
  device?: Device
}

/** The values that a checkpoint can hold. */
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

/** The pickle of a state dict has about 200 bytes per tensor. */
const LARGEST_PICKLE = 1 << 28
/** The magic number at the start of files from before PyTorch 1.6; it is pickled, as its bytes and the end. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn
const LEGACY_START = Buffer.from('8a0a6cfc9c46f9206aa850192e', 'hex')
const LEGACY_PROTOCOL = 1001
/** The number of items converted, or tensors made, without a pause. */
const BATCH = 5000
const TENSOR_BATCH = 200

/** The location of a storage's bytes. */
interface Place {
  position: number
  /** Missing in files from before PyTorch 1.6, which have no checksums. */
  entry?: ZipEntry
}

/** By key. */
type Places = Map<string, Place>

interface Contents {
  value: unknown
  places: Places
  bigEndian: boolean
}

/** The content of an entry, valid until the next read. */
function* readEntry(file: FileReader, entry: ZipEntry, most: number): Coroutine<Uint8Array> {
  if (entry.size > most) file.reject(`${entry.name} has ${entry.size} bytes, more than ${most}`)
  const bytes = yield* file.read(yield* locate(file, entry), entry.size)
  requireChecksum(file, entry, yield* checksum(bytes))
  return bytes
}

/** Reads a checkpoint as PyTorch writes it since 1.6: a zip archive of `data.pkl` and one file for each storage. */
function* readZip(file: FileReader, budget: Budget): Coroutine<Contents> {
  const entries = yield* readDirectory(file)
  const pickle = [...entries.values()].find(({ name }) => /^[^/]+\/data\.pkl$/.test(name))
  if (pickle === undefined) return file.reject('the zip archive has no data.pkl, so it was not written by torch.save')
  const root = pickle.name.slice(0, -'data.pkl'.length)
  if (entries.has(`${root}constants.pkl`)) file.reject('this is a TorchScript archive: load it with torch.jit.load')
  const order = entries.get(`${root}byteorder`)
  const byteorder = order === undefined ? 'little' : Buffer.from(yield* readEntry(file, order, 16)).toString()
  if (byteorder !== 'little' && byteorder !== 'big') file.reject(`its byte order is ${describe(byteorder)}`)

  const bytes = yield* readEntry(file, pickle, LARGEST_PICKLE)
  const names = new TorchNames()
  const { value } = yield* unpickle(bytes, 0, names, budget)
  const places: Places = new Map()
  for (const storage of names.storages.values()) {
    const entry = entries.get(`${root}data/${storage.key}`)
    if (entry === undefined) return file.reject(`storage ${describe(storage.key)} is missing`)
    if (entry.size !== bytesOf(storage)) {
      file.reject(`storage ${describe(storage.key)} has ${entry.size} bytes instead of ${bytesOf(storage)}`)
    }
    places.set(storage.key, { position: yield* locate(file, entry), entry })
  }
  return { value, places, bigEndian: byteorder === 'big' }
}

/** Whether a file begins with the magic number of the old format, in any supported protocol. */
function isLegacy(start: Buffer): boolean {
  const place = start.indexOf(LEGACY_START)
  // Protocol 4 and later put a frame of 9 bytes around it.
  return start[0] === 0x80 && (place === 2 || (place === 11 && start[2] === 0x95))
}

/**
 * Reads a checkpoint as PyTorch wrote it before 1.6: five pickles, the last of which lists the storages that follow.
 */
function* readLegacy(file: FileReader, budget: Budget): Coroutine<Contents> {
  const most = Math.min(file.size, LARGEST_PICKLE)
  for (let length = Math.min(most, 1 << 20); ; length = Math.min(most, 2 * length)) {
    const bytes = yield* file.read(0, length)
    const names = new TorchNames()
    let position = 0
    const next = function* (): Coroutine<unknown> {
      const { value, end } = yield* unpickle(bytes, position, names, budget)
      position = end
      return value
    }
    try {
      const magic = yield* next()
      if (magic !== LEGACY_MAGIC) file.reject('its magic number is not the one that torch.save writes')
      const protocol = yield* next()
      if (protocol !== LEGACY_PROTOCOL) file.reject(`its protocol version is ${describe(protocol)}`)
      yield* next() // The machine that wrote it; the bytes are little-endian in any case.
      const value = yield* next()
      const keys = yield* next()
      if (!Array.isArray(keys)) return file.reject('the list of its storages is missing')
      return { value, places: yield* placeStorages(file, names, keys, position), bigEndian: false }
    } catch (error) {
      if (!(error instanceof PickleEndError) || length === most) throw error
      budget.close()
    }
  }
}

function* placeStorages(
  file: FileReader,
  names: TorchNames,
  keys: readonly unknown[],
  start: number,
): Coroutine<Places> {
  const places: Places = new Map()
  let position = start
  for (const key of keys) {
    const storage = typeof key === 'string' ? names.storages.get(key) : undefined
    if (storage === undefined || places.has(storage.key))
      return file.reject(`it has an unknown storage ${describe(key)}`)
    const numel = Buffer.from(yield* file.read(position, 8)).readBigInt64LE()
    if (numel !== BigInt(storage.numel))
      file.reject(`storage ${describe(key)} has ${numel} elements instead of ${storage.numel}`)
    places.set(storage.key, { position: position + 8 })
    position += 8 + bytesOf(storage)
    if (position > file.size) file.reject('the file ends early')
  }
  return places
}

function bytesOf({ dtype, numel }: StorageRecord): number {
  return numel * (dtype === undefined ? 1 : itemSizeOf(dtype))
}

/** The tensors in a value, each once. Throws if containers contain themselves or are nested too deeply. */
function* recordsOf(root: unknown): Coroutine<Set<TensorRecord>> {
  const records = new Set<TensorRecord>()
  const done = new Set<unknown>()
  const open = new Set<unknown>()
  let visited = 0
  function* visit(container: unknown, items: Iterable<unknown>): Coroutine<void> {
    if (open.has(container)) throw new PickleError('a container contains itself')
    if (open.size === DEEPEST) throw new PickleError(`containers are nested more than ${DEEPEST} deep`)
    open.add(container)
    for (const item of items) {
      if (++visited % BATCH === 0) yield* pause()
      if (item instanceof TensorRecord) records.add(item)
      else if (!done.has(item)) {
        const inner = itemsOf(item)
        if (inner !== undefined) yield* visit(item, inner)
      }
    }
    open.delete(container)
    done.add(container)
  }
  yield* visit(undefined, [root])
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
      ? 'it contains a bare storage: save a tensor instead'
      : `it contains ${String(name)} itself, which is not data`,
  )
}

/** Whether a Python dict can be an object: its keys must be strings and integers with distinct names. */
function* isObject(dict: ReadonlyMap<unknown, unknown>): Coroutine<boolean> {
  const names = new Set<string>()
  for (const key of dict.keys()) {
    if (typeof key !== 'string' && !Number.isInteger(key)) return false
    names.add(String(key))
    if (names.size % BATCH === 0) yield* pause()
  }
  return names.size === dict.size
}

/** The value with tensors in place of their records. Shared objects stay shared. */
function* convert(root: unknown, tensors: ReadonlyMap<TensorRecord, Tensor>): Coroutine<Checkpoint> {
  const converted = new Map<unknown, Checkpoint>()
  let visited = 0
  function* visit(value: unknown): Coroutine<Checkpoint> {
    if (++visited % BATCH === 0) yield* pause()
    if (value instanceof TensorRecord) return tensors.get(value) as Tensor
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value as Checkpoint
    const known = converted.get(value)
    if (known !== undefined) return known
    let result: Checkpoint
    if (value instanceof Map) result = yield* visitDict(value)
    else {
      const isSet = value instanceof Set
      const items: Checkpoint[] = []
      for (const item of isSet ? value : value instanceof Tuple ? value.items : (value as unknown[])) {
        items.push(yield* visit(item))
      }
      result = isSet ? new Set(items) : items
    }
    converted.set(value, result)
    return result
  }
  function* visitDict(dict: ReadonlyMap<unknown, unknown>): Coroutine<Checkpoint> {
    if (yield* isObject(dict)) {
      const object: Record<string, Checkpoint> = {}
      for (const [key, item] of dict) setOwn(object, String(key), yield* visit(item))
      return object
    }
    const map = new Map<Checkpoint, Checkpoint>()
    for (const [key, item] of dict) map.set(yield* visit(key), yield* visit(item))
    return map
  }
  return yield* visit(root)
}

function swap(bytes: Buffer, unit: number): Buffer {
  if (unit === 2) return bytes.swap16()
  if (unit === 4) return bytes.swap32()
  return unit === 8 ? bytes.swap64() : bytes
}

function targetOf(file: FileReader, { location }: StorageRecord, device: Device | undefined): Device {
  if (device !== undefined) return device
  if (parseDevice(location) !== undefined && (location === 'cpu' || native.runtimeInfo().cuda))
    return location as Device
  throw torchError(
    'ERR_TORCH_DEVICE',
    `${file.name}: ${file.path} has tensors on ${describe(location)}, a device that this machine does not have: choose one, as in { device: 'cpu' }`,
    { op: file.name },
  )
}

/** The memory of a storage, as a flat tensor. */
function* loadStorage(
  file: FileReader,
  storage: StorageRecord,
  { places, bigEndian }: Contents,
  device: Device,
): Coroutine<Tensor> {
  const place = places.get(storage.key)
  if (place === undefined) return file.reject(`storage ${describe(storage.key)} is missing`)
  const dtype = storage.dtype ?? 'uint8'
  const unit = isComplex(dtype) ? itemSizeOf(dtype) / 2 : itemSizeOf(dtype)
  const tensor = allocate(dtype, [storage.numel])
  try {
    let crc = 0
    yield* file.stream(place.position, bytesOf(storage), unit, (piece, offset) => {
      if (place.entry !== undefined) crc = crc32(piece, crc)
      setBytes(tensor, offset, bigEndian ? swap(Buffer.from(piece), unit) : piece)
    })
    if (place.entry !== undefined) requireChecksum(file, place.entry, crc)
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

function* build(file: FileReader, contents: Contents, device: Device | undefined): Coroutine<Checkpoint> {
  const records = yield* recordsOf(contents.value)
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
        for (const record of own) {
          if (tensors.size % TENSOR_BATCH === TENSOR_BATCH - 1) yield* pause()
          tensors.set(record, rebuild(record, memory))
        }
      } finally {
        memory.dispose()
      }
    }
  } catch (error) {
    for (const tensor of tensors.values()) tensor.dispose()
    throw error
  }
  return yield* convert(contents.value, tensors)
}

function* contentsOf(file: FileReader, budget: Budget): Coroutine<Contents> {
  const start = Buffer.from(yield* file.read(0, Math.min(file.size, 24)))
  if (isZip(start)) return yield* readZip(file, budget)
  if (isLegacy(start)) return yield* readLegacy(file, budget)
  const isSafetensors = start.length > 8 && start.readBigUInt64LE() < file.size && start[8] === 0x7b
  return file.reject(
    isSafetensors
      ? 'not a file of torch.save but a safetensors file: read it with loadFile'
      : 'not a file of torch.save: it is neither a zip archive nor a pickle of PyTorch before 1.6',
  )
}

function checkpoint(call: string, path: unknown, options: LoadOptions): Coroutine<Checkpoint> {
  checkOptions(call, options, ['device'])
  if (options.device !== undefined) requireDevice(call, options.device)
  return readFile(call, path, function* (file) {
    const budget = new Budget(() => {
      throw new PickleError('the pickle creates more objects than a checkpoint has or than fit into memory')
    })
    try {
      return yield* build(file, yield* contentsOf(file, budget), options.device)
    } catch (error) {
      if (error instanceof PickleError) file.reject(error.message)
      throw error
    } finally {
      budget.close()
    }
  })
}

/**
 * Reads a file of Python's `torch.save`, off the main thread: a state dict, or a checkpoint of containers, numbers,
 * text and tensors. Like `torch.load(weights_only=True)` it never runs anything from the file; if the file contains
 * anything but data, the error names it. Files from before PyTorch 1.6 can also be read.
 *
 * A dict becomes an object if its keys are strings or integers, else a Map. A list, tuple or torch.Size becomes an
 * array, a set a Set, None null, bytes a Uint8Array, a torch.dtype or torch.device its name, and a complex number
 * `[real, imaginary]`. Tensors that share memory in the file also share it here, and keep their strides.
 *
 * @example
 * model.loadStateDict(await torch.load('model.pt'))
 * const { epoch } = await torch.load<{ epoch: number }>('checkpoint.pt', { device: 'cpu' })
 * @typeParam T the type of the content, which is not checked
 * @throws {TorchError} `ERR_TORCH_FILE` if the file cannot be read; `ERR_TORCH_FORMAT` if it is damaged, in another
 *   format, or contains more than data; `ERR_TORCH_DEVICE` if its tensors were on a device that this machine does not
 *   have.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.load.html
 */
export async function load<T = Checkpoint>(
  path: string | URL,
  options: LoadOptions = {},
  ...none: undefined[]
): Promise<T> {
  requireNone('load', none)
  return (await run(checkpoint('torch.load', path, options))) as T
}

/** Blocking form of {@link load}. */
export function loadSync<T = Checkpoint>(path: string | URL, options: LoadOptions = {}, ...none: undefined[]): T {
  requireNone('loadSync', none)
  return runSync(checkpoint('torch.loadSync', path, options)) as T
}
