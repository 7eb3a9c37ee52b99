import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { keeps } from '../inheritance.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import {
  type BCEOptions,
  type BCEWithLogitsOptions,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type CosineEmbeddingOptions,
  type CrossEntropyOptions,
  type CTCOptions,
  cosineEmbeddingLoss,
  crossEntropy,
  ctcLoss,
  type GaussianNLLOptions,
  gaussianNllLoss,
  type HuberOptions,
  huberLoss,
  type KLDivOptions,
  klDiv,
  type Lengths,
  l1Loss,
  mseLoss,
  type NLLOptions,
  nllLoss,
  type PoissonNLLOptions,
  poissonNllLoss,
  type QuantileOptions,
  quantileLoss,
  type SmoothL1Options,
  smoothL1Loss,
  type TripletMarginOptions,
  tripletMarginLoss,
} from './functional/loss.ts'
import { Module } from './module.ts'
import type { Buffer } from './parameter.ts'
import { requireQuantiles } from './quantiles.ts'
import { type Reduction, type ReductionOptions, reductionOf } from './reduction.ts'

/** A loss that compares an output with a target, with a reduction. */
abstract class Loss extends Module {
  /** How the elementwise losses are reduced. */
  readonly reduction: Reduction

  constructor(options: ReductionOptions, known: readonly string[], none: readonly unknown[]) {
    super()
    checkArguments(new.target.name, options, ['reduction', ...known], none)
    reductionOf(options.reduction)
    this.reduction = options.reduction ?? 'mean'
  }

  abstract override forward(...inputs: never[]): Tensor
}

/** The mean of (x - y)². @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html */
export class MSELoss extends Loss {
  constructor(options: ReductionOptions = {}, ...none: undefined[]) {
    super(options, [], none)
  }

  /**
   * @param input of any shape
   * @param target of the same shape as the input
   */
  override forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, { reduction: this.reduction })
  }
}

/** The mean of |x - y|. @see https://docs.pytorch.org/docs/stable/generated/torch.nn.L1Loss.html */
export class L1Loss extends Loss {
  constructor(options: ReductionOptions = {}, ...none: undefined[]) {
    super(options, [], none)
  }

  /**
   * @param input of any shape
   * @param target of the same shape as the input
   */
  override forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, { reduction: this.reduction })
  }
}

/**
 * The mean of a parabola d² / 2β for |d| < β, and of the line |d| - β/2 beyond, with d = x - y.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html
 */
export class SmoothL1Loss extends Loss {
  /** The |d| at which the parabola ends. */
  readonly beta: number

  constructor(options: SmoothL1Options = {}, ...none: undefined[]) {
    super(options, ['beta'], none)
    this.beta = options.beta ?? 1
  }

  /**
   * @param input of any shape
   * @param target of the same shape as the input
   */
  override forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, { reduction: this.reduction, beta: this.beta })
  }
}

/**
 * The mean of a parabola d² / 2 for |d| < δ, and of the line δ (|d| - δ/2) beyond, with d = x - y.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html
 */
export class HuberLoss extends Loss {
  /** The |d| at which the parabola ends. */
  readonly delta: number

  constructor(options: Omit<HuberOptions, 'weight'> = {}, ...none: undefined[]) {
    super(options, ['delta'], none)
    const { delta = 1 } = options
    if (typeof delta !== 'number') {
      throw torchError('ERR_TORCH_TYPE', `delta must be a float or int, got: ${describe(delta)}`, { op: 'HuberLoss' })
    }
    this.delta = delta
  }

  /**
   * @param input of any shape
   * @param target of the same shape as the input
   */
  override forward(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, { reduction: this.reduction, delta: this.delta })
  }
}

/**
 * The mean of -ln softmax(x) at the target class.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
 */
export class CrossEntropyLoss extends Loss {
  /** The weights of the classes (C). */
  declare weight: Buffer | null
  /** The class whose elements are ignored. */
  readonly ignoreIndex: number
  /** The share of each target that is spread evenly over all classes. */
  readonly labelSmoothing: number

