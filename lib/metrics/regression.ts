import { requireFunction, requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { Metric, type MetricOptions } from './metric.ts'

/** The values in the data's units, of the same shape: such as the inverse of a scaler. */
export type Inverse = (values: Tensor) => Tensor

export interface RegressionOptions extends MetricOptions {
  /** Applied to output and target, so that an error is in the data's units. Default: none. */
  inverse?: Inverse
}

/** The base class of metrics of numbers, whose output and target have the same shape. */
export abstract class RegressionMetric extends Metric {
  protected static override readonly options = [...super.options, 'inverse']
  #inverse: Inverse | undefined

  constructor(options: RegressionOptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(options)
    this.inverse = options.inverse
  }

  /** What is applied to output and target. Can be set, before the first batch. */
  get inverse(): Inverse | undefined {
    return this.#inverse
  }

  set inverse(inverse: Inverse | undefined) {
    if (inverse !== undefined) requireFunction(this.constructor.name, 'inverse', inverse)
    this.#inverse = inverse
  }

  /** @throws {TorchError} unless the shapes of output and target fit. */
  protected requireShapes(owner: string, output: Tensor, target: Tensor): void {
    if (output.shape.join() === target.shape.join()) return
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: output and target must have the same shape, got (${output.shape.join(', ')}) and (${target.shape.join(', ')})`,
      { op: owner },
    )
  }

  protected override prepare(owner: string, output: Tensor, target: Tensor): readonly [output: Tensor, target: Tensor] {
    if (!output.isFloatingPoint()) {
      throw torchError('ERR_TORCH_DTYPE', `${owner}: the output must be of a floating dtype, got ${output.dtype}`, {
        op: owner,
      })
    }
    this.requireShapes(owner, output, target)
    return [this.inUnits(owner, output), this.inUnits(owner, target)]
  }

  /** `values` in the data's units. */
  protected inUnits(owner: string, values: Tensor): Tensor {
    if (this.#inverse === undefined) return values
    const found: unknown = this.#inverse(values)
    if (isTensor(found) && found.shape.join() === values.shape.join()) return found
    throw torchError(
      isTensor(found) ? 'ERR_TORCH_SHAPE' : 'ERR_TORCH_TYPE',
      `${owner}: inverse must return a Tensor of the shape that it gets, (${values.shape.join(', ')}), but it returned ${isTensor(found) ? `(${found.shape.join(', ')})` : describe(found)}`,
      { op: owner },
    )
  }
}
