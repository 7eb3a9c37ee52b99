import type { Tensor } from '../tensor/tensor.ts'
import { type Average, ClassScore, type Combined, type Counts } from './class-score.ts'

/**
 * The part of the predictions of a class that are right. Outputs are (…, C) for C classes with integer targets
 * (…), or (…) for two classes with targets (…) of 0 and 1; `average` tells how classes are combined.
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/precision.html
 */
export class Precision<A extends Average = Combined> extends ClassScore<A> {
  static override readonly key = 'precision'

  protected override score({ found, predicted }: Counts): readonly [numerator: Tensor, divisor: Tensor] {
    return [found, predicted]
  }
}