  constructor(options: CrossEntropyOptions = {}, ...none: undefined[]) {
    super(options, ['weight', 'ignoreIndex', 'labelSmoothing'], none)
    this.registerBuffer('weight', options.weight ?? null)
    this.ignoreIndex = options.ignoreIndex ?? -100
    this.labelSmoothing = options.labelSmoothing ?? 0
  }

  /**
   * @param input scores (N, C), (N, C, …) or (C)
   * @param target class numbers (N), (N, …) or () in int64, or probabilities of the same shape as the input
   */
  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction, labelSmoothing } = this
    return crossEntropy(input, target, { weight, ignoreIndex, reduction, labelSmoothing })
  }
}

/**
 * The mean of -x at the target class, where x are log-probabilities, such as the output of {@link LogSoftmax}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
 */
export class NLLLoss extends Loss {
  /** The weights of the classes (C). */
  declare weight: Buffer | null
  /** The class whose elements are ignored. */
  readonly ignoreIndex: number

  constructor(options: NLLOptions = {}, ...none: undefined[]) {
    super(options, ['weight', 'ignoreIndex'], none)
    this.registerBuffer('weight', options.weight ?? null)
    this.ignoreIndex = options.ignoreIndex ?? -100
  }

  /**
   * @param input log-probabilities (N, C), (N, C, …) or (C)
   * @param target class numbers (N), (N, …) or () in int64
   */
  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction } = this
    return nllLoss(input, target, { weight, ignoreIndex, reduction })
  }
}

/**
 * The mean of -(y ln x + (1 - y) ln(1 - x)) for probabilities x. {@link BCEWithLogitsLoss} stays accurate when they
 * saturate.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html
 */
export class BCELoss extends Loss {
  /** The weights of the elements. */
  declare weight: Buffer | null

  constructor(options: BCEOptions = {}, ...none: undefined[]) {
    super(options, ['weight'], none)
    this.registerBuffer('weight', options.weight ?? null)
  }

  /**
   * @param input probabilities from 0 to 1, of any shape
   * @param target from 0 to 1, of the same shape as the input
   */
  override forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, { weight: this.weight, reduction: this.reduction })
  }
}

/**
 * The mean of -(p y ln σ(x) + (1 - y) ln(1 - σ(x))) for scores x; p is the option `posWeight`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
 */
export class BCEWithLogitsLoss extends Loss {
  /** The weights of the elements. */
  declare weight: Buffer | null
  /** The option `posWeight`, under PyTorch's name. */
  declare pos_weight: Buffer | null

  constructor(options: BCEWithLogitsOptions = {}, ...none: undefined[]) {
    super(options, ['weight', 'posWeight'], none)
    this.registerBuffer('weight', options.weight ?? null)
    this.registerBuffer('pos_weight', options.posWeight ?? null)
  }

  /**
   * @param input scores, of any shape
   * @param target from 0 to 1, of the same shape as the input
   */
  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, pos_weight: posWeight, reduction } = this
    return binaryCrossEntropyWithLogits(input, target, { weight, posWeight, reduction })
  }
}

/**
 * The Kullback-Leibler divergence y (ln y - x), where x are log-probabilities. Use the reduction `'batchmean'`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html
 */
export class KLDivLoss extends Module {
  /** How the elementwise losses are reduced. */
  readonly reduction: Reduction | 'batchmean'
  /** Whether the targets are log-probabilities, too. */
  readonly logTarget: boolean

  constructor(options: KLDivOptions = {}, ...none: undefined[]) {
    super()
    checkArguments('KLDivLoss', options, ['reduction', 'logTarget'], none)
    if (options.reduction !== 'batchmean') reductionOf(options.reduction)
    this.reduction = options.reduction ?? 'mean'
    this.logTarget = options.logTarget ?? false
  }

  /**
   * @param input of any shape
   * @param target of the same shape as the input
   */
  override forward(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, { reduction: this.reduction, logTarget: this.logTarget })
  }
}

