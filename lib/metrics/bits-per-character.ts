import type { Tensor } from '../tensor/tensor.ts'
import { LikelihoodMetric } from './likelihood.ts'
import type { MetricState } from './state.ts'

/**
 * The mean of -log2 p, where p is the probability that the model gives to a character, or to whatever the targets are:
 * the number of bits that an ideal code needs for one (Graves, 2013). Outputs are (…, C) for C classes with integer
 * targets (…), or (…) for two classes with targets (…) of 0 and 1.
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://arxiv.org/abs/1308.0850
 */
export class BitsPerCharacter extends LikelihoodMetric {
  static override readonly key = 'bpc'

  protected override result(state: MetricState<'sum' | 'count'>): Tensor {
    return super.result(state).div(Math.LN2)
  }
}
