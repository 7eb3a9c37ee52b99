import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import { Module } from './module.ts'

export interface FlattenOptions {
  /** Default 1: all but the batch. */
  startDim?: number
  /** Default -1. */
  endDim?: number
}

/**
 * Dimensions startDim to endDim as one: (N, A, B, …) -> (N, A B …) with the defaults.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html
 */
export class Flatten extends Module {
  /** The first dimension of those that become one. */
  readonly startDim: number
  /** The last dimension of those that become one. */
  readonly endDim: number

  constructor(options: FlattenOptions = {}, ...none: never[]) {
    super()
    checkArguments('Flatten', options, ['startDim', 'endDim'], none)
    this.startDim = options.startDim ?? 1
    this.endDim = options.endDim ?? -1
  }

  /** @param input with at least the dimensions startDim and endDim */
  override forward(input: Tensor): Tensor {
    return functions.flatten(input, this.startDim, this.endDim)
  }

  protected override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`
  }
}
