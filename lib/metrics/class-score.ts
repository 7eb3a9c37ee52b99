import { requireChoice, requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import { zeros } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Classes, DecisionMetric, type DecisionOptions } from './classification.ts'
import type { MetricState } from './state.ts'

/** How the scores of classes are combined. */
export type Average = 'macro' | 'micro' | 'weighted'

export interface ClassScoreOptions extends DecisionOptions {
  /**
   * How the scores of C classes are combined: `'macro'`, the mean of the classes that occur in outputs or targets;
   * `'weighted'`, by the number of targets of each class; `'micro'`, the score of all together. Default `'macro'`. For
   * two classes with one output there is none: the score is that of class 1.
   */
  average?: Average
}

/**
 * The weights of the targets that were found, of the predictions, and of the targets: (C), one for each class, or (1),
 * class 1 of two with one output; or sums of them.
 */
export type Counts = MetricState<'found' | 'predicted' | 'actual'>

/** The base class of scores that are computed for each class. A score with divisor 0 is 0. */
export abstract class ClassScore extends DecisionMetric {
  protected static override readonly options = [...super.options, 'average']
  protected override readonly stateFields = ['found', 'predicted', 'actual', 'count', 'invalid']
  /** How the scores of classes are combined. */
  readonly average: Average
  readonly #chosen: boolean

  constructor(options: ClassScoreOptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(options)
    const { average = 'macro' } = options
    requireChoice(new.target.name, 'average', average, ['macro', 'micro', 'weighted'])
    this.average = average
    this.#chosen = options.average !== undefined
  }

  /** The scores as a numerator and a divisor, of the shape of the counts. */
  protected abstract score(counts: Counts): readonly [numerator: Tensor, divisor: Tensor]

  protected override tally(classes: Classes): MetricState {
    const { batch, binary, count, target } = classes
    const { name } = this.constructor
    if (binary && this.#chosen) {
      throw torchError(
        'ERR_TORCH_OPTION',
        `${name}: average is for outputs (…, C), but output and target are both (${target.shape.join(', ')}): the score is that of class 1`,
        { op: name },
      )
    }
    const predicted = this.predicted(classes)
    const weights = batch.weights()
    const perClass = (indices: Tensor, values: Tensor): Tensor => {
      const sums = zeros([count], { dtype: 'float64', device: target.device })
      sums.indexAdd_(0, indices.flatten(), values.flatten())
      return binary ? sums.narrow(0, 1, 1) : sums
    }
    return {
      found: perClass(target, weights.mul(predicted.eq(target))),
      predicted: perClass(predicted, weights),
      actual: perClass(target, weights),
      count: batch.count(),
    }
  }

  protected override result({ count, ...counts }: Counts & MetricState<'count'>): Tensor {
    return functions.where(count.eq(0), Number.NaN, this.#combined(counts))
  }

  #combined({ found, predicted, actual }: Counts): Tensor {
    if (this.average === 'micro' || found.size(0) === 1) {
      return ratio(this.score({ found: found.sum(), predicted: predicted.sum(), actual: actual.sum() }))
    }
    const weights = this.average === 'weighted' ? actual : predicted.add(actual).ne(0).double()
    return ratio(this.score({ found, predicted, actual })).mul(weights).sum().div(weights.sum())
  }
}

/** The ratio, and 0 if the divisor is 0. */
function ratio([numerator, divisor]: readonly [Tensor, Tensor]): Tensor {
  return functions.where(divisor.eq(0), 0, numerator.div(divisor))
}
