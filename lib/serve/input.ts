// Not `instanceof`: other realms have classes of their own.
import { isFloat32Array, isInt32Array } from 'node:util/types'
import { invalid } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import type { Sequence } from './engine.ts'

/** What a model takes and gives. */
export interface Signature {
  /** Features per step; 1 with tokens. */
  readonly inputSize: number
  /** The number of tokens, if a step is one; else null. */
  readonly numEmbeddings: number | null
  /** Of one row of an output: [outputSize], or [horizon, outputSize]. */
  readonly outputShape: readonly number[]
  /** Whether there is such a row for each step. */
  readonly perStep: boolean
  /** The number of steps that each request must have, or null. */
  readonly steps: number | null
  /** The most steps that a request may have, or null. */
  readonly maxSteps: number | null
}

/** Nested arrays of numbers. */
export type NumberArray = readonly number[] | readonly NumberArray[]

/** One sequence: (steps, inputSize) values, or (steps) tokens. */
export type Input = Float32Array | Int32Array | NumberArray | Tensor

/** An output in the form of its input: of Int32Arrays it is a Float32Array. */
export type Output<X extends Input> = X extends Float32Array | Int32Array
  ? Float32Array
  : X extends Tensor
    ? Tensor
    : OutputArray

/** (outputSize), or with more dimensions nested. */
export type OutputArray = number[] | OutputArray[]

/** The form of an input, which its output has, too. */
export type Form = 'typed' | 'nested' | 'tensor'

/** The most values of a sequence, or tokens. */
export const MOST_VALUES = 2 ** 31 - 1

