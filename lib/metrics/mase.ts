import { isArrayOf } from '../array.ts'
import { invalid, isPlain, requireBoolean, requireInteger, requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { atOnce, noGrad, tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import { keep, requireTensor, type Tensor } from '../tensor/tensor.ts'
import type { MetricBatch, UpdateOptions } from './batch.ts'
import { MeanError } from './mean-error.ts'
import type { Inverse, RegressionOptions } from './regression.ts'

export interface MASEOptions extends RegressionOptions {
  /** The number of steps in a season: 7 for daily data with a weekly pattern. Default 1: the naive forecast. */
  seasonality?: number
  /** The scale, for all outputs or for each, if it is known already. Default: from `fit`. */
  scale?: number | readonly number[]
}

export interface MASEUpdateOptions extends UpdateOptions {
  /** The series of each sample, if `fit` got several by name: N names. */
  groups?: readonly string[]
  /** For `lengths` and `groups`: whether the target is (N, L, …) instead of (L, N, …). Default `false`. */
  batchFirst?: boolean
}

/**
 * The mean absolute scaled error (Hyndman & Koehler, 2006): the absolute error, divided by that of a forecast that
 * repeats the previous season within the training series, mean |y(t) - y(t - m)|. Below 1, the model is better than
 * that. Output and target have the same shape, such as (N, L, O).
 *
 * @example
 * const mase = new MASE({ seasonality: 7 }).fit(trainingSeries) // (T) or (T, O)
 * @example
 * const mase = new MASE().fit({ north, south }) // a scale for each
 * mase.update(output, target, { groups: ['north', 'north', 'south'], batchFirst: true })
 * @throws {TorchError} for an unknown option or an invalid value; at an update, if there is no scale yet.
 * @see https://doi.org/10.1016/j.ijforecast.2006.03.001
 */
export class MASE extends MeanError {
  static override readonly key = 'mase'
  protected static override readonly options = [...super.options, 'seasonality', 'scale']
  /** The number of steps in a season. */
  readonly seasonality: number
  #scale: Tensor | undefined
  #groups: readonly string[] | undefined
  // The scale of each sample of the update that is running.
  #samples: Tensor | undefined
  #fitted: { inverse: Inverse | undefined } | undefined

  constructor(options: MASEOptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(options)
    const { seasonality = 1, scale } = options
    requireInteger('MASE', 'seasonality', seasonality, 1)
    this.seasonality = seasonality
    if (scale === undefined) return
    const isScale = (value: unknown): boolean => typeof value === 'number' && value > 0
    if (!isScale(scale) && !(isArrayOf(scale, isScale) && scale.length > 0)) {
      const code = typeof scale === 'number' ? 'ERR_TORCH_VALUE' : 'ERR_TORCH_TYPE'
      throw invalid('MASE', 'scale', 'a positive number, or one for each output', scale, code)
    }
    this.#scale = atOnce(() => keep(tensor(scale as number | number[], { dtype: 'float64' })))
  }

  /**
   * What errors are divided by: float64, () or one for each output (O), with one more dimension in front for the
   * `groups`; `undefined` before `fit`.
   */
  get scale(): Tensor | undefined {
    return this.#scale
  }

  /** The names of the series, if `fit` got several. */
  get groups(): readonly string[] | undefined {
    return this.#groups
  }

  /**
   * Computes the scale from the training series, or one for each of several series: then `update` needs the `groups` of
   * its samples. NaN values are left out. If there is an `inverse`, it must be set before, and is applied to the series
   * as it is to targets.
   *
   * @param series (T), or (T, O) with a series for each output, in the order of time; or several by name
   * @throws {TorchError} `ERR_TORCH_VALUE` if one is not longer than a season.
   */
  fit(series: Tensor | Readonly<Record<string, Tensor>>): this {
    const groups = isPlain(series) ? Object.keys(series) : undefined
    if (groups?.length === 0) throw invalid('MASE.fit', 'series', 'a Tensor, or several by name', series)
    const scale = noGrad(() =>
      tidy(() => {
        if (groups === undefined) return keep(this.#scaleOf('series', series as Tensor))
        const scales = groups.map((name) => this.#scaleOf(`series.${name}`, (series as Record<string, Tensor>)[name]))
        const other = scales.find(({ shape }) => shape.join() !== scales[0]?.shape.join())
        if (other === undefined) return keep(functions.stack(scales))
        throw torchError('ERR_TORCH_SHAPE', 'MASE.fit: all series must have the same number of outputs', {
          op: 'MASE.fit',
        })
      }),
    )
    this.#scale?.dispose()
    this.#scale = scale
    this.#groups = groups
    this.#fitted = { inverse: this.inverse }
    return this
  }

  /** The mean absolute change from one season to the next: () or (O). */
  #scaleOf(name: string, series: unknown): Tensor {
    requireTensor('MASE.fit', name, series)
    if (series.isComplex() || series.ndim < 1 || series.ndim > 2) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `MASE.fit: ${name} must be real, of shape (T) or (T, O), got ${series.dtype} (${series.shape.join(', ')})`,
        { op: 'MASE.fit' },
      )
    }
    const { seasonality } = this
    const steps = series.size(0)
    if (steps <= seasonality) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `MASE.fit: ${name} must be longer than a season of ${seasonality} steps, got ${steps}`,
        { op: 'MASE.fit' },
      )
    }
    const values = this.inUnits('MASE.fit', series).double()
    const later = values.narrow(0, seasonality, steps - seasonality)
    return later
      .sub(values.narrow(0, 0, steps - seasonality))
      .abs()
      .nanmean(0)
  }

  /**
   * Adds a batch: see {@link Metric.update}.
   * @throws {TorchError} if there are scales for several series, and `groups` does not name one for each sample.
   */
  override update(output: Tensor, target: Tensor, options: MASEUpdateOptions = {}): void {
    const { groups, ...others } = isPlain(options) ? options : ({} as MASEUpdateOptions)
    if (groups === undefined && this.#groups === undefined) {
      super.update(output, target, options)
      return
    }
    const owner = 'MASE.update'
    requireTensor(owner, 'target', target)
    const { batchFirst = false } = others
    requireBoolean(owner, 'batchFirst', batchFirst)
    if (others.lengths === undefined) delete others.batchFirst
    this.#samples = tidy(() => this.#ofSamples(owner, groups, target, target.ndim < 3 || batchFirst ? 0 : 1))
    try {
      super.update(output, target, others)
    } finally {
      this.#samples.dispose()
      this.#samples = undefined
    }
  }

  /** The scale of each sample, to be broadcast to the target. */
  #ofSamples(owner: string, groups: unknown, target: Tensor, dim: 0 | 1): Tensor {
    const known = this.#groups
    if (known === undefined) {
      throw torchError('ERR_TORCH_OPTION', `${owner}: groups has no effect: fit got no series by name`, { op: owner })
    }
    const names = known.length > 5 ? `${known.slice(0, 5).join(', ')}, …` : known.join(', ')
    const size = target.ndim > dim ? target.size(dim) : undefined
    if (!isArrayOf(groups, (name): name is string => typeof name === 'string') || groups.length !== size) {
      const wanted = `the names of the series of the ${size} samples of the target (${target.shape.join(', ')})`
      throw torchError(
        groups === undefined ? 'ERR_TORCH_VALUE' : 'ERR_TORCH_SHAPE',
        `${owner}: there are scales for the series ${names}: groups must be ${wanted}, got ${isArrayOf(groups, () => true) ? `${groups.length} elements` : describe(groups)}`,
        { op: owner },
      )
    }
    const places = new Map(known.map((name, i) => [name, i]))
    const rows = groups.map((name) => {
      const place = places.get(name)
      if (place !== undefined) return place
      throw torchError('ERR_TORCH_VALUE', `${owner}: there is no series '${name}': they are ${names}`, { op: owner })
    })
    const scales = this.#scaleOn(target).indexSelect(0, tensor(rows, { dtype: 'int64', device: target.device }))
    const shape: number[] = target.shape.map(() => 1)
    shape[dim] = rows.length
    if (scales.ndim === 2) shape[target.ndim - 1] = scales.size(1)
    return scales.reshape(shape)
  }

  protected override prepare(owner: string, output: Tensor, target: Tensor): readonly [output: Tensor, target: Tensor] {
    if (this.#scale === undefined) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${owner}: there is no scale: call fit with the training series, or give scale`,
        {
          op: owner,
        },
      )
    }
    if (this.#fitted !== undefined && this.#fitted.inverse !== this.inverse) {
      throw torchError('ERR_TORCH_VALUE', `${owner}: inverse has changed since fit: call fit again`, { op: owner })
    }
    const shape = this.#scale.shape.slice(this.#groups === undefined ? 0 : 1)
    if (shape.length === 1 && (shape[0] !== target.shape.at(-1) || (this.#groups && target.ndim < 2))) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `${owner}: there are scales (${shape.join(', ')}) for the last dimension of the target, (${target.shape.join(', ')})`,
        { op: owner },
      )
    }
    return super.prepare(owner, output, target)
  }

  protected override errors({ output, target }: MetricBatch): Tensor {
    return output
      .sub(target)
      .abs()
      .div(this.#samples ?? this.#scaleOn(target))
  }

  /** The scale on the device of the batches, where it stays. */
  #scaleOn({ device }: Tensor): Tensor {
    const scale = this.#scale as Tensor
    if (scale.device === device) return scale
    this.#scale = atOnce(() => noGrad(() => keep(scale.to(device))))
    return this.#scale
  }

  /** Frees the state and the scale of `fit`. */
  override dispose(): void {
    super.dispose()
    // A scale that was given is needed again.
    if (this.#fitted === undefined) return
    this.#scale?.dispose()
    this.#scale = undefined
    this.#groups = undefined
    this.#fitted = undefined
  }
}
