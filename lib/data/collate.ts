import { checkOptions, isPlain, requireBoolean, requireNumber } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { padSequence } from '../nn/utils/padding.ts'
import { tensor } from '../tensor/creation.ts'
import type { NestedData, TypedArray } from '../tensor/data.ts'
import { functions } from '../tensor/methods.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import type { Batch, NamedBatch } from './batch.ts'

/** A part of a sample: a tensor, a number, or (nested) arrays of numbers. */
export type SamplePart = Tensor | TypedArray | NestedData

/** One sample: its input and target, or more parts by name. */
export type Sample = readonly [input: SamplePart, target: SamplePart] | NamedSample

export interface NamedSample {
  input: SamplePart
  target: SamplePart
  [name: string]: SamplePart
}

export interface CollateOptions {
  /** Whether samples (L, …) are stacked to (N, L, …) rather than (L, N, …). Default `true`. */
  batchFirst?: boolean
  /** The value after the end of shorter sequences. Default 0. */
  paddingValue?: number
}

/**
 * Makes a batch of samples: parts of equal shapes are stacked; sequences (L, …) of different lengths are padded at
 * their ends, and the batch gets the `lengths` of the inputs. It is the default of `DataLoader` for samples.
 *
 * @throws {TorchError} if samples differ in their parts, or in other dimensions than the first.
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.default_collate
 */
export function collate(samples: readonly Sample[], options: CollateOptions = {}, ...none: undefined[]): Batch {
  checkOptions('collate', options, ['batchFirst', 'paddingValue'], none)
  const { batchFirst = true, paddingValue = 0 } = options
  requireBoolean('collate', 'batchFirst', batchFirst)
  requireNumber('collate', 'paddingValue', paddingValue)
  if (!Array.isArray(samples) || samples.length === 0) {
    throw torchError('ERR_TORCH_TYPE', `collate: samples must be a non-empty array, got ${describe(samples)}`)
  }
  const named = samples.map(namedSample)
  const names = Object.keys(named[0] as NamedSample)
  for (const [index, sample] of named.entries()) {
    if (names.join() === Object.keys(sample).join()) continue
    throw torchError(
      'ERR_TORCH_VALUE',
      `collate: samples must have the same parts, but sample ${index} has ${Object.keys(sample).join(', ')} and the first has ${names.join(', ')}`,
    )
  }
  const rows = names.map((name) => [name, named.map((sample) => tensorOf(sample[name] as SamplePart))] as const)
  // Masks and weights (L) have the layout of a target (L, O).
  const follows = rows.some(([name, [first]]) => name === 'target' && first !== undefined && first.ndim >= 2)
  const parts = rows.map(([name, tensors]) => {
    const hasSteps = (tensors[0]?.ndim ?? 0) >= (follows && FOLLOWING.includes(name) ? 1 : 2)
    return [name, tensors, stackedOrPadded(name, tensors, { batchFirst, hasSteps, paddingValue })] as const
  })
  const batch = Object.fromEntries(parts.map(([name, , part]) => [name, part])) as unknown as NamedBatch
  const ragged = parts.filter(([, tensors]) => isRagged(tensors))
  if (ragged.length > 0 && batch.lengths === undefined) batch.lengths = lengthsOf(ragged)
  return Array.isArray(samples[0]) && batch.lengths === undefined ? [batch.input, batch.target] : batch
}

/** @internal Whether a value has the form of a sample. */
export function isSample(value: unknown): value is Sample {
  return (Array.isArray(value) && value.length === 2) || (isPlain(value) && 'input' in value && 'target' in value)
}

function namedSample(sample: Sample, index: number): NamedSample {
  if (isSample(sample)) return 'input' in sample ? sample : { input: sample[0], target: sample[1] }
  throw torchError(
    'ERR_TORCH_TYPE',
    `collate: a sample must be [input, target] or { input, target, … }, but sample ${index} is ${describe(sample)}`,
  )
}

function tensorOf(part: SamplePart): Tensor {
  return isTensor(part) ? part : tensor(part)
}

function isRagged(tensors: readonly Tensor[]): boolean {
  return tensors.some(({ shape }) => shape[0] !== tensors[0]?.shape[0])
}

/** The parts of a sample that can have a value for each step of the target. */
const FOLLOWING: readonly string[] = ['mask', 'weight']

interface Stacking {
  batchFirst: boolean
  /** Whether the first dimension of a sample is one of steps. */
  hasSteps: boolean
  paddingValue: number
}

function stackedOrPadded(name: string, tensors: readonly Tensor[], options: Stacking): Tensor {
  const { batchFirst, hasSteps, paddingValue } = options
  const [first] = tensors as [Tensor]
  const other = tensors.find(({ shape }) => shape.slice(1).join() !== first.shape.slice(1).join())
  if (other !== undefined || tensors.some(({ ndim }) => ndim !== first.ndim)) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `collate: samples may differ in their first dimension only, but ${name} has shapes (${first.shape.join(', ')}) and (${other?.shape.join(', ')})`,
    )
  }
  if (isRagged(tensors)) return padSequence(tensors, { batchFirst, paddingValue })
  return functions.stack([...tensors], batchFirst || !hasSteps ? 0 : 1)
}

/** The lengths of the padded parts, which must be those of one sequence per sample. */
function lengthsOf(ragged: readonly (readonly [name: string, tensors: readonly Tensor[], ...unknown[]])[]): Tensor {
  const [[name, tensors], ...others] = ragged as [(typeof ragged)[number], ...(typeof ragged)[number][]]
  const lengths = tensors.map(({ shape }) => shape[0] as number)
  for (const [otherName, other] of others) {
    const index = other.findIndex(({ shape }, i) => shape[0] !== lengths[i])
    if (index < 0) continue
    throw torchError(
      'ERR_TORCH_SHAPE',
      `collate: in sample ${index}, ${name} has ${lengths[index]} steps and ${otherName} has ${other[index]?.shape[0]}: give a collate function of your own`,
    )
  }
  return tensor(lengths, { dtype: 'int64' })
}
