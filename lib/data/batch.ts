import { isArrayOf } from '../array.ts'
import { isPlain } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

/** A part of a batch: a tensor, or several, such as the state [h, c] of an LSTM. */
export type BatchPart = Tensor | readonly Tensor[]

/**
 * The parts of a batch by name. The loss and the metrics use `target`, `mask` and `weight`; the model gets the input,
 * and all other parts in a second argument: `model.forward(input, { lengths, state })`.
 */
export interface NamedBatch {
  /** The model's input, such as (N, L, I), or (L, N, I) without `batchFirst`. */
  input: Tensor
  /** What the loss compares the output with. */
  target: Tensor
  /**
   * The number of valid steps of each sequence: int64 (N), on the CPU. The other steps of outputs with one value per
   * step do not count in losses and metrics.
   */
  lengths?: Tensor
  /** Which targets count: bool, of the shape of the target or of its first dimensions, such as (N, L). */
  mask?: Tensor
  /**
   * How much each target counts, of the shape of the target or of its first dimensions, such as (N) or (N, L). Losses
   * and metrics are weighted means. Without `batchFirst`, (L, N) as the target. At least 0: on the CPU other weights are
   * an error; on a GPU they are not looked at, since that would wait for it.
   */
  weight?: Tensor
  /** The state before the first step, in the form that the network takes. */
  state?: BatchPart
  /** With `carryState`: whether the batch begins anew, and does not continue the one before. */
  first?: boolean
  [name: string]: BatchPart | boolean | undefined
}

/** The input and the target of a batch. */
export type BatchPair = [input: Tensor, target: Tensor]

/** What a step trains on: an input and a target, or more parts by name. */
export type Batch = BatchPair | NamedBatch

/** @throws {TorchError} unless `value` is a batch. */
export function requireBatch(what: string, value: unknown): asserts value is Batch {
  if (isArrayOf(value, isTensor) && value.length === 2) return
  const wanted = `${what} must be [input, target], two Tensors, or { input, target, … }`
  if (!isPlain(value)) {
    const found = Array.isArray(value) ? `[${value.map(describe).join(', ')}]` : describe(value)
    throw torchError('ERR_TORCH_TYPE', `${wanted}, got ${found}`)
  }
  for (const name of ['input', 'target']) {
    if (isTensor(Reflect.get(value, name))) continue
    throw torchError('ERR_TORCH_TYPE', `${wanted}, but its ${name} is ${describe(Reflect.get(value, name))}`)
  }
  for (const [name, part] of Object.entries(value)) {
    if (part === undefined || isPartNamed(name, part)) continue
    const wanted = name === 'first' ? 'a boolean' : 'a Tensor'
    throw torchError('ERR_TORCH_TYPE', `${what}: the part '${name}' must be ${wanted}, got ${describe(part)}`)
  }
  requireLengths(what, value as NamedBatch)
}

function isPartNamed(name: string, part: unknown): boolean {
  if (name === 'first') return typeof part === 'boolean'
  return isTensor(part) || (isArrayOf(part, isTensor) && !['lengths', 'mask', 'weight'].includes(name))
}

function requireLengths(what: string, { lengths }: NamedBatch): void {
  if (lengths === undefined) return
  if (lengths.dtype === 'int64' && lengths.device === 'cpu' && lengths.ndim === 1) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${what}: lengths must be of shape (N), in int64 and on the CPU, got shape (${lengths.shape.join(', ')}), ${lengths.dtype}, on ${lengths.device}`,
  )
}

/** The parts of a batch by name. */
export function namedBatch(batch: Batch): NamedBatch {
  return Array.isArray(batch) ? { input: batch[0], target: batch[1] } : batch
}

/** The tensors of a batch, in the order of {@link mapBatch}. */
export function tensorsOf(batch: Batch): Tensor[] {
  return (Array.isArray(batch) ? batch : Object.values(batch)).flatMap((part) =>
    part === undefined || typeof part === 'boolean' ? [] : part,
  )
}

/** A batch of the same form, with another tensor for each. */
export function mapBatch<B extends Batch>(batch: B, fn: (tensor: Tensor, name: string) => Tensor): B {
  if (Array.isArray(batch)) return [fn(batch[0], 'input'), fn(batch[1], 'target')] as B
  const mapped: Record<string, BatchPart | boolean> = {}
  for (const [name, part] of Object.entries(batch as NamedBatch)) {
    if (part === undefined) continue
    mapped[name] = isTensor(part) ? fn(part, name) : typeof part === 'boolean' ? part : part.map((one) => fn(one, name))
  }
  return mapped as B
}
