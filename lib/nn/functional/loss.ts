import { checkOptions } from '../../check.ts'
import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'
import { tidy } from '../../tensor/context.ts'
import { fullLike, tensor } from '../../tensor/creation.ts'
import { functions } from '../../tensor/methods.ts'
import { tensorOp } from '../../tensor/packet.ts'
import { requireTensor, type Tensor } from '../../tensor/tensor.ts'
import { warnOnce } from '../../tensor/warning.ts'
import { requireQuantiles } from '../quantiles.ts'
import { type Reduction, type ReductionOptions, reductionOf } from '../reduction.ts'

export type { Reduction, ReductionOptions } from '../reduction.ts'

const ops = {
  mseLoss: tensorOp('libtorch_rnn::mse_loss'),
  l1Loss: tensorOp('libtorch_rnn::l1_loss'),
  smoothL1Loss: tensorOp('libtorch_rnn::smooth_l1_loss'),
  huberLoss: tensorOp('libtorch_rnn::huber_loss'),
  weighted: tensorOp('libtorch_rnn::weighted_loss'),
  crossEntropy: tensorOp('aten::cross_entropy_loss'),
  nll: tensorOp('aten::nll_loss_nd'),
  binaryCrossEntropy: tensorOp('libtorch_rnn::binary_cross_entropy'),
  binaryCrossEntropyWithLogits: tensorOp('libtorch_rnn::binary_cross_entropy_with_logits'),
  klDiv: tensorOp('aten::kl_div'),
  klDivBatchmean: tensorOp('libtorch_rnn::kl_div_batchmean'),
  gaussianNll: tensorOp('libtorch_rnn::gaussian_nll_loss'),
  poissonNll: tensorOp('aten::poisson_nll_loss'),
  ctc: tensorOp('libtorch_rnn::ctc_loss'),
  cosineEmbedding: tensorOp('aten::cosine_embedding_loss'),
  tripletMargin: tensorOp('aten::triplet_margin_loss'),
}

export interface WeightedOptions extends ReductionOptions {
  /** A weight for each element, in the shape of the input. Default: all 1. */
  weight?: Tensor | null
}

/**
 * Multiplies the loss of each element by its weight. The mean divides by the sum of the weights if `normalize`, else by
 * the number of elements: PyTorch's losses differ in this.
 */
function weigh(
  input: Tensor,
  { weight = null, reduction }: WeightedOptions,
  normalize: boolean,
  loss: (reduction: number) => Tensor,
): Tensor {
  const number = reductionOf(reduction)
  if (weight === null) return loss(number)
  return tidy(() => ops.weighted(loss(reductionOf('none')), weight, input, number, normalize))
}

/**
 * (input - target)², reduced. With weights, the mean divides by their sum.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html
 */
export function mseLoss(input: Tensor, target: Tensor, options: WeightedOptions = {}, ...none: undefined[]): Tensor {
  checkOptions('mseLoss', options, ['reduction', 'weight'], none)
  return weigh(input, options, true, (reduction) => ops.mseLoss(input, target, reduction))
}

/**
 * |input - target|, reduced. With weights, the mean divides by their sum.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.l1_loss.html
 */
export function l1Loss(input: Tensor, target: Tensor, options: WeightedOptions = {}, ...none: undefined[]): Tensor {
  checkOptions('l1Loss', options, ['reduction', 'weight'], none)
  return weigh(input, options, true, (reduction) => ops.l1Loss(input, target, reduction))
}

export interface SmoothL1Options extends ReductionOptions {
  /** The |d| at which the parabola ends and the line begins. Default 1. */
  beta?: number
}

/**
 * d² / 2β where |d| < β, |d| - β/2 beyond, with d = input - target, reduced. β = 0 is {@link l1Loss}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.smooth_l1_loss.html
 */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  options: SmoothL1Options = {},
  ...none: undefined[]
): Tensor {
  checkOptions('smoothL1Loss', options, ['reduction', 'beta'], none)
  return ops.smoothL1Loss(input, target, reductionOf(options.reduction), options.beta ?? 1)
}

