import { checkOptions } from '../options.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { requireProbability } from './check.ts'
import type { InplaceOptions } from './functional/activation.ts'
import { dropout } from './functional/dropout.ts'
import { Module } from './module.ts'
import { python } from './repr.ts'

/**
 * In training, zeroes each element with probability p and scales the others by 1 / (1 - p); else does nothing.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html
 */
export class Dropout extends Module {
  readonly p: number
  readonly inplace: boolean

  constructor(p = 0.5, options: InplaceOptions = {}) {
    super()
    checkOptions('Dropout', options, ['inplace'])
    requireProbability(p)
    this.p = p
    this.inplace = options.inplace ?? false
  }

  override forward(input: Tensor): Tensor {
    return dropout(input, { p: this.p, training: this.training, inplace: this.inplace })
  }

  protected override extraRepr(): string {
    return `p=${this.p}, inplace=${python(this.inplace)}`
  }
}
