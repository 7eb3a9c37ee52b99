import { requireNone } from '../check.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Module } from './module.ts'

/**
 * Returns its input, of any shape: a placeholder for a layer.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Identity.html
 */
export class Identity extends Module {
  constructor(...none: undefined[]) {
    super()
    requireNone(new.target.name, none)
  }

  /** @param input anything */
  override forward(input: Tensor): Tensor {
    return input
  }
}
