import type { Tensor } from '../tensor/tensor.ts'
import { type Average, ClassScore, type Combined, type Counts } from './class-score.ts'

/**
 * The harmonic mean of precision and recall. Outputs are (…, C) for C classes with integer targets
 * (…), or (…) for two classes with targets (…) of 0 and 1; `average` tells how classes are combined.
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/f1_score.html
 */
export class F1<A extends Average = Combined> extends ClassScore<A> {
  static override readonly key = 'f1'

  protected override score({ found, predicted, actual }: Counts): readonly [numerator: Tensor, divisor: Tensor] {
    return [found.mul(2), predicted.add(actual)]
  }
}