export interface HuberOptions extends WeightedOptions {
  /** The |d| at which the parabola ends and the line begins. Default 1. */
  delta?: number
}

/**
 * d² / 2 where |d| < δ, δ (|d| - δ/2) beyond, with d = input - target, reduced. With weights, the mean still divides by
 * the number of elements.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.huber_loss.html
 */
export function huberLoss(input: Tensor, target: Tensor, options: HuberOptions = {}, ...none: undefined[]): Tensor {
  checkOptions('huberLoss', options, ['reduction', 'delta', 'weight'], none)
  const { delta = 1 } = options
  return weigh(input, options, false, (reduction) => ops.huberLoss(input, target, reduction, delta))
}

export interface NLLOptions extends ReductionOptions {
  /** A weight for each class (C). Default: all 1. */
  weight?: Tensor | null
  /** A class that is ignored. Default -100. */
  ignoreIndex?: number
}

export interface CrossEntropyOptions extends NLLOptions {
  /** The share of each target, from 0 to 1, that is spread evenly over all classes. Default 0. */
  labelSmoothing?: number
}

/**
 * -ln softmax(input) at the target class. The mean is weighted by the classes' weights.
 *
 * @param input scores (N, C) or (N, C, …) or (C)
 * @param target class numbers (N) or (N, …) or () in int64, or probabilities in the shape of the input
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html
 */
export function crossEntropy(
  input: Tensor,
  target: Tensor,
  options: CrossEntropyOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('crossEntropy', options, ['weight', 'ignoreIndex', 'reduction', 'labelSmoothing'], none)
  const { weight = null, ignoreIndex = -100, reduction, labelSmoothing = 0 } = options
  return ops.crossEntropy(input, target, weight, reductionOf(reduction), ignoreIndex, labelSmoothing)
}

/**
 * -input at the target class. The mean is weighted by the classes' weights.
 *
 * @param input log-probabilities (N, C) or (N, C, …) or (C)
 * @param target class numbers (N) or (N, …) or () in int64
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.nll_loss.html
 */
export function nllLoss(input: Tensor, target: Tensor, options: NLLOptions = {}, ...none: undefined[]): Tensor {
  checkOptions('nllLoss', options, ['weight', 'ignoreIndex', 'reduction'], none)
  const { weight = null, ignoreIndex = -100, reduction } = options
  return ops.nll(input, target, weight, reductionOf(reduction), ignoreIndex)
}

export interface BCEOptions extends ReductionOptions {
  /** A weight for each element; it is broadcast to them. Default: all 1. */
  weight?: Tensor | null
}

/**
 * -(y ln x + (1 - y) ln(1 - x)), reduced, for probabilities x and targets y from 0 to 1, of the same shape. Logarithms
 * are clamped to at least -100.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy.html
 */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  options: BCEOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('binaryCrossEntropy', options, ['weight', 'reduction'], none)
  return ops.binaryCrossEntropy(input, target, options.weight ?? null, reductionOf(options.reduction))
}

export interface BCEWithLogitsOptions extends BCEOptions {
  /** The weight of positive targets, by class; it is broadcast to the target. Default: 1. */
  posWeight?: Tensor | null
}

/**
 * -(p y ln σ(x) + (1 - y) ln(1 - σ(x))), reduced, for scores x and targets y from 0 to 1, of the same shape; p is
 * `posWeight`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy_with_logits.html
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options: BCEWithLogitsOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('binaryCrossEntropyWithLogits', options, ['weight', 'reduction', 'posWeight'], none)
  const { weight = null, posWeight = null, reduction } = options
  return ops.binaryCrossEntropyWithLogits(input, target, weight, posWeight, reductionOf(reduction))
}

export interface KLDivOptions {
  /** `'batchmean'`, the sum divided by N, is the mathematical divergence. Default `'mean'`, over all elements. */
  reduction?: Reduction | 'batchmean'
  /** Whether the target is given as log-probabilities, too. Default `false`. */
  logTarget?: boolean
}

