import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { tensorOp } from '../tensor/packet.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Module } from './module.ts'

const dropout = tensorOp('aten::dropout')

/**
 * In training, zeroes each element with probability p and scales the others by 1 / (1 - p); else does nothing.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html
 */
export class Dropout extends Module {
  readonly p: number

  constructor(p = 0.5) {
    super()
    if (!(typeof p === 'number' && p >= 0 && p <= 1)) {
      throw torchError('ERR_TORCH_VALUE', `dropout probability has to be between 0 and 1, but got ${describe(p)}`)
    }
    this.p = p
  }

  override forward(input: Tensor): Tensor {
    return dropout(input, this.p, this.training)
  }

  protected override extraRepr(): string {
    return `p=${this.p}, inplace=False`
  }
}
