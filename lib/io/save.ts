import { Buffer } from 'node:buffer'
import { crc32 } from 'node:zlib'
import { requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import { noGrad, tidy } from '../tensor/context.ts'
import { type DType, itemSizeOf } from '../tensor/dtype.ts'
import { getBytes, memoryRange, viewStorage } from '../tensor/memory.ts'
import { op } from '../tensor/packet.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { writeFile } from './atomic.ts'
import { type Coroutine, pause, run, runSync } from './coroutine.ts'
import { CHUNK } from './file.ts'
import { type Place, pickle, type Saveable, tensorsIn } from './pickler.ts'
import { checkUnchanged, type Source, sourceOf, withBytes } from './source.ts'
import { ZipWriter } from './zip-writer.ts'

const isConjugated = op('aten::is_conj')
const isNegated = op('aten::is_neg')

/** The memory that tensors share. Only the part that they cover is saved, from the element `first` up to `last`. */
interface Storage {
  key: string
  dtype: DType
  location: string
  /** A tensor in this memory. */
  tensor: Tensor
  first: number
  last: number
}

/** The tensors to write, and where their elements are. */
interface Plan {
  sources: Source[]
  storages: Storage[]
  placeOf(tensor: Tensor): Place
  /** Frees the tensors that were made for the plan. */
  release(): void
}

function planOf(call: string, tensors: ReadonlyMap<Tensor, string>): Plan {
  const sources: Source[] = []
  const storages: Storage[] = []
  const shared = new Map<number, Storage>()
  const placed = new Map<Tensor, { stored: Tensor; storage: Storage }>()
  const own: Tensor[] = []
  for (const [tensor, path] of tensors) {
    const source = sourceOf(path, tensor)
    sources.push(source)
    // Python could not tell that the memory holds the conjugates.
    const isMarked = isConjugated(tensor) === true || isNegated(tensor) === true
    const stored = isMarked ? noGrad(() => tidy(() => resolved(tensor))) : tensor
    if (isMarked) own.push(stored)
    const range = isMarked ? memoryRange(stored) : source.range
    const { dtype } = stored
    const found = shared.get(range.storage)
    if (found !== undefined && range.storage !== 0 && found.dtype !== dtype) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${call}: Cannot save multiple tensors or storages that view the same data as different types: ${path} is ${dtype}, another ${found.dtype}`,
        { op: call },
      )
    }
    const first = stored.storageOffset()
    const last = first + (range.last - range.first) / itemSizeOf(dtype)
    let storage = range.storage === 0 ? undefined : found
    if (storage === undefined) {
      storage = { key: String(storages.length), dtype, location: stored.device, tensor: stored, first, last }
      storages.push(storage)
      if (range.storage !== 0) shared.set(range.storage, storage)
    }
    storage.first = Math.min(storage.first, first)
    storage.last = Math.max(storage.last, last)
    placed.set(tensor, { stored, storage })
  }
  return {
    sources,
    storages,
    placeOf: (tensor) => {
      const { stored, storage } = placed.get(tensor) as { stored: Tensor; storage: Storage }
      const { key, dtype, location, first, last } = storage
      const offset = stored.storageOffset() - first
      return { key, dtype, location, numel: last - first, offset, size: stored.shape, stride: stored.stride }
    },
    release: () => {
      for (const tensor of own) tensor.dispose()
    },
  }
}

function resolved(tensor: Tensor): Tensor {
  return op('aten::resolve_neg')(op('aten::resolve_conj')(tensor.detach())) as Tensor
}

/** The CRC-32 of the bytes of a contiguous tensor on the CPU. */
function* checksum(tensor: Tensor, bytes: number): Coroutine<number> {
  const buffer = Buffer.allocUnsafe(Math.min(bytes, CHUNK))
  let crc = 0
  for (let offset = 0; offset < bytes; offset += CHUNK) {
    if (offset > 0) yield* pause()
    const piece = buffer.subarray(0, Math.min(CHUNK, bytes - offset))
    getBytes(tensor, offset, piece)
    crc = crc32(piece, crc)
  }
  return crc
}

function* writeStorage(zip: ZipWriter, { key, dtype, tensor, first, last }: Storage): Coroutine<void> {
  const numel = last - first
  const bytes = numel * itemSizeOf(dtype)
  const flat = noGrad(() => viewStorage(tensor, dtype, first, [numel], [1]))
  try {
    yield* withBytes({ tensor: flat, range: memoryRange(flat) }, function* (memory) {
      const crc = yield* checksum(memory, bytes)
      yield* zip.add(`archive/data/${key}`, bytes, crc, (target, offset) => getBytes(memory, offset, target))
    })
  } finally {
    flat.dispose()
  }
}

function* writeSmall(zip: ZipWriter, name: string, content: Buffer): Coroutine<void> {
  yield* zip.add(`archive/${name}`, content.length, crc32(content), (target, offset) => {
    content.copy(target, 0, offset, offset + target.length)
  })
}

function saving(call: string, value: unknown, path: unknown, none: readonly unknown[]): Coroutine<void> {
  requireNone(call, none)
  const plan = planOf(call, tensorsIn(call, value))
  const bytes = pickle(value, plan.placeOf)
  return writeFile(call, path, function* (file) {
    try {
      const zip = new ZipWriter(file)
      yield* writeSmall(zip, 'data.pkl', bytes)
      yield* writeSmall(zip, 'byteorder', Buffer.from('little'))
      for (const storage of plan.storages) yield* writeStorage(zip, storage)
      yield* writeSmall(zip, 'version', Buffer.from('3\n'))
      yield* zip.end()
      for (const source of plan.sources) checkUnchanged(call, source)
    } finally {
      plan.release()
    }
  })
}

/**
 * Writes a value into a file that Python's `torch.load` reads, also with `weights_only=True`, and {@link load} here: a
 * state dict, or nested plain data of tensors, numbers, strings, booleans, `null`, bytes (`Uint8Array`), arrays, plain
 * objects, maps and sets. Writing is atomic, and off the main thread, as in {@link saveFile}.
 *
 * In Python, an array is a list, an object or Map a dict, bytes are `bytes`, and `null` is `None`. Integers are `int`,
 * other numbers `float`; the keys of an object are strings, those of a Map keep their type. Tensors keep their dtype,
 * strides, device and `requiresGrad`, and a Parameter is one; those that share memory share it after loading, so tied
 * weights stay tied. Of memory that is shared, only the part that the saved tensors cover is written.
 *
 * @example
 * await torch.save(model.stateDict(), 'model.pt')
 * await torch.save({ epoch, model: model.stateDict(), losses: [0.5, 0.25] }, 'checkpoint.pt')
 * @param value must not change until the promise settles: an in-place change of a tensor rejects it
 * @throws {TorchError} `ERR_TORCH_TYPE` for a value that is not data, by its path; `ERR_TORCH_VALUE` for data that
 *   contains itself; `ERR_TORCH_FILE` if the file cannot be written.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.save.html
 */
export async function save(value: Saveable, path: string | URL, ...none: undefined[]): Promise<void> {
  await run(saving('torch.save', value, path, none))
}

/** Blocking form of {@link save}: returns when the file is on the disk. */
export function saveSync(value: Saveable, path: string | URL, ...none: undefined[]): void {
  runSync(saving('torch.saveSync', value, path, none))
}
