import { checkOptions, requireProbability } from '../../../check.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import { dropout } from '../../functional/dropout.ts'
import { Module } from '../../module.ts'
import { registerParametrization } from '../parametrize.ts'
import type { Parametrized } from '../parametrized.ts'

export interface WeightDropOptions {
  /** The probability that an element is zeroed. Default 0.5. */
  p?: number
}

class WeightDrop extends Module {
  readonly p: number

  constructor(p: number) {
    super()
    this.p = p
  }

  override forward(weight: Tensor): Tensor {
    const { p, training } = this
    return dropout(weight, { p, training })
  }

  rightInverse(weight: Tensor): Tensor {
    return weight
  }

  protected override extraRepr(): string {
    return `p=${this.p}`
  }
}

/**
 * Weight drop, also called DropConnect: in training, each forward zeroes elements of the tensor `name` with probability
 * p and scales the others by 1 / (1 - p); in evaluation, the tensor is used as it is. For the hidden weights of a
 * recurrent network, all steps of a forward have the same ones, as in the AWD-LSTM. The weights are stored as
 * `parametrizations.<name>.original`.
 *
 * A stream takes the weights when it is opened: call `eval` before.
 *
 * @param name Default `'weight'`.
 * @example
 * const { weightDrop } = nn.utils.parametrizations
 * const lstm = weightDrop(new nn.LSTM(4, 8), 'weight_hh_l0', { p: 0.5 })
 * @returns the module
 * @throws {TorchError} if the module has no such tensor, or p is not from 0 to 1.
 * @see Merity et al., "Regularizing and optimizing LSTM language models", arXiv:1708.02182, section 2
 */
export function weightDrop<M extends Module>(
  module: M,
  name = 'weight',
  options: WeightDropOptions = {},
  ...none: undefined[]
): M & Parametrized {
  checkOptions('weightDrop', options, ['p'], none)
  const { p = 0.5 } = options
  requireProbability('weightDrop', 'p', p)
  // Not tried at registration: that would draw random numbers.
  return registerParametrization(module, name, new WeightDrop(p), { unsafe: true })
}
