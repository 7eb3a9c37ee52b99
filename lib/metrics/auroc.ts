import { requireChoice, requireInteger, requireNone } from '../check.ts'
import { arange, linspace, zeros, zerosLike } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Average, type Averaged, requireSeveral } from './class-score.ts'
import { type Classes, ClassificationMetric, type ClassificationOptions } from './classification.ts'
import type { MetricState } from './state.ts'

/** How the areas of classes are combined, if they are. */
export type AUROCAverage = Exclude<Average, 'micro'>

export interface AUROCOptions<A extends AUROCAverage = AUROCAverage> extends ClassificationOptions {
  /**
   * The number of thresholds, evenly from 0 to 1, at which the curve is known; at least 2. Default: all scores are kept,
   * 4 bytes each and 16 for each target, and the area is exact. Only with thresholds does the memory not grow, and can
   * an update be captured in a CUDA graph.
   */
  thresholds?: number
  /**
   * How the areas of C classes are combined, each against all others: `'macro'`, their mean; `'weighted'`, by the number
   * of targets of each class; `'none'`: a tensor (C) with the area of each. Default `'macro'`. For two classes with one
   * output there is none.
   */
  average?: A
}

/**
 * The area under the ROC curve: the probability that the output for a target of 1 is above that for a target of 0,
 * counting equal outputs as half. Outputs and targets have the same shape (…), the targets are 0 and 1; or the outputs
 * are (…, C) for C classes with integer targets (…), and the probability of each class is compared between its targets
 * and all others. NaN if one of the two is absent, where torchmetrics gives 0; an average leaves such classes out.
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/auroc.html
 */
export class AUROC<A extends AUROCAverage = 'macro' | 'weighted'> extends ClassificationMetric<Averaged<A>> {
  static override readonly key = 'auroc'
  protected static override readonly options = [...super.options, 'thresholds', 'average']
  /** The number of thresholds; `undefined`: the area is exact. */
  readonly thresholds: number | undefined
  /** How the areas of classes are combined. */
  readonly average: AUROCAverage
  readonly #chosen: boolean

  constructor(options: AUROCOptions<A> = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(options)
    const { thresholds, average = 'macro' } = options
    if (thresholds !== undefined) requireInteger('AUROC', 'thresholds', thresholds, 2)
    requireChoice('AUROC', 'average', average, ['macro', 'weighted', 'none'])
    this.thresholds = thresholds
    this.average = average
    this.#chosen = options.average !== undefined
  }

  override get isScalar(): boolean {
    return this.average !== 'none'
  }

  protected override get stateFields(): readonly string[] {
    return this.appends ? ['scores', 'classes', 'weights', 'invalid'] : ['positive', 'negative', 'invalid']
  }

  protected override get appends(): boolean {
    return this.thresholds === undefined
  }

  protected override tally(classes: Classes): MetricState {
    const { batch, binary, count, target } = classes
    if (this.#chosen) requireSeveral('AUROC', classes)
    const columns = binary ? 1 : count
    const rows = (binary ? batch.clear(batch.output) : this.#probabilities(batch.output)).reshape([-1, columns])
    // A score that is NaN has no rank: the area is NaN, too. Where nothing counts, any score will do.
    const weights = batch.weights().flatten()
    const unknown = rows.isnan().any(1).logicalAnd(weights.ne(0))
    const scores = rows.maskedFill(rows.isnan(), 0)
    const state = {
      scores,
      // One output for two classes is that of class 1.
      classes: binary ? target.flatten().sub(1) : target.flatten(),
      weights: weights.maskedFill(unknown, Number.NaN),
    }
    return this.thresholds === undefined ? state : this.#binned(state, this.thresholds)
  }

  #probabilities(output: Tensor): Tensor {
    return this.outputs === 'probs' ? output : output.softmax(-1)
  }

  /** Sums of the weights between one threshold and the next, and below the first: (C, thresholds + 1). */
  #binned(state: Scores, count: number): MetricState {
    const { scores } = state
    const { dtype, device } = scores
    const columns = scores.size(1)
    const probs = this.outputs === 'probs' || columns > 1 ? scores : scores.sigmoid()
    const bins = functions.bucketize(probs, linspace(0, 1, count, { dtype, device }), { right: true }).transpose(0, 1)
    const sums = (weights: Tensor): Tensor =>
      zeros([columns, count + 1], { dtype: 'float64', device }).scatterAdd_(1, bins, weights)
    const { positive, negative } = sides(state)
    return { positive: sums(positive), negative: sums(negative) }
  }

  protected override result(state: MetricState<'positive' | 'negative'> | Scores): Tensor {
    const { positive, negative } = 'scores' in state ? ranked(state) : state
    // Targets of other classes in the bins below, and half of those in the same bin.
    const below = negative.cumsum(1).sub(negative.div(2))
    const actual = positive.sum(1)
    const areas = positive
      .mul(below)
      .sum(1)
      .div(actual.mul(negative.sum(1)))
    if (areas.size(0) === 1) return areas.squeeze(0)
    if (this.average === 'none') return areas
    // A class that is absent, or the only one, has no area; a score that is NaN makes all sums NaN.
    const known = actual.mul(negative.sum(1)).ne(0)
    const weights = (this.average === 'weighted' ? actual : known.double()).maskedFill(known.logicalNot(), 0)
    return functions.where(known, areas, 0).mul(weights).sum().div(weights.sum())
  }
}

/** What is kept of each target: the scores of the classes (n, C), its class, -1 for none of these, and its weight. */
type Scores = MetricState<'scores' | 'classes' | 'weights'>

/** The weights of the targets that are of a class, and of those that are not: (C, n). */
function sides({ scores, classes, weights }: Scores): MetricState<'positive' | 'negative'> {
  const numbers = arange(scores.size(1), { device: classes.device }).unsqueeze(1)
  const positive = weights.mul(numbers.eq(classes))
  return { positive, negative: weights.sub(positive) }
}

/** The sums of the weights for each score that there is, in ascending order: (C, n). */
function ranked(state: Scores): MetricState<'positive' | 'negative'> {
  const scores = state.scores.transpose(0, 1).contiguous()
  const [sorted] = scores.sort(1) as [Tensor, Tensor]
  // The first place of an equal score: no score has a place of its own unless it is the first of its kind.
  const places = functions.searchsorted(sorted, scores)
  const sums = (weights: Tensor): Tensor => zerosLike(weights).scatterAdd_(1, places, weights)
  const { positive, negative } = sides(state)
  return { positive: sums(positive), negative: sums(negative) }
}
