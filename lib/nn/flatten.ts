import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import { Module } from './module.ts'

export interface FlattenOptions {
  /** Default 1: keeps the batch dimension. */
  startDim?: number
  /** Default -1. */
  endDim?: number
}

/**
 * Flattens dimensions startDim to endDim into one: (N, A, B, …) -> (N, A B …) with the defaults.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html
 */
export class Flatten extends Module {
  /** The first dimension to flatten. */
  readonly startDim: number
  /** The last dimension to flatten. */
  readonly endDim: number

  constructor(options: FlattenOptions = {}, ...none: undefined[]) {
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
