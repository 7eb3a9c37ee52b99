import type { Tensor } from '../tensor/tensor.ts'
import { LikelihoodMetric } from './likelihood.ts'
import type { MetricState } from './state.ts'

/**
 * The perplexity exp(mean -ln p), where p is the probability that the model gives to a target: C if all C classes are
 * equally probable. Outputs are (…, C) for C classes with integer targets (…), or (…) for two classes with targets (…) of
 * 0 and 1.
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/text/perplexity.html
 */
export class Perplexity extends LikelihoodMetric {
  static override readonly key = 'perplexity'

  protected override result(state: MetricState<'sum' | 'count'>): Tensor {
    return super.result(state).exp()
  }
}
