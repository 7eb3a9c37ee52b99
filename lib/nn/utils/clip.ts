import { checkOptions, invalid, requireBoolean, requireNone, requireNonNegative } from '../../check.ts'
import * as gradient from '../../tensor/gradient.ts'
import { isTensor, requireTensor, type Tensor } from '../../tensor/tensor.ts'

export interface TotalNormOptions {
  /** The p of the p-norm; `Infinity` for the largest absolute value. Default 2. */
  normType?: number
  /** Throw when the norm is infinite or NaN. Default `false`. */
  errorIfNonfinite?: boolean
}

export interface ClipGradNormOptions extends TotalNormOptions {}

function listOf(name: string, parameters: Tensor | Iterable<Tensor>, what = 'parameters'): Iterable<Tensor> {
  if (isTensor(parameters)) return [parameters]
  if (typeof parameters === 'object' && parameters !== null && Symbol.iterator in parameters) return parameters
  throw invalid(name, what, 'a Tensor or an iterable of them', parameters)
}

function readOptions(name: string, options: TotalNormOptions): Required<TotalNormOptions> {
  checkOptions(name, options, ['normType', 'errorIfNonfinite'])
  const { normType = 2, errorIfNonfinite = false } = options
  requireNonNegative(name, 'normType', normType)
  requireBoolean(name, 'errorIfNonfinite', errorIfNonfinite)
  return { normType, errorIfNonfinite }
}

/**
 * The norm of all tensors as a single vector. 0 if there are none.
 *
 * @throws {TorchError} for `errorIfNonfinite: true` if the norm is infinite or NaN.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.get_total_norm.html
 */
export function getTotalNorm(
  tensors: Tensor | Iterable<Tensor>,
  options: TotalNormOptions = {},
  ...none: undefined[]
): Tensor {
  requireNone('getTotalNorm', none)
  const { normType, errorIfNonfinite } = readOptions('getTotalNorm', options)
  return gradient.totalNorm(listOf('getTotalNorm', tensors, 'tensors'), normType, errorIfNonfinite)
}

/**
 * Scales all gradients by a common factor so that a total norm of `totalNorm` becomes at most `maxNorm`: for a norm that
 * has been computed by {@link getTotalNorm}, maybe over more parameters.
 *
 * @param totalNorm one element
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grads_with_norm_.html
 */
export function clipGradsWithNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  totalNorm: Tensor,
  ...none: undefined[]
): void {
  requireNone('clipGradsWithNorm_', none)
  requireNonNegative('clipGradsWithNorm_', 'maxNorm', maxNorm)
  requireTensor('clipGradsWithNorm_', 'totalNorm', totalNorm)
  if (totalNorm.numel !== 1) throw invalid('clipGradsWithNorm_', 'totalNorm', 'a Tensor of one element', totalNorm)
  gradient.clipGradsWithNorm(listOf('clipGradsWithNorm_', parameters), maxNorm, totalNorm)
}

/**
 * Scales all gradients by a common factor so that their total norm, as a single vector, is at most `maxNorm`.
 *
 * @returns the norm before clipping
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
 */
export function clipGradNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options: ClipGradNormOptions = {},
  ...none: undefined[]
): Tensor {
  requireNone('clipGradNorm_', none)
  const { normType, errorIfNonfinite } = readOptions('clipGradNorm_', options)
  requireNonNegative('clipGradNorm_', 'maxNorm', maxNorm)
  return gradient.clipGradNorm(listOf('clipGradNorm_', parameters), maxNorm, normType, errorIfNonfinite)
}

/**
 * Clamps each element of each gradient to ±`clipValue`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html
 */
export function clipGradValue_(parameters: Tensor | Iterable<Tensor>, clipValue: number, ...none: undefined[]): void {
  requireNone('clipGradValue_', none)
  requireNonNegative('clipGradValue_', 'clipValue', clipValue)
  gradient.clipGradValue(listOf('clipGradValue_', parameters), clipValue)
}
