import { invalid, requireNone } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { type Coroutine, runSync } from '../../io/coroutine.ts'
import { tidy } from '../../tensor/context.ts'
import { tensor } from '../../tensor/creation.ts'
import type { DType } from '../../tensor/dtype.ts'
import { type Device, requireTensor, type Tensor } from '../../tensor/tensor.ts'
import { Values } from './values.ts'

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
  protected abstract measure(values: Values): Coroutine<readonly [center: number, scale: number]>

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
    const columns = Array.from({ length: features }, (_, feature) => [
      Float64Array.from({ length: values.length / features }, (_, row) => values[row * features + feature] as number),
    ])
    return runSync(this[FIT_COLUMNS](columns, (feature) => `${this.#owner}.fit: feature ${feature}`))
  }

  /**
   * @internal The same for columns, each in several parts, which `nameOf` names at the start of errors.
   * @param areLevels whether values have their logarithm already, if the scaler has one
   */
  *[FIT_COLUMNS](
    columns: readonly (readonly Float64Array[])[],
    nameOf: (feature: number) => string,
    areLevels = false,
  ): Coroutine<this> {
    const center: number[] = []
    const scale: number[] = []
    for (const [feature, parts] of columns.entries()) {
      const values = new Values(parts, areLevels ? undefined : this.offset)
      const count = yield* values.check(this.#owner, nameOf(feature))
      const [middle, width] = yield* this.measure(values)
      if (!Number.isFinite(middle) || !Number.isFinite(width)) {
        throw torchError(
          'ERR_TORCH_VALUE',
          `${nameOf(feature)} has ${count} values that are too large: their sum or range is beyond float64`,
          { op: this.#owner },
        )
      }
      center.push(middle)
      scale.push(width)
    }
    this.#scales = { center, scale }
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
    const { offset } = this
    return this.#apply('transform', x, (values, center, scale) =>
      (offset === undefined ? values : values.add(offset).log()).sub(center).div(scale),
    )
  }

  /** The inverse of {@link transform}: from a model's output back to the data's units. */
  inverseTransform(x: Tensor, ...none: undefined[]): Tensor {
    requireNone(`${this.#owner}.inverseTransform`, none)
    const { offset } = this
    return this.#apply('inverseTransform', x, (scaled, center, scale) => {
      const values = scaled.mul(scale).add(center)
      return offset === undefined ? values : values.exp().sub(offset)
    })
  }

  #apply(method: string, x: Tensor, fn: (x: Tensor, center: Tensor, scale: Tensor) => Tensor): Tensor {
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
    return tidy(() =>
      inScales(x, [...center, ...scale], (values, options) =>
        fn(values, tensor([...center], options), tensor([...scale], options)),
      ),
    )
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

/**
 * @internal Calls `fn` with `x` in a floating dtype that has room for the scales, and for sums and products of them
 * with scaled values: in float64 if they are too large or too small for the dtype of `x`, which the result has.
 */
export function inScales(
  x: Tensor,
  scales: readonly number[],
  fn: (x: Tensor, options: { dtype: DType; device: Device }) => Tensor,
): Tensor {
  const { device } = x
  const dtype = x.isFloatingPoint() ? x.dtype : 'float32'
  const [least, most] = ROOM[dtype as keyof typeof ROOM] ?? [0, Number.POSITIVE_INFINITY]
  const fits = scales.every((scale) => scale === 0 || (Math.abs(scale) > least && Math.abs(scale) < most))
  if (fits) return fn(x, { dtype, device })
  return fn(x.double(), { dtype: 'float64', device }).to(dtype)
}

/** Scales between these bounds neither vanish nor overflow, with values of up to a thousand times their size. */
const ROOM = { float32: [1e-35, 1e35], bfloat16: [1e-35, 1e35], float16: [1e-4, 60] } as const

/** @internal A scale of 0, of a feature that never changes, would divide by 0: as in scikit-learn it becomes 1. */
export function nonZero(scale: number): number {
  return scale === 0 ? 1 : scale
}

/**
 * @internal The mean, and the standard deviation with a divisor of N, in two passes. Rounding alone can make a constant
 * feature look as if it varied: scikit-learn's bound for that tells when the deviation is 0.
 */
export function* momentsOf(values: Values): Coroutine<readonly [mean: number, std: number]> {
  let sum = 0
  let n = 0
  yield* values.each((block) => {
    for (const value of block) sum += value
    n += block.length
  })
  const mean = sum / n
  let squares = 0
  yield* values.each((block) => {
    for (const value of block) squares += (value - mean) ** 2
  })
  const variance = squares / n
  const noise = n * Number.EPSILON * variance + (n * mean * Number.EPSILON) ** 2
  return [mean, variance <= noise && noise < Number.POSITIVE_INFINITY ? 0 : Math.sqrt(variance)]
}