/**
 * y (ln y - x), reduced: the Kullback-Leibler divergence of the target y from the log-probabilities x.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.kl_div.html
 */
export function klDiv(input: Tensor, target: Tensor, options: KLDivOptions = {}, ...none: undefined[]): Tensor {
  checkOptions('klDiv', options, ['reduction', 'logTarget'], none)
  const { reduction = 'mean', logTarget = false } = options
  if (reduction === 'batchmean') return ops.klDivBatchmean(input, target, logTarget)
  if (reduction === 'mean') {
    warnOnce(
      "klDiv: reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' divides only by the batch size, and aligns with the KL div math definition.",
    )
  }
  return ops.klDiv(input, target, reductionOf(reduction), { logTarget })
}

export interface GaussianNLLOptions extends ReductionOptions {
  /** Add the constant term ln(2π) / 2. Default `false`. */
  full?: boolean
  /** A lower bound on the variance. Default 1e-6. */
  eps?: number
}

/**
 * (ln v + (input - target)² / v) / 2, reduced: the negative log-likelihood of a normal distribution (Nix and Weigend,
 * 1994).
 *
 * @param input means, of any shape
 * @param variance v ≥ 0, in the shape of the input, or without its last dimension, or with size 1 in one dimension; or
 *   a number
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.gaussian_nll_loss.html
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor | number,
  options: GaussianNLLOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('gaussianNllLoss', options, ['full', 'eps', 'reduction'], none)
  const { full = false, eps = 1e-6, reduction } = options
  const number = reductionOf(reduction)
  return tidy(() => {
    const each = typeof variance === 'number' ? fullLike(input, variance) : variance
    return ops.gaussianNll(input, target, each, full, eps, number)
  })
}

export interface PoissonNLLOptions extends ReductionOptions {
  /** Whether the input is the logarithm of the rate. Default `true`. */
  logInput?: boolean
  /** Add Stirling's approximation of ln(target!). Default `false`. */
  full?: boolean
  /** Avoids ln 0 if `logInput` is `false`. Default 1e-8. */
  eps?: number
}

/**
 * exp(x) - y x, or without `logInput` x - y ln(x + eps), reduced: the negative log-likelihood of a Poisson
 * distribution.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.poisson_nll_loss.html
 */
export function poissonNllLoss(
  input: Tensor,
  target: Tensor,
  options: PoissonNLLOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('poissonNllLoss', options, ['logInput', 'full', 'eps', 'reduction'], none)
  const { logInput = true, full = false, eps = 1e-8, reduction } = options
  return ops.poissonNll(input, target, logInput, full, eps, reductionOf(reduction))
}

export interface CTCOptions extends ReductionOptions {
  /** The blank label. Default 0. */
  blank?: number
  /** Set infinite losses (from targets too long for their inputs) and their gradients to 0. Default `false`. */
  zeroInfinity?: boolean
}

/** Lengths, one for each sequence of a batch: int64 (N). */
export type Lengths = Tensor | readonly number[]

/**
 * Connectionist temporal classification: the negative log of the total probability of all alignments of a target
 * (Graves et al., 2006). The mean first divides each loss by its target's length.
 *
 * @param logProbs log-probabilities (T, N, C), or (T, C) without a batch
 * @param targets classes other than blank (N, S), or all sequences concatenated; int64
 * @param inputLengths the length of each input sequence, at most T
 * @param targetLengths the length of each target, at most S
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.ctc_loss.html
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Lengths,
  targetLengths: Lengths,
  options: CTCOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('ctcLoss', options, ['blank', 'zeroInfinity', 'reduction'], none)
  const { blank = 0, zeroInfinity = false, reduction } = options
  const number = reductionOf(reduction)
  return tidy(() => {
    const lengths = [inputLengths, targetLengths].map((given) =>
      Array.isArray(given) ? tensor(given, { dtype: 'int64' }) : given,
    )
    return ops.ctc(logProbs, targets, ...lengths, blank, number, zeroInfinity)
  })
}

export interface CosineEmbeddingOptions extends ReductionOptions {
  /** From -1 to 1: the cosine up to which dissimilar pairs have no loss. Default 0. */
  margin?: number
}