/**
 * The mean of (ln v + (x - y)² / v) / 2, for networks that predict a mean x and a variance v.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.GaussianNLLLoss.html
 */
export class GaussianNLLLoss extends Loss {
  /** Whether to add the constant term, which does not depend on the input. */
  readonly full: boolean
  /** A lower bound on the variance. */
  readonly eps: number

  constructor(options: GaussianNLLOptions = {}, ...none: undefined[]) {
    super(options, ['full', 'eps'], none)
    this.full = options.full ?? false
    this.eps = options.eps ?? 1e-6
  }

  /**
   * @param input predicted means, of any shape
   * @param target of the same shape as the input
   * @param variance of the same shape as the input, or without its last dimension, or with size 1 in one dimension; or
   *   a number
   */
  override forward(input: Tensor, target: Tensor, variance: Tensor | number): Tensor {
    const { full, eps, reduction } = this
    return gaussianNllLoss(input, target, variance, { full, eps, reduction })
  }
}

/**
 * The mean of exp(x) - y x, for networks that predict the logarithm x of a rate.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.PoissonNLLLoss.html
 */
export class PoissonNLLLoss extends Loss {
  /** Whether the inputs are logarithms of rates. */
  readonly logInput: boolean
  /** Whether to add the constant term, which does not depend on the input. */
  readonly full: boolean
  /** Added to rates before taking the logarithm. */
  readonly eps: number

  constructor(options: PoissonNLLOptions = {}, ...none: undefined[]) {
    super(options, ['logInput', 'full', 'eps'], none)
    this.logInput = options.logInput ?? true
    this.full = options.full ?? false
    this.eps = options.eps ?? 1e-8
  }

  /**
   * @param input of any shape
   * @param target of the same shape as the input
   */
  override forward(input: Tensor, target: Tensor): Tensor {
    const { logInput, full, eps, reduction } = this
    return poissonNllLoss(input, target, { logInput, full, eps, reduction })
  }
}

/**
 * Connectionist temporal classification, for label sequences with unknown alignment (Graves et al., 2006).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.CTCLoss.html
 */
export class CTCLoss extends Loss {
  /** The blank label. */
  readonly blank: number
  /** Whether infinite losses (from targets too long for their inputs) are set to 0. */
  readonly zeroInfinity: boolean

  constructor(options: CTCOptions = {}, ...none: undefined[]) {
    super(options, ['blank', 'zeroInfinity'], none)
    this.blank = options.blank ?? 0
    this.zeroInfinity = options.zeroInfinity ?? false
  }

  /**
   * @param logProbs log-probabilities (T, N, C), or (T, C) without a batch
   * @param targets classes other than blank (N, S), or all sequences concatenated; int64
   * @param inputLengths the length of each input sequence, at most T
   * @param targetLengths the length of each target, at most S
   */
  override forward(logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths): Tensor {
    const { blank, zeroInfinity, reduction } = this
    return ctcLoss(logProbs, targets, inputLengths, targetLengths, { blank, zeroInfinity, reduction })
  }
}

/**
 * The mean of 1 - cos(x1, x2) for pairs that should be similar, and of max(0, cos(x1, x2) - margin) for the others.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.CosineEmbeddingLoss.html
 */
export class CosineEmbeddingLoss extends Loss {
  /** The cosine up to which dissimilar pairs have no loss. */
  readonly margin: number

  constructor(options: CosineEmbeddingOptions = {}, ...none: undefined[]) {
    super(options, ['margin'], none)
    this.margin = options.margin ?? 0
  }

  /**
   * @param input1 vectors (N, D) or (D)
   * @param input2 the vectors to compare with, of the same shape
   * @param target 1 for pairs that should be similar, else -1: (N) or ()
   */
  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return cosineEmbeddingLoss(input1, input2, target, { margin: this.margin, reduction: this.reduction })
  }
}

/**
 * The mean of max(0, d(anchor, positive) - d(anchor, negative) + margin), where d is the distance of two vectors.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.TripletMarginLoss.html
 */
