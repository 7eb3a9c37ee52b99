import { requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { softplus } from '../nn/functional/index.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Bernoulli } from './bernoulli.ts'
import { Categorical } from './categorical.ts'
import { Distribution } from './distribution.ts'
import { Normal } from './normal.ts'

function ofNormals(p: Normal, q: Normal): Tensor {
  const ratio = p.scale.div(q.scale).pow(2)
  const distance = p.loc.sub(q.loc).div(q.scale).pow(2)
  return ratio.add(distance).sub(1).sub(ratio.log()).mul(0.5)
}

function ofBernoullis(p: Bernoulli, q: Bernoulli): Tensor {
  const [pProbs, qProbs, pLogits, qLogits] = [p.probs, q.probs, p.logits, q.logits]
  const ones = pProbs
    .mul(softplus(qLogits.neg()).sub(softplus(pLogits.neg())))
    .maskedFill(qProbs.eq(0), Number.POSITIVE_INFINITY)
    .maskedFill(pProbs.eq(0), 0)
  const zeros = pProbs
    .neg()
    .add(1)
    .mul(softplus(qLogits).sub(softplus(pLogits)))
    .maskedFill(qProbs.eq(1), Number.POSITIVE_INFINITY)
    .maskedFill(pProbs.eq(1), 0)
  return ones.add(zeros)
}

function ofCategoricals(p: Categorical, q: Categorical): Tensor {
  return p.probs
    .mul(p.logits.sub(q.logits))
    .maskedFill(q.probs.eq(0), Number.POSITIVE_INFINITY)
    .maskedFill(p.probs.eq(0), 0)
    .sum(-1)
}

/**
 * The Kullback-Leibler divergence KL(p ‖ q) of two distributions of the same class, in nats: batch shape.
 * @throws {TorchError} `ERR_TORCH_NOT_IMPLEMENTED` if their classes differ.
 * @see https://docs.pytorch.org/docs/stable/distributions.html#torch.distributions.kl.kl_divergence
 */
export function klDivergence(p: Distribution, q: Distribution, ...none: undefined[]): Tensor {
  requireNone('klDivergence', none)
  if (p instanceof Normal && q instanceof Normal) return ofNormals(p, q)
  if (p instanceof Bernoulli && q instanceof Bernoulli) return ofBernoullis(p, q)
  if (p instanceof Categorical && q instanceof Categorical) return ofCategoricals(p, q)
  const name = (value: unknown): string => (value instanceof Distribution ? value.constructor.name : describe(value))
  throw torchError(
    'ERR_TORCH_NOT_IMPLEMENTED',
    `klDivergence: p and q must be of the same class, Normal, Bernoulli or Categorical, got ${name(p)} and ${name(q)}`,
    { op: 'klDivergence' },
  )
}
