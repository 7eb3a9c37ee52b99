import { checkOptions, invalid, requireBoolean } from '../check.ts'
import { torchError } from '../errors.ts'
import { type Lengths, requireLengths } from '../nn/utils/sequences.ts'
import { assertNonNegative } from '../tensor/assertion.ts'
import { refuseCaptured } from '../tensor/capture.ts'
import { arange, full, tensor } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import { type Device, isTensor, requireTensor, type Tensor } from '../tensor/tensor.ts'

/** What counts in a batch. What does not count may be NaN. */
export interface UpdateOptions {
  /**
   * Which elements of the target count: `true` or 1, else `false` or 0. It has the target's first dimensions, such as
   * (N) or (N, L) for a target of (N, L, O), and holds for the rest.
   */
  mask?: Tensor
  /**
   * How much elements count, at least 0; of a shape like that of `mask`. Default: 1 each. On the CPU other weights are an
   * error; on a GPU they are not looked at, since that would wait for it.
   */
  weight?: Tensor
  /** The steps of each sequence that count: N integers, or an int64 tensor (N) on the target's device. Default: all. */
  lengths?: Lengths
  /** For `lengths`: whether the target is (N, L, …) instead of (L, N, …). Default `false`. */
  batchFirst?: boolean
}

/** A batch as `measure` gets it, and how to add up what counts in it. */
export class MetricBatch {
  /** The model's output. */
  readonly output: Tensor
  /** The target. */
  readonly target: Tensor
  // Broadcastable to the target: the weights, 1 if there are none, and where elements do not count.
  readonly #weight: Tensor | undefined
  readonly #ignored: Tensor | undefined

  constructor(output: Tensor, target: Tensor, weight: Tensor | undefined, ignored: Tensor | undefined) {
    this.output = output
    this.target = target
    this.#weight = weight
    this.#ignored = ignored
  }

  /** The same batch, in which the elements that are true in `ignored`, of the target's shape, do not count either. */
  without(ignored: Tensor): MetricBatch {
    const all = this.#ignored === undefined ? ignored : this.#ignored.logicalOr(ignored)
    return new MetricBatch(this.output, this.target, this.#weight, all)
  }

  /**
   * The weighted sum, in float64, of the values that count.
   *
   * @param values one per element of the target, of its shape
   * @param kept How many of the last dimensions to keep: 1 gives one sum per output. Default 0.
   */
  sum(values: Tensor, kept = 0): Tensor {
    requireTensor('MetricBatch.sum', 'values', values)
    const { target } = this
    if (values.shape.join() !== target.shape.join()) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `MetricBatch.sum: values must be of the target's shape (${target.shape.join(', ')}), got (${values.shape.join(', ')})`,
        { op: 'MetricBatch.sum' },
      )
    }
    const weighted = this.#weight === undefined ? values : values.mul(this.#weight)
    const dims = Array.from({ length: Math.max(target.ndim - kept, 0) }, (_, i) => i)
    const counted = this.clear(weighted)
    return dims.length === 0 ? counted.to('float64') : counted.sum(dims, { dtype: 'float64' })
  }

  /** The sum of the weights of what counts: the number of elements if there are no weights. */
  count(kept = 0): Tensor {
    const { shape, device } = this.target
    if (this.#weight !== undefined || this.#ignored !== undefined) {
      return this.sum(full([], 1, { dtype: 'float64', device }).expand(shape), kept)
    }
    const split = Math.max(shape.length - kept, 0)
    const each = shape.slice(0, split).reduce((product, size) => product * size, 1)
    return full(shape.slice(split), each, { dtype: 'float64', device })
  }

  /** The weight of each element, 0 if it does not count: float64, of the target's shape. */
  weights(): Tensor {
    const { shape, device } = this.target
    const weight = this.#weight?.double() ?? full([], 1, { dtype: 'float64', device })
    return this.clear(weight.expand(shape))
  }

  /** `values`, of the target's shape, with 0 where they do not count. */
  clear(values: Tensor): Tensor {
    return this.#ignored === undefined ? values : values.maskedFill(this.#ignored, 0)
  }
}