/**
 * 1 - cos(x1, x2) if the target is 1, max(0, cos(x1, x2) - margin) if it is -1, reduced.
 *
 * @param input1 and input2 (N, D) or (D)
 * @param target 1 or -1: (N) or ()
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cosine_embedding_loss.html
 */
export function cosineEmbeddingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options: CosineEmbeddingOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('cosineEmbeddingLoss', options, ['margin', 'reduction'], none)
  return ops.cosineEmbedding(input1, input2, target, options.margin ?? 0, reductionOf(options.reduction))
}

export interface TripletMarginOptions extends ReductionOptions {
  /** How much closer the positive should be than the negative. Default 1. */
  margin?: number
  /** The p of the p-norm that measures distances. Default 2. */
  p?: number
  /** Added to each difference. Default 1e-6. */
  eps?: number
  /** Use the distance from the positive to the negative if it is smaller (Balntas et al., 2016). Default `false`. */
  swap?: boolean
}

/**
 * max(0, d(anchor, positive) - d(anchor, negative) + margin), reduced, for vectors (N, D) or (D).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.triplet_margin_loss.html
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('tripletMarginLoss', options, ['margin', 'p', 'eps', 'swap', 'reduction'], none)
  const { margin = 1, p = 2, eps = 1e-6, swap = false, reduction } = options
  if (!(margin > 0)) {
    throw torchError('ERR_TORCH_VALUE', `margin must be greater than 0, got ${describe(margin)}`, {
      op: 'tripletMarginLoss',
    })
  }
  return ops.tripletMargin(anchor, positive, negative, margin, p, eps, swap, reductionOf(reduction))
}

export interface QuantileOptions extends ReductionOptions {
  /** The Q quantiles to forecast, each between 0 and 1. Default [0.5], which gives half of {@link l1Loss}. */
  quantiles?: readonly number[]
}

/**
 * The quantile (pinball) loss: max(q e, (q - 1) e) for each quantile q, where e = target - input, reduced.
 *
 * @param input (…, Q): one forecast per quantile
 * @param target (…, 1): the actual values
 * @throws {TorchError} if a quantile is not between 0 and 1, or the shapes do not match the quantiles
 * @see Koenker and Bassett, "Regression quantiles", Econometrica 46 (1978), doi:10.2307/1913643
 */
export function quantileLoss(
  input: Tensor,
  target: Tensor,
  options: QuantileOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('quantileLoss', options, ['reduction', 'quantiles'], none)
  const { quantiles = [0.5], reduction = 'mean' } = options
  requireTensor('quantileLoss', 'input', input)
  requireTensor('quantileLoss', 'target', target)
  requireQuantiles('quantileLoss', quantiles)
  if (!input.isFloatingPoint()) {
    throw torchError('ERR_TORCH_DTYPE', `quantileLoss: input must be of a floating dtype, got ${input.dtype}`, {
      op: 'quantileLoss',
    })
  }
  reductionOf(reduction)
  const expected = [...input.shape.slice(0, -1), 1]
  if (input.ndim < 1 || input.size(-1) !== quantiles.length || target.shape.join() !== expected.join()) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `quantileLoss: for ${quantiles.length} quantiles the input must be of shape (…, ${quantiles.length}) and the target of shape (…, 1), got (${input.shape.join(', ')}) and (${target.shape.join(', ')})`,
      { op: 'quantileLoss' },
    )
  }
  return tidy(() => {
    const { dtype, device } = input
    const q = tensor(quantiles, { dtype, device })
    const e = target.sub(input)
    const loss = functions.maximum(e.mul(q), e.mul(q.sub(1)))
    return reduction === 'none' ? loss : reduction === 'sum' ? loss.sum() : loss.mean()
  })
}
