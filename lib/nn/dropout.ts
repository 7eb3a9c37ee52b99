import { requireBoolean, requireProbability } from '../check.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import type { InplaceOptions } from './functional/activation.ts'
import { alphaDropout, type DropoutOptions, dropout, dropout1d, dropout2d } from './functional/dropout.ts'
import { Module } from './module.ts'
import { python } from './repr.ts'

// Of this file's classes only: neither by accident nor by override anyone else's.
const settings = Symbol('settings')

/** Base of the dropouts. */
abstract class AnyDropout extends Module {
  /** The probability that an element is zeroed. */
  readonly p: number
  /** If `true`, the operation is done in place. */
  readonly inplace: boolean

  constructor(p = 0.5, options: InplaceOptions = {}, ...none: undefined[]) {
    super()
    const { name } = new.target
    checkArguments(name, options, ['inplace'], none)
    requireProbability(name, 'p', p)
    const { inplace = false } = options
    requireBoolean(name, 'inplace', inplace)
    this.p = p
    this.inplace = inplace
  }

  /** @internal The options of the function. */
  protected get [settings](): DropoutOptions {
    return { p: this.p, training: this.training, inplace: this.inplace }
  }

  protected override extraRepr(): string {
    return `p=${this.p}, inplace=${python(this.inplace)}`
  }
}

/**
 * In training, zeroes each element with probability p and scales the others by 1 / (1 - p); in evaluation, does
 * nothing. The input can have any shape; the output has the same. p is 0.5 by default.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html
 */
export class Dropout extends AnyDropout {
  /** @param input of any shape */
  override forward(input: Tensor): Tensor {
    return dropout(input, this[settings])
  }
}

/**
 * In training, dropout for networks with {@link SELU}: elements take SELU's lowest value with probability p, and all
 * are scaled and shifted so that mean 0 and variance 1 are kept; in evaluation, does nothing. p is 0.5 by default.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AlphaDropout.html
 */
export class AlphaDropout extends AnyDropout {
  /** @param input of any shape */
  override forward(input: Tensor): Tensor {
    return alphaDropout(input, this[settings])
  }
}

/**
 * In training, zeroes each channel of (N, C, L) or (C, L) as a whole with probability p and scales the others by
 * 1 / (1 - p); in evaluation, does nothing. p is 0.5 by default. For sequences (N, L, C), transpose before and after.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout1d.html
 */
export class Dropout1d extends AnyDropout {
  /** @param input (N, C, L), or (C, L) without a batch */
  override forward(input: Tensor): Tensor {
    return dropout1d(input, this[settings])
  }
}

/**
 * In training, zeroes each channel of (N, C, H, W) as a whole with probability p and scales the others by 1 / (1 - p);
 * in evaluation, does nothing. p is 0.5 by default.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout2d.html
 */
export class Dropout2d extends AnyDropout {
  /** @param input (N, C, H, W). As in PyTorch, other shapes are read as (N, C, …), with a warning. */
  override forward(input: Tensor): Tensor {
    return dropout2d(input, this[settings])
  }
}
