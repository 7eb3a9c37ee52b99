import type { Tensor } from '../tensor/tensor.ts'
import { Module } from './module.ts'

/** Gives back its input: a place for a layer. @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Identity.html */
export class Identity extends Module {
  override forward(input: Tensor): Tensor {
    return input
  }
}