/** @throws {TorchError} if a sequence of so many steps would have too many values. */
export function requireLength(owner: string, steps: number, inputSize: number): void {
  if (steps * inputSize <= MOST_VALUES) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: input.steps is ${steps}, and a step has ${inputSize} values: a sequence has at most 2^31 - 1, which are ${Math.floor(MOST_VALUES / inputSize)} steps`,
    { op: owner },
  )
}

export const formOf = (x: unknown): Form => (ArrayBuffer.isView(x) ? 'typed' : isTensor(x) ? 'tensor' : 'nested')

/** What an input must be, in words. */
function wanted({ inputSize, numEmbeddings, steps }: Signature): string {
  const L = steps ?? 'steps'
  return numEmbeddings === null
    ? `a Float32Array of ${L} * ${inputSize} values, nested arrays or a Tensor (${L}, ${inputSize})`
    : `an Int32Array, an array or a Tensor of ${L} tokens`
}

/**
 * Reads one sequence. A typed array is not copied.
 *
 * @throws {TorchError} if it has another type or shape than the model takes.
 */
export function readInput(
  owner: string,
  x: unknown,
  signature: Signature,
  shape?: readonly [number, number] | undefined,
): Sequence {
  const data = valuesOf(owner, x, signature)
  const { inputSize } = signature
  const count = data.length / inputSize
  if (!Number.isInteger(count) || count === 0) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: x must be ${wanted(signature)}, with at least one step; it has ${data.length} values`,
      { op: owner },
    )
  }
  if (shape !== undefined && !(shape.length === 2 && shape[0] === count && shape[1] === inputSize)) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: the shape is ${describe(shape)}, but x has [${count}, ${inputSize}]`,
      { op: owner },
    )
  }
  if (signature.steps !== null && signature.steps !== count) {
    throw torchError('ERR_TORCH_SHAPE', `${owner}: x must have ${signature.steps} steps, got ${count}`, { op: owner })
  }
  if (signature.maxSteps !== null && count > signature.maxSteps) {
    throw torchError('ERR_TORCH_SHAPE', `${owner}: x must have at most ${signature.maxSteps} steps, got ${count}`, {
      op: owner,
    })
  }
  return { data, steps: count }
}

function valuesOf(owner: string, x: unknown, signature: Signature): Float32Array | Int32Array {
  const isTokens = signature.numEmbeddings !== null
  if (isTokens ? isInt32Array(x) : isFloat32Array(x)) return x as Float32Array | Int32Array
  if (isTensor(x)) return valuesOfTensor(owner, x, signature)
  if (!Array.isArray(x)) {
    const hint = ArrayBuffer.isView(x) ? `: ${isTokens ? 'Int32Array' : 'Float32Array'}.from(x) converts it` : ''
    const error = invalid(owner, 'x', wanted(signature), x)
    throw hint === '' ? error : torchError('ERR_TORCH_TYPE', `${error.message}${hint}`, { op: owner })
  }
  // Before there is memory for so many: an array may have a length only.
  const most = signature.steps ?? signature.maxSteps ?? MOST_VALUES
  if (x.length * signature.inputSize > MOST_VALUES || x.length > most) {
    const limit =
      signature.steps === null ? `at most ${Math.min(most, Math.floor(MOST_VALUES / signature.inputSize))}` : most
    throw torchError('ERR_TORCH_SHAPE', `${owner}: x must have ${limit} steps, got ${x.length}`, { op: owner })
  }
  return isTokens || isFlat(x, signature) ? flatOf(owner, x, signature) : nestedOf(owner, x, signature)
}

/** One feature needs no arrays of one number each. */
const isFlat = (x: readonly unknown[], { inputSize }: Signature): boolean => inputSize === 1 && typeof x[0] === 'number'

function flatOf(owner: string, x: readonly unknown[], signature: Signature): Float32Array | Int32Array {
  const isTokens = signature.numEmbeddings !== null
  const values = isTokens ? new Int32Array(x.length) : new Float32Array(x.length)
  for (let i = 0; i < x.length; i++) {
    const value = x[i]
    if (typeof value !== 'number' || (isTokens && (value | 0) !== value)) {
      throw invalid(owner, `x[${i}]`, isTokens ? 'a token, an integer' : 'a number', value)
    }
    values[i] = value
  }
  return values
}

function nestedOf(owner: string, x: readonly unknown[], signature: Signature): Float32Array {
  const { inputSize } = signature
  const values = new Float32Array(x.length * inputSize)
  for (let step = 0, at = 0; step < x.length; step++) {
    const row: unknown = x[step]
    if (!Array.isArray(row) && !isFloat32Array(row)) {
      throw invalid(owner, `x[${step}]`, `an array of ${inputSize} numbers`, row)
    }
    const features = row as readonly unknown[]
    if (features.length !== inputSize) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `${owner}: x[${step}] must have ${inputSize} numbers, got ${features.length}`,
        { op: owner },
      )
    }
    for (let feature = 0; feature < inputSize; feature++) {
      const value = features[feature]
      if (typeof value !== 'number') throw invalid(owner, `x[${step}][${feature}]`, 'a number', value)
      values[at++] = value
    }
  }
  return values
}

function valuesOfTensor(owner: string, x: Tensor, signature: Signature): Float32Array | Int32Array {
  const { inputSize, numEmbeddings } = signature
  const isTokens = numEmbeddings !== null
  const fits = isTokens
    ? x.ndim === 1 && !x.isFloatingPoint() && !x.isComplex()
    : x.ndim === 2 && x.size(1) === inputSize
  if (!fits || x.isComplex()) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: x must be ${wanted(signature)}, got a Tensor of shape (${x.shape.join(', ')}) and dtype ${x.dtype}`,
      { op: owner, shapes: [x.shape] },
    )
  }
  return tidy(() =>
    x
      .detach()
      .to({ device: 'cpu', dtype: isTokens ? 'int32' : 'float32' })
      .toTypedArray(),
  ) as Float32Array | Int32Array
}

/** An output in the form of its input. */
export function formed(values: Float32Array, form: Form, { outputShape, perStep }: Signature): Output<Input> {
  if (form === 'typed') return values
  const row = outputShape.reduce((all, size) => all * size, 1)
  const shape = perStep ? [values.length / row, ...outputShape] : [...outputShape]
  return form === 'tensor' ? tensor(values, { shape }) : nested(values, shape, 0)
}

function nested(values: Float32Array, shape: readonly number[], start: number): OutputArray {
  const [size, ...rest] = shape as [number, ...number[]]
  if (rest.length === 0) return Array.from(values.subarray(start, start + size))
  const stride = rest.reduce((all, next) => all * next, 1)
  return Array.from({ length: size }, (_, i) => nested(values, rest, start + i * stride))
}
