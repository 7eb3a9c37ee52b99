import { requireInteger, requireNonNegative, requireProbability } from '../check.ts'
import { torchError } from '../errors.ts'
import { inferenceMode, tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'
import type { Generator } from '../tensor/generator.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** How a token is drawn from its logits: `temperature`, then `topK`, then `topP`. */
export interface SamplingOptions {
  /** What logits are divided by. Below 1 likely tokens become likelier; 0 takes the likeliest. Default 1. */
  temperature?: number
  /** Draw only from so many of the likeliest tokens. Default: all. */
  topK?: number
  /**
   * Draw only from the likeliest tokens whose probabilities together reach this one (Holtzman et al., 2020). Default 1:
   * all.
   * @see https://arxiv.org/abs/1904.09751
   */
  topP?: number
}

export type Sampling = Required<Pick<SamplingOptions, 'temperature' | 'topP'>> & { topK: number | undefined }

/** @throws {TorchError} for values out of range, or filters that have no effect. */
export function readSampling(owner: string, { temperature = 1, topK, topP = 1 }: SamplingOptions): Sampling {
  requireNonNegative(owner, 'temperature', temperature)
  if (topK !== undefined) requireInteger(owner, 'topK', topK, 1)
  requireProbability(owner, 'topP', topP)
  if (temperature === 0 && (topK !== undefined || topP !== 1)) {
    throw torchError('ERR_TORCH_OPTION', `${owner}: temperature 0 takes the likeliest token: omit topK and topP`)
  }
  return { temperature, topK, topP }
}

/**
 * Draws the number of a token.
 *
 * @param logits (V), as the model gives them
 * @throws {TorchError} `ERR_TORCH_NON_FINITE` if one is NaN or infinite.
 */
export function sample(logits: Float32Array, sampling: Sampling, generator: Generator | undefined): number {
  const { temperature, topK, topP } = sampling
  const most = greatest(logits)
  if (temperature === 0) return logits.indexOf(most)
  return tidy(() =>
    inferenceMode(() => {
      const scaled = divided(logits, temperature, most)
      const some = topK === undefined || topK >= logits.length ? scaled : likeliest(scaled, topK)
      const probs = (topP === 1 ? some : nucleus(some, topP)).softmax(-1)
      return Number(probs.multinomial(1, { generator: generator ?? null }).item())
    }),
  )
}

/** @throws {TorchError} for NaN, infinity, and logits with which no token can come. -∞ is one that never comes. */
function greatest(logits: Float32Array): number {
  const most = logits.reduce((one, logit) => Math.max(one, logit), -Infinity)
  if (Number.isFinite(most)) return most
  const told = Number.isNaN(most) ? 'NaN' : most > 0 ? 'an infinite logit' : 'only logits of -∞'
  throw torchError('ERR_TORCH_NON_FINITE', `generate: the model returned ${told}: its weights are not finite`, {
    op: 'generate',
  })
}

/** The greatest number of float32. Divisors below 4 over it are 0 on some processors. */
const MOST = 3.4028234663852886e38

/** Where float32 would overflow, differences from the greatest logit, which are divided to -∞ instead of NaN. */
function divided(logits: Float32Array, temperature: number, most: number): Tensor {
  const overflows = logits.some((logit) => logit !== -Infinity && Math.abs(logit) / temperature > MOST)
  if (!overflows && temperature > 4 / MOST) return tensor(logits).div(temperature)
  return tensor(Float64Array.from(logits, (logit) => (logit - most) / temperature))
}

/** The `count` greatest logits, and others that equal the least of them; -∞ elsewhere. */
function likeliest(logits: Tensor, count: number): Tensor {
  const [greatest] = logits.topk(count)
  return logits.maskedFill(logits.lt(greatest.index(-1)), -Infinity)
}

/** The logits of the fewest tokens whose probabilities reach `topP` together; -∞ elsewhere. */
function nucleus(logits: Tensor, topP: number): Tensor {
  const [sorted, order] = logits.sort({ descending: true })
  const probs = sorted.softmax(-1)
  // What comes before a token, which is not enough yet; the first one always stays.
  const before = probs.cumsum(-1).sub(probs)
  const removed = before.ge(topP)
  removed.index(0).fill_(false)
  return logits.maskedFill(removed.scatter(0, order, removed), -Infinity)
}
