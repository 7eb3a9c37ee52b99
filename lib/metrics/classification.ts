import { requireChoice, requireInteger, requireNone, requireProbability } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { MetricBatch } from './batch.ts'
import { Metric, type MetricOptions } from './metric.ts'
import type { MetricState } from './state.ts'

export interface ClassificationOptions extends MetricOptions {
  /** Targets with this value do not count. Default -100, as in `nn.CrossEntropyLoss`. */
  ignoreIndex?: number
  /** What the model's outputs are. Default `'logits'`. */
  outputs?: 'logits' | 'probs'
}

export interface DecisionOptions extends ClassificationOptions {
  /** For two classes with one output: above this probability the class is 1. Default 0.5. */
  threshold?: number
}

/** A batch of outputs for classes. */
export interface Classes {
  /** Only targets that are classes count in it. */
  readonly batch: MetricBatch
  /** The number of classes, C. */
  readonly count: number
  /** Whether there is one output for two classes, instead of one for each class. */
  readonly binary: boolean
  /** The class of each target, int64; 0 where it does not count. */
  readonly target: Tensor
}

const shapes = (output: Tensor, target: Tensor): string =>
  `(${output.shape.join(', ')}) and (${target.shape.join(', ')})`

/**
 * The base class of metrics of classes: outputs (…, C) for C classes and integer targets (…), or outputs (…) for two
 * classes and targets (…) of 0 and 1.
 */
export abstract class ClassificationMetric<Value = number> extends Metric<Value> {
  protected static override readonly options = [...super.options, 'ignoreIndex', 'outputs']
  override readonly higherIsBetter: boolean = true
  /** Targets with this value do not count. */
  readonly ignoreIndex: number
  /** What the model's outputs are. */
  readonly outputs: 'logits' | 'probs'
  #count = 0

  constructor(options: ClassificationOptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(options)
    const type = new.target.name
    const { ignoreIndex = -100, outputs = 'logits' } = options
    requireInteger(type, 'ignoreIndex', ignoreIndex)
    requireChoice(type, 'outputs', outputs, ['logits', 'probs'])
    this.ignoreIndex = ignoreIndex
    this.outputs = outputs
  }

  /** What a batch adds to the state, besides `invalid`, the number of targets that are no class. */
  protected abstract tally(classes: Classes): MetricState

  protected override get validTargets(): string {
    const classes = this.#count === 0 ? 'a class' : `a class from 0 to ${this.#count - 1}`
    return `${classes}, or ignoreIndex, ${this.ignoreIndex}`
  }

  protected override prepare(owner: string, output: Tensor, target: Tensor): readonly [output: Tensor, target: Tensor] {
    if (!output.isFloatingPoint()) {
      throw torchError('ERR_TORCH_DTYPE', `${owner}: the output must be of a floating dtype, got ${output.dtype}`, {
        op: owner,
      })
    }
    // Numbers outside of the range of a smaller dtype would be compared as other numbers.
    const whole = target.isFloatingPoint() ? target : target.long()
    if (output.shape.join() === target.shape.join()) return [output, whole]
    const size = output.shape.at(-1)
    if (size === undefined || output.shape.slice(0, -1).join() !== target.shape.join()) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `${owner}: output and target must be (…, C), with the classes last, and (…), or of the same shape for two classes, got ${shapes(output, target)}`,
        { op: owner },
      )
    }
    if (size < 2) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `${owner}: one output for two classes needs targets of the same shape, got ${shapes(output, target)}: use target.unsqueeze(-1)`,
        { op: owner },
      )
    }
    if (target.isFloatingPoint()) {
      throw torchError(
        'ERR_TORCH_DTYPE',
        `${owner}: targets for ${size} classes must be integers, got ${target.dtype}`,
        {
          op: owner,
        },
      )
    }
    return [output, whole]
  }

  protected override measure(batch: MetricBatch): MetricState {
    const { output, target } = batch
    const binary = output.ndim === target.ndim
    const count = binary ? 2 : output.size(-1)
    // Compared as they are: 0.5 is no class. NaN is none either.
    const isClass = binary ? target.eq(0).logicalOr(target.eq(1)) : target.ge(0).logicalAnd(target.lt(count))
    const isIgnored = target.eq(this.ignoreIndex)
    const counted = batch.without(isClass.logicalNot().logicalOr(isIgnored))
    // An index out of bounds would be an error that ends the use of a GPU.
    const safe = counted.clear(target).long()
    const wrong = batch.clear(isClass.logicalOr(isIgnored).logicalNot())
    this.#count = count
    return {
      ...this.tally({ batch: counted, count, binary, target: safe }),
      invalid: wrong.sum({ dtype: 'float64' }).reshape([1]),
    }
  }

  /** The probability of class 1, if there is one output for two classes. */
  protected probability({ output }: MetricBatch): Tensor {
    return this.outputs === 'probs' ? output : output.sigmoid()
  }
}

/** The base class of metrics of predicted classes: the most probable one, or class 1 above a threshold. */
export abstract class DecisionMetric<Value = number> extends ClassificationMetric<Value> {
  protected static override readonly options = [...super.options, 'threshold']
  /** For two classes with one output: above this probability the class is 1. */
  readonly threshold: number
  readonly #chosen: boolean

  constructor(options: DecisionOptions = {}, ...none: undefined[]) {
    requireNone(new.target.name, none)
    super(options)
    const { threshold = 0.5 } = options
    requireProbability(new.target.name, 'threshold', threshold)
    this.threshold = threshold
    this.#chosen = options.threshold !== undefined
  }

  /** Which outputs have NaN: they predict nothing, whatever their greatest value. */
  protected unknown({ batch: { output }, binary }: Classes): Tensor {
    return binary ? output.isnan() : output.isnan().any(-1)
  }

  /** Which predictions are those of the targets. */
  protected hits(classes: Classes, predicted: Tensor): Tensor {
    const { target } = classes
    // (…), or (…, k) for the best k classes.
    const found = predicted.ndim > target.ndim ? predicted.eq(target.unsqueeze(-1)).any(-1) : predicted.eq(target)
    return found.logicalAnd(this.unknown(classes).logicalNot())
  }

  /** The predicted classes, int64. */
  protected predicted({ batch, binary }: Classes): Tensor {
    if (binary) return this.probability(batch).gt(this.threshold).long()
    if (this.#chosen) {
      throw torchError(
        'ERR_TORCH_OPTION',
        `${this.constructor.name}: threshold is for one output for two classes, but the output is (${batch.output.shape.join(', ')})`,
        { op: this.constructor.name },
      )
    }
    return batch.output.argmax(-1)
  }
}
