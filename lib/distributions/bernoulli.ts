import { functions } from '../tensor/methods.ts'
import { op } from '../tensor/packet.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { boolean, real, unitInterval } from './constraint.ts'
import { type Constraint, check, Distribution, type DistributionOptions, readOptions } from './distribution.ts'
import { broadcast, clampProbs, given } from './parameter.ts'

/** Give exactly one of the two. */
export interface BernoulliOptions extends DistributionOptions {
  /** The probabilities of 1; they have the batch shape. */
  probs?: Tensor | number
  /** The log-odds of 1. */
  logits?: Tensor | number
}

/**
 * Bernoulli distributions, over 0 and 1.
 *
 * @example new torch.distributions.Bernoulli({ probs: torch.tensor([0.2, 0.9]) }).sample([3]) // (3, 2)
 * @throws {TorchError} `ERR_TORCH_VALUE` if a probability is outside [0, 1], or unless exactly one of `probs` and
 *   `logits` is given.
 * @see https://docs.pytorch.org/docs/stable/distributions.html#bernoulli
 */
export class Bernoulli extends Distribution {
  readonly #given: 'probs' | 'logits'
  readonly #parameter: Tensor

  constructor(options: BernoulliOptions, ...none: undefined[]) {
    const validates = readOptions('Bernoulli', options, none, ['probs', 'logits'])
    const name = given('Bernoulli', options)
    const [parameter] = broadcast('Bernoulli', { [name]: options[name] }) as [Tensor]
    super(parameter.shape, validates)
    this.#given = name
    this.#parameter = parameter
    if (validates) check(`Bernoulli: ${name}`, parameter, name === 'probs' ? unitInterval : real)
  }

  protected get support(): Constraint {
    return boolean
  }

  protected override get parameters(): Readonly<Record<string, Tensor>> {
    return { [this.#given]: this.#parameter }
  }

  /** The probabilities of 1: batch shape. */
  get probs(): Tensor {
    return this.#given === 'probs' ? this.#parameter : this.#parameter.sigmoid()
  }

  /** The log-odds of 1: batch shape. */
  get logits(): Tensor {
    if (this.#given === 'logits') return this.#parameter
    const probs = clampProbs(this.#parameter)
    return probs.log().sub(probs.neg().log1p())
  }

  get mean(): Tensor {
    return this.probs
  }

  /** The more probable of 0 and 1, or NaN if they are equally probable: batch shape. */
  get mode(): Tensor {
    const { probs } = this
    return probs.ge(0.5).to(probs.dtype).maskedFill(probs.eq(0.5), Number.NaN)
  }

  get variance(): Tensor {
    const { probs } = this
    return probs.mul(functions.sub(1, probs))
  }

  protected draw(shape: readonly number[]): Tensor {
    return functions.bernoulli(this.probs.expand(shape))
  }

  /** The log-probability of `value`, a tensor of zeros and ones, which is broadcast with the batch. */
  logProb(value: Tensor): Tensor {
    this.checkValue('logProb', value)
    const [logits, values] = functions.broadcastTensors([this.logits, value]) as [Tensor, Tensor]
    return crossEntropy(logits, values).neg()
  }

  entropy(): Tensor {
    return crossEntropy(this.logits, this.probs)
  }
}

function crossEntropy(logits: Tensor, target: Tensor): Tensor {
  return op('aten::binary_cross_entropy_with_logits')(logits, target, { reduction: 0 }) as Tensor
}
