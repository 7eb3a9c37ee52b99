import { requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import { requireQuantiles } from '../nn/quantiles.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { MetricBatch } from './batch.ts'
import { MeanError } from './mean-error.ts'
import type { RegressionOptions } from './regression.ts'

export interface QuantileLossOptions extends RegressionOptions {
  /** The quantiles that the outputs forecast. Default `[0.5]`. */
  quantiles?: readonly number[]
}

/**
 * The quantile (pinball) loss, mean max(q (y - ŷ), (q - 1) (y - ŷ)), over the quantiles q and all elements: the loss
 * `nn.QuantileLoss`, over all batches. The output is (…, Q), the target (…, 1); `inverse` gets both.
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 */
export class QuantileLoss extends MeanError {
  static override readonly key = 'quantile'
  protected static override readonly options = [...super.options, 'quantiles']
  /** The quantiles that the outputs forecast. */
  readonly quantiles: readonly number[]

  constructor(options: QuantileLossOptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(options)
    const { quantiles = [0.5] } = options
    requireQuantiles('QuantileLoss', quantiles)
    this.quantiles = [...quantiles]
  }

  protected override requireShapes(owner: string, output: Tensor, target: Tensor): void {
    const { length } = this.quantiles
    const expected = [...output.shape.slice(0, -1), 1]
    if (output.ndim > 0 && output.size(-1) === length && target.shape.join() === expected.join()) return
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: for ${length} quantiles the output must be (…, ${length}) and the target (…, 1), got (${output.shape.join(', ')}) and (${target.shape.join(', ')})`,
      { op: owner },
    )
  }

  protected override errors({ output, target }: MetricBatch): Tensor {
    // One after the other: a tensor of quantiles would be a copy from the CPU, which a CUDA graph cannot capture.
    const losses = this.quantiles.map((quantile, i) => {
      const error = target.sub(output.narrow(-1, i, 1))
      return functions.maximum(error.mul(quantile), error.mul(quantile - 1))
    })
    return losses.reduce((sum, loss) => sum.add(loss)).div(losses.length)
  }
}
