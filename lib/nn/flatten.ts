import { checkOptions } from '../check.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Module } from './module.ts'

export interface FlattenOptions {
  /** Default 1: all but the batch. */
  startDim?: number
  /** Default -1. */
  endDim?: number
}

/** Dimensions startDim to endDim as one. @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html */
export class Flatten extends Module {
  readonly startDim: number
  readonly endDim: number

  constructor(options: FlattenOptions = {}) {
    super()
    checkOptions('Flatten', options, ['startDim', 'endDim'])
    this.startDim = options.startDim ?? 1
    this.endDim = options.endDim ?? -1
  }

  override forward(input: Tensor): Tensor {
    return functions.flatten(input, this.startDim, this.endDim)
  }

  protected override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`
  }
}
