import { invalid, requireNone } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { tidy } from '../../tensor/context.ts'
import { tensor } from '../../tensor/creation.ts'
import { requireTensor, type Tensor } from '../../tensor/tensor.ts'

/** What a fitted scaler has for each feature: `scaled = (value - center) / scale`. */
export interface Scales {
  readonly center: readonly number[]
  readonly scale: readonly number[]
}

/** @internal The keys of what only series and files call. */
export const FIT_COLUMNS = Symbol('FIT_COLUMNS')
/** @internal */
export const RESTORE = Symbol('RESTORE')
/** @internal */
export const FORWARD = Symbol('FORWARD')

/**
 * Scales features, each by itself: `(x - center) / scale`, after a logarithm for `LogScaler`. Features are the last
 * dimension of a tensor, (…, F). NaN marks a missing value: `fit` leaves it out, and it stays NaN. Subclasses say how
 * `center` and `scale` come from the values.
 */
export abstract class Scaler {
  #scales: Scales | undefined

  /** The name in the config, such as `'standard'`. */
  abstract readonly type: string

  /** The options, as the config has them. */
  protected abstract get options(): Readonly<Record<string, number | readonly [number, number]>>

  /** Center and scale of one feature from its values in the training data, none of which is missing. */
  protected abstract measure(values: Float64Array): readonly [center: number, scale: number]

  /** Added before the natural logarithm is taken; undefined for scalers without one. */
  get offset(): number | undefined {
    return undefined
  }

  get #owner(): string {
    return this.constructor.name
  }

  /** Whether there are scales, from `fit` or from a config. */
  get isFitted(): boolean {
    return this.#scales !== undefined
  }

  /** @throws {TorchError} before `fit`. */
  get scales(): Scales {
    if (this.#scales !== undefined) return this.#scales
    throw torchError('ERR_TORCH_VALUE', `${this.#owner}: not fitted yet: call fit(data) with the training data`, {
      op: this.#owner,
    })
  }

  /**
   * Sets the scales from training data (…, F) of any dtype but complex, and returns this. Give it the training part
   * only: what it sees of a test part makes errors there look smaller than they are.
   * @throws {TorchError} if a feature is nowhere present, infinite, or too small for a logarithm.
   */
  fit(data: Tensor, ...none: undefined[]): this {
    requireNone(`${this.#owner}.fit`, none)
    requireTensor(`${this.#owner}.fit`, 'data', data)
    if (data.ndim < 2) {
      throw torchError('ERR_TORCH_SHAPE', `${this.#owner}.fit: data must be of shape (…, F), got ${data.ndim}-D`)
    }
    const features = data.size(-1)
    const values = tidy(() => data.detach().to({ dtype: 'float64', device: 'cpu' }).toTypedArray()) as Float64Array
    const columns = Array.from({ length: features }, (_, feature) =>
      Float64Array.from({ length: values.length / features }, (_, row) => values[row * features + feature] as number),
    )
    return this[FIT_COLUMNS](columns, (feature) => `${this.#owner}.fit: feature ${feature}`)
  }

  /** @internal The same for columns of numbers, which `nameOf` names at the start of errors. */
  [FIT_COLUMNS](columns: readonly Float64Array[], nameOf: (feature: number) => string): this {
    const measured = columns.map((column, feature) => {
      const values = present(column)
      const name = nameOf(feature)
      if (values.length === 0) throw torchError('ERR_TORCH_VALUE', `${name} has no values`, { op: this.#owner })
      const { offset } = this
      if (offset !== undefined) {
        for (let i = 0; i < values.length; i++) values[i] = Math.log((values[i] as number) + offset)
      }
      if (!values.every(Number.isFinite)) {
        const problem = offset === undefined ? 'infinite values' : `values of ${-offset} or less, or infinite ones`
        throw torchError('ERR_TORCH_VALUE', `${name} has ${problem}`, { op: this.#owner })
      }
      return this.measure(values)
    })
    this.#scales = { center: measured.map(([center]) => center), scale: measured.map(([, scale]) => scale) }
    return this
  }

  /** @internal */
  [RESTORE](scales: Scales): this {
    this.#scales = scales
    return this
  }

  /** The scaled `x`, (…, F): a new tensor on the same device. A logarithm of a negative number is NaN. */
  transform(x: Tensor, ...none: undefined[]): Tensor {
    requireNone(`${this.#owner}.transform`, none)
    return this.#apply('transform', x, (center, scale) => {
      const { offset } = this
      return (offset === undefined ? x : x.add(offset).log()).sub(center).div(scale)
    })
  }

  /** The inverse of {@link transform}: from a model's output back to the data's units. */
  inverseTransform(x: Tensor, ...none: undefined[]): Tensor {
    requireNone(`${this.#owner}.inverseTransform`, none)
    return this.#apply('inverseTransform', x, (center, scale) => {
      const { offset } = this
      const values = x.mul(scale).add(center)
      return offset === undefined ? values : values.exp().sub(offset)
    })
  }

  #apply(method: string, x: Tensor, fn: (center: Tensor, scale: Tensor) => Tensor): Tensor {
    const owner = `${this.#owner}.${method}`
    requireTensor(owner, 'x', x)
    const { center, scale } = this.scales
    if (x.ndim < 1 || x.size(-1) !== center.length) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `${owner}: x must be of shape (…, ${center.length}), as the data that the scaler was fitted on, got (${x.shape.join(', ')})`,
        { op: owner, shapes: [x.shape] },
      )
    }
    return tidy(() => {
      const options = { dtype: x.isFloatingPoint() ? x.dtype : 'float32', device: x.device } as const
      return fn(tensor([...center], options), tensor([...scale], options))
    })
  }

  /** @internal `transform` of single numbers of a feature. */
  [FORWARD](feature: number): (value: number) => number {
    const [center, scale] = [this.scales.center[feature] as number, this.scales.scale[feature] as number]
    const { offset } = this
    if (offset === undefined) return (value) => (value - center) / scale
    return (value) => (Math.log(value + offset) - center) / scale
  }

  /** Plain JSON for the file of a model; `scalerFrom` makes the scaler again. */
  get config(): ScalerConfig {
    const { center, scale } = this.scales
    return { type: this.type, ...this.options, center: [...center], scale: [...scale] }
  }
}