export class TripletMarginLoss extends Loss {
  /** How much closer the positive should be than the negative. */
  readonly margin: number
  /** The p of the p-norm that measures distances. */
  readonly p: number
  /** Added to each difference. */
  readonly eps: number
  /** Whether to use the distance from the positive to the negative if it is smaller. */
  readonly swap: boolean

  constructor(options: TripletMarginOptions = {}, ...none: undefined[]) {
    super(options, ['margin', 'p', 'eps', 'swap'], none)
    this.margin = options.margin ?? 1
    this.p = options.p ?? 2
    this.eps = options.eps ?? 1e-6
    this.swap = options.swap ?? false
    if (!(this.margin > 0)) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `TripletMarginLoss: expected margin to be greater than 0, got ${describe(this.margin)} instead`,
        { op: 'TripletMarginLoss' },
      )
    }
  }

  /**
   * @param anchor vectors (N, D) or (D)
   * @param positive vectors that should be close, of the same shape
   * @param negative vectors that should be far away, of the same shape
   */
  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { margin, p, eps, swap, reduction } = this
    return tripletMarginLoss(anchor, positive, negative, { margin, p, eps, swap, reduction })
  }
}

/**
 * The quantile (pinball) loss, for models that forecast several quantiles: see {@link quantileLoss}.
 *
 * @example
 * const criterion = new nn.QuantileLoss({ quantiles: [0.1, 0.5, 0.9] }) // for a model with 3 outputs
 * @throws {TorchError} if a quantile is not between 0 and 1.
 */
export class QuantileLoss extends Loss {
  /** The quantiles to forecast. */
  readonly quantiles: readonly number[]

  constructor(options: QuantileOptions = {}, ...none: undefined[]) {
    super(options, ['quantiles'], none)
    const { quantiles = [0.5] } = options
    requireQuantiles('QuantileLoss', quantiles)
    this.quantiles = [...quantiles]
  }

  /**
   * @param input (…, Q): one forecast per quantile
   * @param target (…, 1): the actual values
   */
  override forward(input: Tensor, target: Tensor): Tensor {
    return quantileLoss(input, target, { quantiles: this.quantiles, reduction: this.reduction })
  }

  protected override extraRepr(): string {
    return `quantiles=(${this.quantiles.join(', ')})`
  }
}

/** The losses that a Trainer accepts by name: those with one output, one target and sensible defaults. */
export const LOSSES = {
  mse: MSELoss,
  l1: L1Loss,
  smoothL1: SmoothL1Loss,
  huber: HuberLoss,
  crossEntropy: CrossEntropyLoss,
  nll: NLLLoss,
  bce: BCELoss,
  bceWithLogits: BCEWithLogitsLoss,
  poissonNll: PoissonNLLLoss,
  quantile: QuantileLoss,
} as const

/** Losses that compare each element of the output with the target's element at the same position. */
const ELEMENTWISE = [MSELoss, L1Loss, SmoothL1Loss, HuberLoss, BCELoss, BCEWithLogitsLoss, PoissonNLLLoss]

/** @internal Whether a module is an elementwise loss. */
export function isElementwise(module: unknown): boolean {
  return ELEMENTWISE.some((Class) => module instanceof Class)
}

/**
 * @internal The terms of a loss before their reduction to a mean; `undefined` for a loss that is not of this library, or
 * is not a mean.
 */
export function termsOf(loss: unknown): ((input: Tensor, target: Tensor) => Tensor) | undefined {
  const Class = Object.values(LOSSES).find((one) => loss instanceof one)
  if (Class === undefined || !(loss instanceof Class) || !keeps(loss, Class) || loss.reduction !== 'mean')
    return undefined
  return (input, target) => {
    // `forward` reads nothing but the settings, which getters read only of a module.
    const settings = Object.fromEntries(Object.keys(loss).map((name) => [name, loss[name as keyof typeof loss]]))
    return Reflect.apply(loss.forward, { ...settings, reduction: 'none' }, [input, target]) as Tensor
  }
}
