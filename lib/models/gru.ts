import { GRU, type GRUOptions } from '../nn/gru.ts'
import type { Linear } from '../nn/linear.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { headOf, RecurrentModel } from './model.ts'

/** {@link GRU} and a linear head. */
export class GRUModel extends RecurrentModel {
  readonly gru: GRU
  readonly linear: Linear

  /** @param options those of {@link GRU} */
  constructor(inputSize: number, hiddenSize: number, outputSize: number, options: GRUOptions = {}) {
    super(inputSize, hiddenSize, outputSize)
    this.gru = new GRU(inputSize, hiddenSize, options)
    this.linear = headOf(this.gru, outputSize)
  }

  override get batchFirst(): boolean {
    return this.gru.batchFirst
  }

  override forward(input: Tensor): Tensor {
    const [output] = this.gru.forward(input)
    return this.linear.forward(output)
  }
}
