import { requireInteger, requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Classes, DecisionMetric, type DecisionOptions } from './classification.ts'
import type { MetricState } from './state.ts'

export interface AccuracyOptions extends DecisionOptions {
  /** A target counts as found if it is among the `topK` most probable classes. Default 1. */
  topK?: number
}

/**
 * The part of the targets that are predicted: outputs (…, C) for C classes with integer targets (…), or outputs (…) for
 * two classes with targets (…) of 0 and 1. Every target counts the same, whatever its class: torchmetrics' `'micro'`.
 *
 * @example new Accuracy({ topK: 5 }) // named 'top5'
 * @throws {TorchError} for an unknown option or an invalid value.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/accuracy.html
 */
export class Accuracy extends DecisionMetric {
  static override readonly key = 'accuracy'
  protected static override readonly options = [...super.options, 'topK']
  protected override readonly stateFields = ['correct', 'count', 'invalid']
  /** The number of classes among which a target is looked for. */
  readonly topK: number

  constructor(options: AccuracyOptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    const topK = options?.topK ?? 1
    super(topK === 1 ? options : { name: `top${topK}`, ...options })
    requireInteger('Accuracy', 'topK', topK, 1)
    this.topK = topK
  }

  protected override tally(classes: Classes): MetricState {
    return { correct: classes.batch.sum(this.#found(classes)), count: classes.batch.count() }
  }

  #found(classes: Classes): Tensor {
    const { batch, binary, count, target } = classes
    if (this.topK === 1) return this.predicted(classes).eq(target)
    if (binary || this.topK > count) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `Accuracy: topK is ${this.topK}, but the output is (${batch.output.shape.join(', ')}), with ${binary ? 'one output for two classes' : `${count} classes`}`,
        { op: 'Accuracy' },
      )
    }
    const [, best] = batch.output.topk(this.topK, -1)
    return best.eq(target.unsqueeze(-1)).any(-1)
  }

  protected override result({ correct, count }: MetricState<'correct' | 'count'>): Tensor {
    return correct.div(count)
  }
}
