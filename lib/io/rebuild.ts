import { Buffer } from 'node:buffer'
import { isArrayOf } from '../array.ts'
import { describe } from '../describe.ts'
import { DTYPES, type DType, itemSizeOf } from '../tensor/dtype.ts'
import type { Budget } from './budget.ts'
import { type Callable, COST, type Names, PickleError, Tuple } from './pickle.ts'
import { numelOf } from './size.ts'

/** A storage that a pickle refers to; its bytes are elsewhere in the file. */
export interface StorageRecord {
  key: string
  /** `undefined` if it is untyped; `numel` then counts bytes. */
  dtype: DType | undefined
  numel: number
  /** `'cpu'`, `'cuda:0'` */
  location: string
}

interface TensorFields {
  storage: StorageRecord
  dtype: DType
  /** In elements, as the stride. */
  offset: number
  size: readonly number[]
  stride: readonly number[]
  requiresGrad: boolean
  isParameter: boolean
}

/** A tensor as described in its pickle, after checking that it lies within its storage. */
export class TensorRecord {
  readonly fields: Readonly<TensorFields>

  constructor(fields: TensorFields) {
    this.fields = fields
  }
}

/** A class of storages, such as `torch.FloatStorage`. */
class StorageType implements Callable {
  readonly name: string
  readonly dtype: DType | undefined

  constructor(name: string, dtype: DType | undefined) {
    this.name = name
    this.dtype = dtype
  }
}

const DTYPE_NAMES: ReadonlyMap<string, DType> = new Map(DTYPES.map((dtype) => [`torch.${dtype}`, dtype]))

const STORAGES: Readonly<Record<string, DType | undefined>> = {
  BFloat16Storage: 'bfloat16',
  BoolStorage: 'bool',
  ByteStorage: 'uint8',
  CharStorage: 'int8',
  ComplexDoubleStorage: 'complex128',
  ComplexFloatStorage: 'complex64',
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  IntStorage: 'int32',
  LongStorage: 'int64',
  ShortStorage: 'int16',
  UntypedStorage: undefined,
}

/** The name of PyTorch's class of storages for a dtype: `FloatStorage`. */
export function storageTypeOf(dtype: DType): string {
  return (Object.keys(STORAGES) as string[]).find((name) => STORAGES[name] === dtype) as string
}

const STORAGE_TYPES: ReadonlyMap<string, StorageType> = new Map(
  Object.entries(STORAGES).map(([name, dtype]) => [`torch.${name}`, new StorageType(`torch.${name}`, dtype)]),
)

function requireType<T>(value: unknown, is: (value: unknown) => value is T, what: string): T {
  if (!is(value)) throw new PickleError(`${what}, not ${value instanceof Tuple ? 'a tuple' : describe(value)}`)
  return value
}

function isStorage(value: unknown): value is StorageRecord {
  return typeof value === 'object' && value !== null && 'key' in value && 'numel' in value && 'location' in value
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}

function countsOf(value: unknown, what: string): number[] {
  const items = value instanceof Tuple ? value.items : value
  if (!isArrayOf(items, isCount) || items.length > 64) {
    throw new PickleError(`a tensor's ${what} must be a tuple of at most 64 non-negative integers`)
  }
  return items
}