/** The batch of an update. @throws {TorchError} if the options do not fit the target. */
export function batchOf(owner: string, output: Tensor, target: Tensor, options: UpdateOptions): MetricBatch {
  const { mask, weight, lengths } = options
  const weights = weight === undefined ? undefined : leading(owner, 'weight', weight, target)
  const ignored = [
    mask === undefined ? [] : leading(owner, 'mask', mask, target).logicalNot(),
    lengths === undefined ? [] : padding(owner, target, lengths, options.batchFirst ?? false),
  ].flat()
  const either = (tensors: readonly Tensor[]): Tensor | undefined =>
    tensors.length === 0 ? undefined : tensors.reduce((one, other) => functions.logicalOr(one, other))
  if (weights !== undefined) assertNonNegative(owner, 'weight', weights, either(ignored))
  const all = either(weights === undefined ? ignored : [...ignored, weights.eq(0)])
  return new MetricBatch(output, target, weights, all)
}

/** @throws {TorchError} for unknown options and options of a wrong type. */
export function checkUpdate(owner: string, options: UpdateOptions): void {
  checkOptions(owner, options, ['mask', 'weight', 'lengths', 'batchFirst'])
  const { mask, weight, lengths, batchFirst } = options
  for (const [name, value] of Object.entries({ mask, weight })) {
    if (value !== undefined && !isTensor(value)) throw invalid(owner, name, 'a Tensor', value)
  }
  if (lengths !== undefined) requireLengths(owner, lengths)
  if (batchFirst === undefined) return
  requireBoolean(owner, 'batchFirst', batchFirst)
  if (lengths === undefined) {
    throw torchError('ERR_TORCH_OPTION', `${owner}: batchFirst says how to read lengths, but there are none`, {
      op: owner,
    })
  }
}

/** A tensor of the target's first dimensions, with further dimensions of size 1. */
function leading(owner: string, name: string, value: Tensor, target: Tensor): Tensor {
  requireSameDevice(owner, name, value, target.device)
  const { shape } = target
  if (value.shape.join() !== shape.slice(0, value.ndim).join() || (value.ndim === 0 && shape.length > 0)) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: ${name} must have the first dimensions of the target, (${shape.join(', ')}), or all of them, got (${value.shape.join(', ')})`,
      { op: owner },
    )
  }
  return value.reshape([...value.shape, ...shape.slice(value.ndim).map(() => 1)])
}

/** Where a target of sequences is past their ends. */
function padding(owner: string, target: Tensor, lengths: Lengths, batchFirst: boolean): Tensor {
  const { shape, device } = target
  const [size, steps] = batchFirst ? [shape[0], shape[1]] : [shape[1], shape[0]]
  if (size === undefined || steps === undefined) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: lengths need a target with a dimension of steps, ${batchFirst ? '(N, L, …)' : '(L, N, …)'}, got (${shape.join(', ')})`,
      { op: owner },
    )
  }
  const given = isTensor(lengths) ? lengths.shape : [lengths.length]
  if (given.join() !== `${size}`) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: lengths must be (${size}), one for each sequence of the target (${shape.join(', ')}), got (${given.join(', ')})`,
      { op: owner },
    )
  }
  if (isTensor(lengths)) {
    requireSameDevice(owner, 'lengths', lengths, device)
  } else {
    refuseCaptured(`${owner} with an array of lengths`, 'the CPU reads them')
    const wrong = lengths.find((length) => length < 0 || length > steps)
    if (wrong !== undefined) {
      throw invalid(owner, 'lengths', `integers from 0 to the ${steps} steps of the target`, wrong, 'ERR_TORCH_VALUE')
    }
  }
  const counts = isTensor(lengths) ? lengths : tensor(lengths, { dtype: 'int64', device })
  const step = arange(steps, { device })
  const past = batchFirst ? step.unsqueeze(0).ge(counts.unsqueeze(1)) : step.unsqueeze(1).ge(counts.unsqueeze(0))
  return past.reshape([...past.shape, ...shape.slice(2).map(() => 1)])
}

/** @throws {TorchError} unless the tensor is on `device`. */
export function requireSameDevice(owner: string, name: string, value: Tensor, device: Device): void {
  if (value.device === device) return
  throw torchError('ERR_TORCH_DEVICE', `${owner}: ${name} is on ${value.device}, but the output is on ${device}`, {
    op: owner,
  })
}
