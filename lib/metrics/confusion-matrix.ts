import { zeros } from '../tensor/creation.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Classes, DecisionMetric } from './classification.ts'
import type { MetricState } from './state.ts'

/**
 * How often each class was predicted for each class: `compute` gives a float64 tensor (C, C) on the CPU, with the
 * targets' classes as rows and the predicted ones as columns. Outputs are (…, C) for C classes with integer targets (…),
 * or (…) for two classes with targets (…) of 0 and 1. Outputs with NaN predict no class: the row of their targets is NaN.
 *
 * @throws {TorchError} for an unknown option or an invalid value; `compute`, if there was no update, since the number of
 *   classes is not known.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/confusion_matrix.html
 */
export class ConfusionMatrix extends DecisionMetric<Tensor> {
  static override readonly key = 'confusionMatrix'
  protected override readonly stateFields = ['matrix', 'invalid']

  protected override tally(classes: Classes): MetricState {
    const { batch, count, target } = classes
    const cells = target.mul(count).add(this.predicted(classes)).flatten()
    const matrix = zeros([count * count], { dtype: 'float64', device: target.device })
    const weights = batch.weights()
    const lost = this.unknown(classes).logicalAnd(weights.ne(0))
    matrix.indexAdd_(0, cells, weights.maskedFill(lost, Number.NaN).flatten())
    return { matrix: matrix.reshape([count, count]) }
  }

  protected override result({ matrix }: MetricState<'matrix'>): Tensor {
    // Which class they would have been predicted for is not known.
    return matrix.maskedFill(matrix.isnan().any(1, true), Number.NaN)
  }

  override get isScalar(): boolean {
    return false
  }
}
