import { isPlain } from '../check.ts'
import { describe } from '../describe.ts'
import { messageOf, torchError } from '../errors.ts'
import { loadFile, readHeader, saveFile } from '../io/safetensors.ts'
import { memoryRange } from '../tensor/memory.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { checksumOf } from './checksum.ts'
import { requireSavedState, type SavedState } from './saved-state.ts'

/** What a checkpoint can hold: tensors, and what JSON can hold. NaN and infinite numbers are kept. */
export type State =
  | Tensor
  | number
  | string
  | boolean
  | null
  | readonly State[]
  | { readonly [name: string]: State | undefined }

/** The metadata keys of the state and of its checksum, and the version of their form. */
const KEY = 'libtorch-rnn.checkpoint'
const CHECKSUM = 'libtorch-rnn.checksum'
const VERSION = 3

/** Stands for a tensor, or a number that JSON lacks. */
interface Placeholder {
  $: string
}

const NUMBERS: Record<string, number> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

/** The tensors of a state by name, and the names of those that are known. */
interface Collected {
  readonly tensors: Record<string, Tensor>
  readonly names: Map<Tensor | string, string>
}

/** How deep a state may be nested. */
const DEPTH = 200

/**
 * JSON with placeholders for the tensors, which are collected under their paths, such as `model.linear.weight`.
 *
 * @param parents the objects around the value
 */
function encode(value: State | undefined, path: string, found: Collected, parents: readonly object[] = []): unknown {
  if (isTensor(value)) return { $: `tensor ${collect(value, path, found)}` } satisfies Placeholder
  if (typeof value === 'number' && !Number.isFinite(value)) return { $: String(value) } satisfies Placeholder
  if (Array.isArray(value) || isPlain(value)) {
    if (parents.includes(value)) {
      throw torchError('ERR_TORCH_VALUE', `checkpoint: ${path} cannot be saved: it is an object that contains it`)
    }
    if (parents.length === DEPTH) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `checkpoint: ${path.slice(0, 60)}… cannot be saved: it is nested more than ${DEPTH} levels deep`,
      )
    }
    const within = [...parents, value]
    if (Array.isArray(value)) return value.map((item, i) => encode(item, `${path}.${i}`, found, within))
    if ('$' in value) throw torchError('ERR_TORCH_VALUE', `checkpoint: ${path} cannot be saved: '$' is not a name`)
    const entries = Object.entries(value).filter(([, item]) => item !== undefined)
    return Object.fromEntries(
      entries.map(([name, item]) => [name, encode(item, path === '' ? name : `${path}.${name}`, found, within)]),
    )
  }
  if (value === null || ['number', 'string', 'boolean'].includes(typeof value)) return value
  throw torchError('ERR_TORCH_TYPE', `checkpoint: ${path || 'the state'} cannot be saved: it is ${describe(value)}`)
}

/** The path under which a tensor is saved: that of the same tensor, such as a tied weight, if there is one. */
function collect(tensor: Tensor, path: string, { tensors, names }: Collected): string {
  const key = keyOf(tensor)
  const same = names.get(key)
  if (same !== undefined) return same
  let name = path
  for (let i = 1; Object.hasOwn(tensors, name); i++) name = `${path}#${i}`
  tensors[name] = tensor
  names.set(key, name)
  return name
}

/** The same for tensors that are the same elements in the same order. */
function keyOf(tensor: Tensor): Tensor | string {
  if (tensor.numel === 0) return tensor
  const { storage, first, last } = memoryRange(tensor)
  const { dtype, shape, stride } = tensor
  return [storage, first, last, dtype, shape.join(), stride.join()].join(' ')
}

function decode(value: unknown, tensors: Record<string, Tensor>): State {
  if (Array.isArray(value)) return value.map((item) => decode(item, tensors))
  if (typeof value !== 'object' || value === null) return value as State
  const { $: mark, ...others } = value as Partial<Placeholder>
  if (typeof mark === 'string' && Object.keys(others).length === 0) {
    if (Object.hasOwn(NUMBERS, mark)) return NUMBERS[mark] as number
    const name = mark.startsWith('tensor ') ? mark.slice('tensor '.length) : ''
    if (Object.hasOwn(tensors, name)) return tensors[name] as Tensor
    throw new Error(`the tensor of '${mark}' is missing`)
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, decode(item, tensors)]))
}

/** Writes a state as one safetensors file: at once as a whole, or not at all. */
export async function saveCheckpoint(path: string, state: State): Promise<void> {
  const found: Collected = { tensors: {}, names: new Map() }
  const json = JSON.stringify({ version: VERSION, state: encode(state, '', found) })
  const { tensors } = found
  const checksum = await checksumOf(json, tensors)
  await saveFile(tensors, path, { metadata: { [KEY]: json, [CHECKSUM]: checksum } })
}

/** @throws {TorchError} (rejects) if the file is not a checkpoint, is damaged, or is one of another version. */
export async function loadCheckpoint(path: string): Promise<SavedState> {
  const { metadata } = await readHeader(path)
  const { [KEY]: json, [CHECKSUM]: checksum } = metadata
  const tensors = json === undefined && checksum === undefined ? {} : await loadFile(path)
  // The format has no checksums: one bit could make another training of it, or blame its settings.
  if (checksum !== undefined && checksum !== (await checksumOf(json ?? '', tensors))) {
    throw torchError('ERR_TORCH_FORMAT', `resume: ${path} is damaged: its checksum is not that of its content`)
  }
  if (json === undefined) {
    throw torchError(
      'ERR_TORCH_FORMAT',
      `resume: ${path} is not a checkpoint of a Trainer: it has weights only. Load those with model.loadStateDict(await io.loadFile(path))`,
    )
  }
  let parsed: { version?: unknown; state?: unknown }
  try {
    const value: unknown = JSON.parse(json)
    if (!isPlain(value)) throw new Error(`it holds ${describe(value)}`)
    parsed = value
  } catch (error) {
    throw torchError('ERR_TORCH_FORMAT', `resume: ${path} is damaged: ${messageOf(error)}`, { cause: error })
  }
  if (parsed.version !== VERSION) {
    throw torchError(
      'ERR_TORCH_FORMAT',
      `resume: ${path} is a checkpoint of version ${describe(parsed.version)}, but this library reads version ${VERSION}`,
    )
  }
  try {
    if (checksum === undefined) throw new Error('it has no checksum')
    const state = decode(parsed.state, tensors)
    if (!isPlain(state)) throw new Error('it holds no state')
    requireSavedState(state as { readonly [name: string]: State })
    return state as unknown as SavedState
  } catch (error) {
    throw torchError('ERR_TORCH_FORMAT', `resume: ${path} is damaged: ${messageOf(error)}`, { cause: error })
  }
}

/** The tensors of a state. */
export function tensorsIn(state: State | undefined): Tensor[] {
  if (isTensor(state)) return [state]
  if (Array.isArray(state)) return state.flatMap(tensorsIn)
  return isPlain(state) ? Object.values(state).flatMap(tensorsIn) : []
}