/** Takes the arguments of `torch._utils._rebuild_tensor_v2`, and those that other versions append. */
function rebuildTensor(args: readonly unknown[], dtypeArgument?: unknown, metadata?: unknown): TensorRecord {
  const storage = requireType(args[0], isStorage, 'a tensor needs a storage')
  const offset = requireType(args[1], isCount, "a tensor's storage_offset must be a non-negative integer")
  const [size, stride] = [countsOf(args[2], 'size'), countsOf(args[3], 'stride')]
  if (metadata instanceof Map && metadata.size > 0) {
    const marks = [...metadata.keys()]
      .slice(0, 2)
      .map((mark) => (mark === 'conj' || mark === 'neg' ? mark : describe(mark)))
    throw new PickleError(`a tensor is marked as ${marks.join(' and ')}: save its resolve_conj().resolve_neg()`)
  }
  const requiresGrad = args[4] ?? false
  if (typeof requiresGrad !== 'boolean') throw new PickleError("a tensor's requires_grad must be a bool")
  const dtype = (dtypeArgument as DType | undefined) ?? storage.dtype
  if (dtype === undefined || !DTYPES.includes(dtype)) throw new PickleError(`a tensor has no dtype`)
  const available = storage.dtype === undefined ? Math.floor(storage.numel / itemSizeOf(dtype)) : storage.numel
  if (storage.dtype !== undefined && storage.dtype !== dtype) {
    throw new PickleError(`a tensor of ${dtype} has a storage of ${storage.dtype}`)
  }
  const numel = numelOf(size)
  const reach = size.reduce((sum, length, dim) => sum + (length - 1) * (stride[dim] ?? 0), 1)
  const fits = numel === 0 ? offset <= available : offset + reach <= available
  if (size.length !== stride.length || !Number.isSafeInteger(numel) || !fits) {
    throw new PickleError(
      `a tensor of size [${size}] and stride [${stride}] at ${offset} is beyond its storage of ${available} elements`,
    )
  }
  if (requiresGrad && !/^(float|bfloat|complex)/.test(dtype)) {
    throw new PickleError(`a tensor of ${dtype} cannot require a gradient`)
  }
  return new TensorRecord({ storage, dtype, offset, size, stride, requiresGrad, isParameter: false })
}

function rebuildParameter(args: readonly unknown[]): TensorRecord {
  const isTensor = (value: unknown): value is TensorRecord => value instanceof TensorRecord
  const data = requireType(args[0], isTensor, 'a parameter needs a tensor')
  if (typeof args[1] !== 'boolean') throw new PickleError("a parameter's requires_grad must be a bool")
  return new TensorRecord({ ...data.fields, requiresGrad: args[1], isParameter: true })
}

function latin1(args: readonly unknown[], budget: Budget): Uint8Array {
  const text = requireType(args[0], isString, 'bytes must be encoded from a string')
  if (args.length > 1 && args[1] !== 'latin1' && args[1] !== 'latin-1') {
    throw new PickleError(`bytes are encoded as ${describe(args[1])}`)
  }
  budget.charge(COST.bytes + text.length)
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}

function dictOf(value: unknown, budget: Budget): Map<unknown, unknown> {
  const entries = value ?? []
  if (!(entries instanceof Map) && !Array.isArray(entries)) {
    throw new PickleError(`a dict is made from ${describe(entries)}`)
  }
  budget.charge(COST.map + COST.entry * (entries instanceof Map ? entries.size : entries.length))
  if (entries instanceof Map) return new Map(entries)
  const map = new Map<unknown, unknown>()
  for (const pair of entries) {
    const items: unknown = pair instanceof Tuple ? pair.items : pair
    if (!Array.isArray(items) || items.length !== 2)
      throw new PickleError('a dict is made from something other than pairs')
    map.set(items[0], items[1])
  }
  return map
}

function deviceOf([type, index]: readonly unknown[], budget: Budget): string {
  const isIndex = index === undefined || index === null || isCount(index)
  if (typeof type !== 'string' || !/^\w{1,32}(:\d{1,9})?$/.test(type) || !isIndex) {
    throw new PickleError('a torch.device must have a type and an index')
  }
  budget.charge(COST.text * 3)
  return index === undefined || index === null ? type : `${type}:${index}`
}

function setOf([items = []]: readonly unknown[], budget: Budget): Set<unknown> {
  const list = requireType(items, (value): value is unknown[] => Array.isArray(value), 'a set is made from a list')
  budget.charge(COST.map + COST.member * list.length)
  return new Set(list)
}

function bytesOf(args: readonly unknown[], budget: Budget): Uint8Array {
  const [value = ''] = args
  if (!(value instanceof Uint8Array)) return latin1([value, ...args.slice(1)], budget)
  budget.charge(COST.bytes + value.length)
  return value.slice()
}

function complex([real, imaginary]: readonly unknown[], budget: Budget): [number, number] {
  if (typeof real !== 'number' || typeof imaginary !== 'number')
    throw new PickleError('a complex number needs two floats')
  budget.charge(COST.list + 2 * COST.item)
  return [real, imaginary]
}

