import { requireInteger, requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import {
  type Average,
  type Averaged,
  averageOf,
  type Combined,
  type Counts,
  combined,
  countsOf,
  ratio,
  requireSeveral,
} from './class-score.ts'
import { type Classes, DecisionMetric, type DecisionOptions } from './classification.ts'
import type { MetricState } from './state.ts'

export interface AccuracyOptions<A extends Average = Average> extends DecisionOptions {
  /** A target counts as found if it is among the `topK` most probable classes. Default 1. */
  topK?: number
  /**
   * How classes are combined, if the outputs are (…, C): `'micro'`, each target counts the same; `'macro'`, the mean of
   * the classes that occur in outputs or targets, which is the balanced accuracy; `'weighted'`, by the number of
   * targets of each class; `'none'`: a tensor (C) with the part of the targets of each class that are found. Default
   * `'micro'`.
   */
  average?: A
}

/**
 * The part of the targets that are predicted: outputs (…, C) for C classes with integer targets (…), or outputs (…) for
 * two classes with targets (…) of 0 and 1. By default every target counts the same, whatever its class.
 *
 * @example new Accuracy({ topK: 5 }) // named 'top5'
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/accuracy.html
 */
export class Accuracy<A extends Average = Combined> extends DecisionMetric<Averaged<A>> {
  static override readonly key = 'accuracy'
  protected static override readonly options = [...super.options, 'topK', 'average']
  /** The number of classes among which a target is looked for. */
  readonly topK: number
  /** How classes are combined. */
  readonly average: Average
  readonly #chosen: boolean

  constructor(options: AccuracyOptions<A> = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    const topK = options?.topK ?? 1
    super(topK === 1 ? options : { name: `top${topK}`, ...options })
    requireInteger('Accuracy', 'topK', topK, 1)
    this.topK = topK
    this.average = averageOf('Accuracy', options.average, 'micro')
    this.#chosen = options.average !== undefined
  }

  override get isScalar(): boolean {
    return this.average !== 'none'
  }

  // The classes are not kept apart without need: their number may differ from batch to batch.
  protected override get stateFields(): readonly string[] {
    const sums = this.average === 'micro' ? ['correct'] : ['found', 'predicted', 'actual']
    return [...sums, 'count', 'invalid']
  }

  protected override tally(classes: Classes): MetricState {
    if (this.#chosen) requireSeveral('Accuracy', classes)
    const { batch } = classes
    const count = batch.count()
    const found = this.#found(classes)
    if (this.average === 'micro') return { correct: batch.sum(found), count }
    return { ...countsOf(classes, this.predicted(classes), found), count }
  }

  #found(classes: Classes): Tensor {
    const { batch, binary, count } = classes
    if (this.topK === 1) return this.hits(classes, this.predicted(classes))
    if (binary || this.topK > count) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `Accuracy: topK is ${this.topK}, but the output is (${batch.output.shape.join(', ')}), with ${binary ? 'one output for two classes' : `${count} classes`}`,
        { op: 'Accuracy' },
      )
    }
    const [, best] = batch.output.topk(this.topK, -1)
    return this.hits(classes, best)
  }

  protected override result({
    correct,
    count,
    ...counts
  }: Partial<MetricState<'correct'>> & Counts & MetricState<'count'>): Tensor {
    if (this.average === 'micro') return (correct as Tensor).div(count)
    const { found, predicted, actual } = counts
    // As in torchmetrics: of the best k classes, most are predicted in vain.
    const occurs = this.topK === 1 ? predicted.add(actual).ne(0) : actual.ne(0)
    return functions.where(count.eq(0), Number.NaN, combined(this.average, ratio([found, actual]), { actual, occurs }))
  }
}
