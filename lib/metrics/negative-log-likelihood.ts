import { LikelihoodMetric } from './likelihood.ts'

/**
 * The mean of -ln p, where p is the probability that the model gives to a target, in nats: the loss
 * `nn.CrossEntropyLoss`, over all batches. Outputs are (…, C) for C classes with integer targets (…), or (…) for two
 * classes with targets (…) of 0 and 1.
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 */
export class NegativeLogLikelihood extends LikelihoodMetric {
  static override readonly key = 'nll'
}