function sizeOf([items = new Tuple([])]: readonly unknown[], budget: Budget): Tuple {
  budget.charge(COST.tuple)
  return new Tuple(countsOf(items, 'size'))
}

/** Makes a tensor's record, and charges the cost of the tensor. */
function tensorOf(make: (args: readonly unknown[]) => TensorRecord): NonNullable<Callable['call']> {
  return (args, budget) => {
    budget.charge(COST.tensor)
    return make(args)
  }
}

const CALLABLES: ReadonlyMap<string, Callable> = new Map(
  Object.entries({
    'torch._utils._rebuild_tensor': tensorOf((args) => rebuildTensor(args.slice(0, 4))),
    'torch._utils._rebuild_tensor_v2': tensorOf((args) => rebuildTensor(args, undefined, args[6])),
    'torch._utils._rebuild_tensor_v3': tensorOf((args) => rebuildTensor(args, args[6], args[7])),
    'torch._utils._rebuild_parameter': tensorOf(rebuildParameter),
    'torch.Size': sizeOf,
    'torch.device': deviceOf,
    'collections.OrderedDict': ([items], budget) => dictOf(items, budget),
    'collections.Counter': ([items], budget) => dictOf(items, budget),
    '_codecs.encode': latin1,
    'builtins.set': setOf,
    'builtins.frozenset': setOf,
    'builtins.bytearray': bytesOf,
    'builtins.bytes': bytesOf,
    'builtins.complex': complex,
  } satisfies Record<string, Callable['call']>).map(([name, call]) => [name, { name, call }]),
)

const MODULES: Readonly<Record<string, string>> = {
  __builtin__: 'builtins',
  'torch.storage': 'torch',
  'torch.cuda': 'torch',
}

function refused(given: string): PickleError {
  const name = given.length > 100 ? `${given.slice(0, 100)}…` : given
  const isFunction = /^(torch\.(?!nn\.)|builtins\.|os\.|posix\.|nt\.|sys\.)/.test(name)
  const advice = isFunction
    ? ''
    : ' It may be a whole module or another object of Python: save its state_dict() instead, torch.save(model.state_dict(), path).'
  return new PickleError(
    `it needs ${name}, and only tensors, containers, numbers and text are read: loading anything else could run code.${advice}`,
  )
}

/**
 * The names that Python's `torch.load(weights_only=True)` allows in a pickle, if they have a counterpart here.
 * `storages` collects the storages that the pickle refers to.
 */
export class TorchNames implements Names {
  readonly storages = new Map<string, StorageRecord>()

  global(module: string, name: string): unknown {
    const qualified = `${Object.hasOwn(MODULES, module) ? MODULES[module] : module}.${name}`
    const found = CALLABLES.get(qualified) ?? DTYPE_NAMES.get(qualified) ?? STORAGE_TYPES.get(qualified)
    if (found === undefined) throw refused(`${module === '__builtin__' ? 'builtins' : module}.${name}`)
    return found
  }

  /**
   * ('storage', type, key, location, numel); before PyTorch 1.6 also None, or the part of the storage that a view
   * covers.
   */
  persistent(id: unknown, budget: Budget): StorageRecord {
    const [tag, type, key, location, numel, view = null] = id instanceof Tuple ? id.items : []
    if (tag !== 'storage' || !(type instanceof StorageType)) {
      throw new PickleError('it refers to something other than a storage')
    }
    if (!isString(key) || !isString(location) || !isCount(numel)) {
      throw new PickleError('the description of a storage is invalid')
    }
    if (view !== null) throw new PickleError('it has a view of a storage, as PyTorch before 0.4 wrote: save it again')
    const found = this.storages.get(key)
    if (found === undefined) {
      budget.charge(COST.entry * 2)
      const storage = { key, dtype: type.dtype, numel, location }
      this.storages.set(key, storage)
      return storage
    }
    if (found.dtype !== type.dtype || found.numel !== numel || found.location !== location) {
      throw new PickleError(`storage ${describe(key)} is described in two ways`)
    }
    return found
  }
}
