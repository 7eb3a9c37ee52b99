import { GRU, type GRUOptions } from '../nn/gru.ts'
import type { Linear } from '../nn/linear.ts'
import { headOf, RecurrentModel } from './model.ts'

/** {@link GRU} and a linear head. */
export class GRUModel extends RecurrentModel<GRU> {
  readonly gru: GRU
  readonly linear: Linear

  constructor(
    inputSize: number,
    hiddenSize: number,
    outputSize: number,
    options: GRUOptions = {},
    ...none: undefined[]
  ) {
    super(inputSize, hiddenSize, outputSize, none)
    this.gru = new GRU(inputSize, hiddenSize, options)
    this.linear = headOf(this.gru, outputSize)
  }

  override get network(): GRU {
    return this.gru
  }
}