/** A scaler as plain JSON. */
export interface ScalerConfig {
  readonly type: string
  readonly center: readonly number[]
  readonly scale: readonly number[]
  readonly [option: string]: string | number | readonly number[]
}

/** @internal Checks the options of a scaler's constructor that is a range of two numbers. */
export function requireRange(
  owner: string,
  name: string,
  value: unknown,
  least: number,
  most: number,
): asserts value is readonly [number, number] {
  const [low, high] = Array.isArray(value) && value.length === 2 ? (value as unknown[]) : []
  if (typeof low === 'number' && typeof high === 'number' && low < high && low >= least && high <= most) return
  const within = Number.isFinite(least) ? ` within ${least} to ${most}` : ''
  throw invalid(
    owner,
    name,
    `two ascending numbers${within}`,
    value,
    Array.isArray(value) ? 'ERR_TORCH_VALUE' : undefined,
  )
}

/** The values that are not missing, in a new array. */
function present(column: Float64Array): Float64Array {
  const values = new Float64Array(column.length)
  let length = 0
  for (const value of column) if (!Number.isNaN(value)) values[length++] = value
  return values.subarray(0, length)
}

/** @internal A scale of 0, of a feature that never changes, would divide by 0: as in scikit-learn it becomes 1. */
export function nonZero(scale: number): number {
  return scale === 0 ? 1 : scale
}

/**
 * @internal The mean, and the standard deviation with a divisor of N, in two passes. Rounding alone can make a constant
 * feature look as if it varied: scikit-learn's bound for that tells when the deviation is 0.
 */
export function momentsOf(values: Float64Array): [mean: number, std: number] {
  const n = values.length
  let sum = 0
  for (const value of values) sum += value
  const mean = sum / n
  let squares = 0
  for (const value of values) squares += (value - mean) ** 2
  const variance = squares / n
  const noise = n * Number.EPSILON * variance + (n * mean * Number.EPSILON) ** 2
  return [mean, variance <= noise ? 0 : Math.sqrt(variance)]
}
