import { requireChoice, requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import { zeros } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Classes, DecisionMetric, type DecisionOptions } from './classification.ts'
import type { MetricState } from './state.ts'

/** How the scores of classes are combined, if they are. */
export type Average = 'macro' | 'micro' | 'weighted' | 'none'

/** An average of the scores of classes, which is a number. */
export type Combined = Exclude<Average, 'none'>

/** What `compute` gives: a number, or a float64 tensor (C) on the CPU if the scores are not combined. */
export type Averaged<A extends Average> = A extends 'none' ? Tensor : number

export interface ClassScoreOptions<A extends Average = Average> extends DecisionOptions {
  /**
   * How the scores of C classes are combined: `'macro'`, the mean of the classes that occur in outputs or targets;
   * `'weighted'`, by the number of targets of each class; `'micro'`, the score of all together; `'none'`: a tensor (C)
   * with the score of each class. Default `'macro'`. For two classes with one output there is none: the score is that
   * of class 1.
   */
  average?: A
}

/**
 * The weights of the targets that were found, of the predictions, and of the targets: (C), one for each class, or (1),
 * class 1 of two with one output; or sums of them.
 */
export type Counts = MetricState<'found' | 'predicted' | 'actual'>

/** The base class of scores that are computed for each class. A score with divisor 0 is 0. */
export abstract class ClassScore<A extends Average = Combined> extends DecisionMetric<Averaged<A>> {
  protected static override readonly options = [...super.options, 'average']
  protected override readonly stateFields = ['found', 'predicted', 'actual', 'count', 'invalid']
  /** How the scores of classes are combined. */
  readonly average: Average
  readonly #chosen: boolean

  constructor(options: ClassScoreOptions<A> = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(options)
    this.average = averageOf(new.target.name, options.average, 'macro')
    this.#chosen = options.average !== undefined
  }

  override get isScalar(): boolean {
    return this.average !== 'none'
  }

  /** The scores as a numerator and a divisor, of the shape of the counts. */
  protected abstract score(counts: Counts): readonly [numerator: Tensor, divisor: Tensor]

  protected override tally(classes: Classes): MetricState {
    if (this.#chosen) requireSeveral(this.constructor.name, classes)
    const predicted = this.predicted(classes)
    return { ...countsOf(classes, predicted, this.hits(classes, predicted)), count: classes.batch.count() }
  }

  protected override result({ count, ...counts }: Counts & MetricState<'count'>): Tensor {
    return functions.where(count.eq(0), Number.NaN, this.#combined(counts))
  }

  #combined(counts: Counts): Tensor {
    const { found, predicted, actual } = counts
    if (this.average === 'micro' || found.size(0) === 1) {
      return ratio(this.score({ found: found.sum(), predicted: predicted.sum(), actual: actual.sum() }))
    }
    const occurs = predicted.add(actual).ne(0)
    return combined(this.average, ratio(this.score(counts)), { actual, occurs })
  }
}

/** @internal @throws {TorchError} unless `average` says how to combine classes. */
export function averageOf(owner: string, average: unknown, otherwise: Average): Average {
  if (average === undefined) return otherwise
  requireChoice(owner, 'average', average, ['macro', 'micro', 'weighted', 'none'])
  return average
}

/** @internal @throws {TorchError} for one output for two classes, whose scores are not combined. */
export function requireSeveral(owner: string, { binary, target }: Classes): void {
  if (!binary) return
  throw torchError(
    'ERR_TORCH_OPTION',
    `${owner}: average is for outputs (…, C), but output and target are both (${target.shape.join(', ')}): the score is that of class 1`,
    { op: owner },
  )
}

/** @internal The counts of a batch; `hit` tells which targets are found. */
export function countsOf({ batch, binary, count, target }: Classes, predicted: Tensor, hit: Tensor): Counts {
  const weights = batch.weights()
  const perClass = (indices: Tensor, values: Tensor): Tensor => {
    const sums = zeros([count], { dtype: 'float64', device: target.device })
    sums.indexAdd_(0, indices.flatten(), values.flatten())
    return binary ? sums.narrow(0, 1, 1) : sums
  }
  return {
    found: perClass(target, weights.mul(hit)),
    predicted: perClass(predicted, weights),
    actual: perClass(target, weights),
  }
}

/** @internal The scores of classes as `average` says. */
export function combined(
  average: Exclude<Average, 'micro'>,
  scores: Tensor,
  { actual, occurs }: { actual: Tensor; occurs: Tensor },
): Tensor {
  if (average === 'none') return scores
  const weights = average === 'weighted' ? actual : occurs.double()
  return scores.mul(weights).sum().div(weights.sum())
}

/** @internal The ratio, and 0 if the divisor is 0. */
export function ratio([numerator, divisor]: readonly [Tensor, Tensor]): Tensor {
  return functions.where(divisor.eq(0), 0, numerator.div(divisor))
}
