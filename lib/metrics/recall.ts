import type { Tensor } from '../tensor/tensor.ts'
import { type Average, ClassScore, type Combined, type Counts } from './class-score.ts'

/**
 * The part of the targets of a class that are found. Outputs are (…, C) for C classes with integer targets
 * (…), or (…) for two classes with targets (…) of 0 and 1; `average` tells how classes are combined.
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/recall.html
 */
export class Recall<A extends Average = Combined> extends ClassScore<A> {
  static override readonly key = 'recall'

  protected override score({ found, actual }: Counts): readonly [numerator: Tensor, divisor: Tensor] {
    return [found, actual]
  }
}
