import { factoryOf } from '../nn/factory.ts'
import { Linear } from '../nn/linear.ts'
import { Module } from '../nn/module.ts'
import type { RecurrentModule } from '../nn/recurrent.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** A recurrent network and a linear head, which turns its output at each step into the model's. */
export abstract class RecurrentModel extends Module {
  readonly inputSize: number
  readonly hiddenSize: number
  readonly outputSize: number

  constructor(inputSize: number, hiddenSize: number, outputSize: number) {
    super()
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    this.outputSize = outputSize
  }

  /** Whether input and output are (N, L, …) rather than (L, N, …). */
  abstract get batchFirst(): boolean

  /**
   * @param input (L, N, inputSize), or (N, L, inputSize) with batchFirst, or (L, inputSize) without a batch
   * @returns (L, N, outputSize), in the layout of the input
   */
  abstract override forward(input: Tensor): Tensor
}

/** The head for the output of a recurrent network. */
export function headOf(network: RecurrentModule, outputSize: number): Linear {
  const width = network.projSize > 0 ? network.projSize : network.hiddenSize
  const factory = factoryOf(network.allWeights[0]?.[0] ?? {})
  return new Linear(network.bidirectional ? 2 * width : width, outputSize, factory)
}
