import { torchError } from '../errors.ts'
import { full } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { real, upTo, weights } from './constraint.ts'
import { type Constraint, check, Distribution, type DistributionOptions, readOptions } from './distribution.ts'
import { broadcast, clampProbs, given } from './parameter.ts'

/** Give exactly one of the two. */
export interface CategoricalOptions extends DistributionOptions {
  /** Weights of the classes along the last dimension, (…, K); they are normalized to sum to 1. */
  probs?: Tensor
  /** Logarithms of the unnormalized weights, (…, K). */
  logits?: Tensor
}

/**
 * Categorical distributions, over the classes 0 to K - 1. The batch has the shape of the parameter without its last
 * dimension.
 *
 * @example new torch.distributions.Categorical({ logits: torch.zeros([2, 4]) }).sample([3]) // (3, 2), int64
 * @throws {TorchError} `ERR_TORCH_VALUE` if a weight is negative, or unless exactly one of `probs` and `logits` is
 *   given.
 * @see https://docs.pytorch.org/docs/stable/distributions.html#categorical
 */
export class Categorical extends Distribution {
  readonly #given: 'probs' | 'logits'
  readonly #parameter: Tensor

  constructor(options: CategoricalOptions, ...none: undefined[]) {
    const validates = readOptions('Categorical', options, none, ['probs', 'logits'])
    const name = given('Categorical', options)
    const [parameter] = broadcast('Categorical', { [name]: options[name] }) as [Tensor]
    const { shape } = parameter
    if (shape.length < 1) {
      throw torchError('ERR_TORCH_SHAPE', `Categorical: ${name} parameter must be at least one-dimensional.`)
    }
    super(shape.slice(0, -1), validates)
    if (validates) check(`Categorical: ${name}`, parameter, name === 'probs' ? weights : real)
    this.#given = name
    this.#parameter =
      name === 'probs' ? parameter.div(parameter.sum(-1, true)) : parameter.sub(parameter.logsumexp(-1, true))
  }

  protected get support(): Constraint {
    return upTo(this.numEvents - 1)
  }

  protected override get parameters(): Readonly<Record<string, Tensor>> {
    return { [this.#given]: this.#parameter }
  }

  /** The probabilities of the classes: (…, K). */
  get probs(): Tensor {
    return this.#given === 'probs' ? this.#parameter : this.#parameter.softmax(-1)
  }

  /** The log-probabilities: (…, K). */
  get logits(): Tensor {
    return this.#given === 'logits' ? this.#parameter : clampProbs(this.#parameter).log()
  }

  /** The number of classes, K. */
  get numEvents(): number {
    return this.#parameter.size(-1)
  }

  /** NaN: classes have no mean. */
  get mean(): Tensor {
    return this.#none()
  }

  /** NaN: classes have no variance. */
  get variance(): Tensor {
    return this.#none()
  }

  get mode(): Tensor {
    return this.#parameter.argmax(-1)
  }

  #none(): Tensor {
    const { dtype, device } = this.#parameter
    return full(this.batchShape, Number.NaN, { dtype, device })
  }

  protected draw(shape: readonly number[]): Tensor {
    const rows = this.probs.reshape([-1, this.numEvents])
    const each = shape.slice(0, shape.length - this.batchShape.length).reduce((product, size) => product * size, 1)
    return rows.multinomial(each, true).T.reshape(shape)
  }

  /** The log-probabilities of the classes `value`, which are broadcast with the batch. */
  logProb(value: Tensor): Tensor {
    this.checkValue('logProb', value)
    const classes = value.long().unsqueeze(-1)
    const [broad, logits] = functions.broadcastTensors([classes, this.logits]) as [Tensor, Tensor]
    return logits.gather(-1, broad.narrow(-1, 0, 1)).squeeze(-1)
  }

  entropy(): Tensor {
    // A class of probability 0 adds nothing: 0 ln 0 counts as 0. The bound is float16's lowest number, which all dtypes
    // can represent.
    const logits = this.logits.clampMin(-65504)
    return logits.mul(this.probs).sum(-1).neg()
  }
}
