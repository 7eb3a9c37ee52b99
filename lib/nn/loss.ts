import { checkOptions } from '../options.ts'
import type { Tensor } from '../tensor/tensor.ts'
import {
  type CrossEntropyOptions,
  crossEntropy,
  l1Loss,
  mseLoss,
  type Reduction,
  type ReductionOptions,
  reductionOf,
} from './functional.ts'
import { Module } from './module.ts'
import { Buffer } from './parameter.ts'

/** A loss of an output against a target, with a reduction. */
abstract class Loss extends Module {
  readonly reduction: Reduction

  constructor(options: ReductionOptions, known: readonly string[] = ['reduction']) {
    super()
    checkOptions(new.target.name, options, known)
    reductionOf(options.reduction)
    this.reduction = options.reduction ?? 'mean'
  }

  abstract override forward(input: Tensor, target: Tensor): Tensor
}

/** The mean of (x - y)². @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html */
export class MSELoss extends Loss {
  constructor(options: ReductionOptions = {}) {
    super(options)
  }

  /** @param input and target of one shape */
  override forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, { reduction: this.reduction })
  }
}

/** The mean of |x - y|. @see https://docs.pytorch.org/docs/stable/generated/torch.nn.L1Loss.html */
export class L1Loss extends Loss {
  constructor(options: ReductionOptions = {}) {
    super(options)
  }

  /** @param input and target of one shape */
  override forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, { reduction: this.reduction })
  }
}

/**
 * The mean of -ln softmax(x) at the target class.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
 */
export class CrossEntropyLoss extends Loss {
  weight: Buffer | null
  readonly ignoreIndex: number
  readonly labelSmoothing: number

  constructor(options: CrossEntropyOptions = {}) {
    super(options, ['weight', 'ignoreIndex', 'reduction', 'labelSmoothing'])
    this.weight = options.weight ? new Buffer(options.weight) : null
    this.ignoreIndex = options.ignoreIndex ?? -100
    this.labelSmoothing = options.labelSmoothing ?? 0
  }

  /**
   * @param input scores (N, C), (N, C, …) or (C)
   * @param target class numbers (N), (N, …) or () in int64, or probabilities in the shape of the input
   */
  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction, labelSmoothing } = this
    return crossEntropy(input, target, { weight, ignoreIndex, reduction, labelSmoothing })
  }
}
