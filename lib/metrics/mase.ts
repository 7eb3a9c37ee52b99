import { isArrayOf } from '../array.ts'
import { invalid, requireInteger, requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import { atOnce, noGrad, tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'
import { keep, requireTensor, type Tensor } from '../tensor/tensor.ts'
import type { MetricBatch } from './batch.ts'
import { MeanError } from './mean-error.ts'
import type { Inverse, RegressionOptions } from './regression.ts'

export interface MASEOptions extends RegressionOptions {
  /** The number of steps in a season: 7 for daily data with a weekly pattern. Default 1: the naive forecast. */
  seasonality?: number
  /** The scale, for all outputs or for each, if it is known already. Default: from `fit`. */
  scale?: number | readonly number[]
}

/**
 * The mean absolute scaled error (Hyndman & Koehler, 2006): the absolute error, divided by that of a forecast that
 * repeats the previous season within the training series, mean |y(t) - y(t - m)|. Below 1, the model is better than
 * that. Output and target have the same shape, such as (N, L, O).
 *
 * @example
 * const mase = new MASE({ seasonality: 7 }).fit(trainingSeries) // (T) or (T, O)
 * @throws {TorchError} for an unknown option or an invalid value; at an update, if there is no scale yet.
 * @see https://doi.org/10.1016/j.ijforecast.2006.03.001
 */
export class MASE extends MeanError {
  static override readonly key = 'mase'
  protected static override readonly options = [...super.options, 'seasonality', 'scale']
  /** The number of steps in a season. */
  readonly seasonality: number
  #scale: Tensor | undefined
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

  /** What errors are divided by: float64, () or one for each output (O); `undefined` before `fit`. */
  get scale(): Tensor | undefined {
    return this.#scale
  }

  /**
   * Computes the scale from the training series. NaN values are left out. If there is an `inverse`, it must be set
   * before, and is applied to the series as it is to targets.
   *
   * @param series (T), or (T, O) with a series for each output, in the order of time
   * @throws {TorchError} `ERR_TORCH_VALUE` if it is not longer than a season.
   */
  fit(series: Tensor): this {
    requireTensor('MASE.fit', 'series', series)
    if (series.isComplex() || series.ndim < 1 || series.ndim > 2) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `MASE.fit: series must be real, of shape (T) or (T, O), got ${series.dtype} (${series.shape.join(', ')})`,
        { op: 'MASE.fit' },
      )
    }
    const { seasonality } = this
    const steps = series.size(0)
    if (steps <= seasonality) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `MASE.fit: series must be longer than a season of ${seasonality} steps, got ${steps}`,
        { op: 'MASE.fit' },
      )
    }
    const scale = noGrad(() =>
      tidy(() => {
        const values = this.inUnits('MASE.fit', series).double()
        const later = values.narrow(0, seasonality, steps - seasonality)
        const change = later.sub(values.narrow(0, 0, steps - seasonality)).abs()
        return keep(change.nanmean(0))
      }),
    )
    this.#scale?.dispose()
    this.#scale = scale
    this.#fitted = { inverse: this.inverse }
    return this
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
    const { shape } = this.#scale
    if (shape.length === 1 && shape[0] !== target.shape.at(-1)) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `${owner}: there are scales (${shape.join(', ')}) for the last dimension of the target, (${target.shape.join(', ')})`,
        { op: owner },
      )
    }
    return super.prepare(owner, output, target)
  }

  protected override errors({ output, target }: MetricBatch): Tensor {
    return output.sub(target).abs().div(this.#scaleOn(target))
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
    this.#fitted = undefined
  }
}
