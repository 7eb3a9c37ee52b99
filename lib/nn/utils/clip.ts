import { checkOptions, invalid, requireNonNegative } from '../../check.ts'
import * as gradient from '../../tensor/gradient.ts'
import { isTensor, type Tensor } from '../../tensor/tensor.ts'

export interface ClipGradNormOptions {
  /** The p of the p-norm; `Infinity` for the largest absolute value. Default 2. */
  normType?: number
  /** Throw when the norm is infinite or NaN. Default `false`. */
  errorIfNonfinite?: boolean
}

function listOf(name: string, parameters: Tensor | Iterable<Tensor>): Iterable<Tensor> {
  if (isTensor(parameters)) return [parameters]
  if (typeof parameters === 'object' && parameters !== null && Symbol.iterator in parameters) return parameters
  throw invalid(name, 'parameters', 'a Tensor or an iterable of them', parameters)
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
): Tensor {
  checkOptions('clipGradNorm_', options, ['normType', 'errorIfNonfinite'])
  const { normType = 2, errorIfNonfinite = false } = options
  for (const [name, value] of Object.entries({ maxNorm, normType })) {
    requireNonNegative('clipGradNorm_', name, value)
  }
  return gradient.clipGradNorm(listOf('clipGradNorm_', parameters), maxNorm, normType, errorIfNonfinite)
}

/**
 * Clamps each element of each gradient to ±`clipValue`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html
 */
export function clipGradValue_(parameters: Tensor | Iterable<Tensor>, clipValue: number): void {
  requireNonNegative('clipGradValue_', 'clipValue', clipValue)
  gradient.clipGradValue(listOf('clipGradValue_', parameters), clipValue)
}
