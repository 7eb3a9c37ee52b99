import { requireNone, requireSubclass } from '../check.ts'
import { factoryOf } from '../nn/factory.ts'
import { Linear } from '../nn/linear.ts'
import type { LSTMState } from '../nn/lstm.ts'
import { Module } from '../nn/module.ts'
import type { RecurrentModule } from '../nn/recurrent.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** A recurrent network and a linear head, which turns the network's output at each step into the model's. */
export abstract class RecurrentModel<Network extends RecurrentModule = RecurrentModule> extends Module {
  readonly inputSize: number
  readonly hiddenSize: number
  readonly outputSize: number
  /** The recurrent network. */
  abstract readonly network: Network
  /** The head. */
  abstract readonly linear: Linear

  constructor(inputSize: number, hiddenSize: number, outputSize: number, none: readonly unknown[] = []) {
    requireSubclass(new.target, RecurrentModel, 'LSTMModel')
    requireNone(new.target.name, none)
    super()
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    this.outputSize = outputSize
  }

  /** Whether input and output are (N, L, …) rather than (L, N, …). */
  get batchFirst(): boolean {
    return this.network.batchFirst
  }

  /**
   * The output of the head at each step.
   *
   * @param input (L, N, inputSize), or (N, L, inputSize) with batchFirst, or (L, inputSize) without a batch
   * @returns (L, N, outputSize), in the layout of the input
   */
  override forward(input: Tensor): Tensor {
    // The type of the state differs between networks; `initialState` belongs to the same class as `network`.
    const [output] = this.network.forward(input, this.initialState(input) as null)
    return this.linear.forward(output)
  }

  /** The state before the first step, in the form the network takes. Default: `null`, which means zeros. */
  protected initialState(_input: Tensor): Tensor | LSTMState | null {
    return null
  }
}

/** The head for the output of a recurrent network. */
export function headOf(network: RecurrentModule, outputSize: number): Linear {
  const width = network.projSize > 0 ? network.projSize : network.hiddenSize
  const factory = factoryOf(network.allWeights[0]?.[0] ?? {})
  return new Linear(network.bidirectional ? 2 * width : width, outputSize, factory)
}
