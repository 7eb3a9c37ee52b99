import { requireInteger, requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import { linspace, zeros, zerosLike } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Classes, ClassificationMetric, type ClassificationOptions } from './classification.ts'
import type { MetricState } from './state.ts'

export interface AUROCOptions extends ClassificationOptions {
  /**
   * The number of thresholds, evenly from 0 to 1, at which the curve is known; at least 2. Default: all scores are kept,
   * 24 bytes or less each, and the area is exact. Only with thresholds does the memory not grow, and can an update be
   * captured in a CUDA graph.
   */
  thresholds?: number
}

/**
 * The area under the ROC curve: the probability that the output for a target of 1 is above that for a target of 0,
 * counting equal outputs as half. Outputs and targets have the same shape (…), the targets are 0 and 1. NaN if one of
 * the classes is absent, where torchmetrics gives 0.
 *
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/auroc.html
 */
export class AUROC extends ClassificationMetric {
  static override readonly key = 'auroc'
  protected static override readonly options = [...super.options, 'thresholds']
  /** The number of thresholds; `undefined`: the area is exact. */
  readonly thresholds: number | undefined

  constructor(options: AUROCOptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(options)
    const { thresholds } = options
    if (thresholds !== undefined) requireInteger('AUROC', 'thresholds', thresholds, 2)
    this.thresholds = thresholds
  }

  protected override get stateFields(): readonly string[] {
    return this.appends ? ['scores', 'positive', 'negative', 'invalid'] : ['positive', 'negative', 'invalid']
  }

  protected override get appends(): boolean {
    return this.thresholds === undefined
  }

  protected override tally({ batch, binary, target }: Classes): MetricState {
    if (!binary) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `AUROC: output and target must have the same shape, for two classes, got (${batch.output.shape.join(', ')}) and (${target.shape.join(', ')})`,
        { op: 'AUROC' },
      )
    }
    const given = batch.clear(batch.output).flatten()
    // A score that is NaN has no rank: the area is NaN, too.
    const unknown = given.isnan()
    const scores = given.maskedFill(unknown, 0)
    const weights = batch.weights().flatten().maskedFill(unknown, Number.NaN)
    const positive = weights.mul(target.flatten())
    const negative = weights.sub(positive)
    if (this.thresholds === undefined) return { scores, positive, negative }
    return this.#binned(scores, positive, negative, this.thresholds)
  }

  /** Sums of the weights between one threshold and the next, and below the first. */
  #binned(outputs: Tensor, positive: Tensor, negative: Tensor, count: number): MetricState {
    const { dtype, device } = outputs
    const probs = this.outputs === 'probs' ? outputs : outputs.sigmoid()
    const bins = functions.bucketize(probs, linspace(0, 1, count, { dtype, device }), { right: true })
    const sums = (weights: Tensor): Tensor =>
      zeros([count + 1], { dtype: 'float64', device }).indexAdd_(0, bins, weights)
    return { positive: sums(positive), negative: sums(negative) }
  }

  protected override result(state: MetricState<'positive' | 'negative'> & Partial<MetricState<'scores'>>): Tensor {
    const { scores } = state
    const [positive, negative] = scores === undefined ? [state.positive, state.negative] : ranked(scores, state)
    // Targets of 0 in the bins below, and half of those in the same bin.
    const below = negative.cumsum(0).sub(negative.div(2))
    return positive.mul(below).sum().div(positive.sum().mul(negative.sum()))
  }
}

/** The sums of the weights for each score that there is, in ascending order. */
function ranked(scores: Tensor, { positive, negative }: MetricState<'positive' | 'negative'>): [Tensor, Tensor] {
  const [sorted] = scores.sort() as [Tensor, Tensor]
  // The first place of an equal score: no score has a place of its own unless it is the first of its kind.
  const places = functions.searchsorted(sorted, scores)
  const sums = (weights: Tensor): Tensor => zerosLike(weights).indexAdd_(0, places, weights)
  return [sums(positive), sums(negative)]
}
