import { Linear } from '../../nn/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { WindowModel, type WindowSizes } from './window-model.ts'

export interface LinearModelOptions {
  /** Default `true`. */
  bias?: boolean
}

/** Each forecast is a weighted sum of all values of the window: an autoregression with further inputs. */
export class LinearModel extends WindowModel {
  readonly linear: Linear

  constructor(sizes: WindowSizes, { bias = true }: LinearModelOptions = {}) {
    const { past, inputSize, horizon, outputSize } = sizes
    super({ model: 'linear', past, inputSize, horizon, outputSize, bias })
    this.linear = new Linear(past * inputSize, horizon * outputSize, { bias })
  }

  /** @param input (N, past, inputSize) */
  override forward(input: Tensor): Tensor {
    return this.linear.forward(input.flatten(1)).unflatten(-1, [this.config.horizon, -1])
  }
}
