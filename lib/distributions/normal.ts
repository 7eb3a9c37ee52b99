import { onesLike, zerosLike } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { positive, real, unitInterval } from './constraint.ts'
import { type Constraint, check, Distribution, type DistributionOptions, readOptions } from './distribution.ts'
import { broadcast } from './parameter.ts'

/**
 * Normal distributions with mean `loc` and standard deviation `scale`. The two are broadcast to the batch shape.
 *
 * @example
 * const normal = new torch.distributions.Normal(0, torch.tensor([1, 2]))
 * normal.logProb(normal.sample([5])) // (5, 2)
 * @throws {TorchError} `ERR_TORCH_VALUE` if `scale` is not greater than 0.
 * @see https://docs.pytorch.org/docs/stable/distributions.html#normal
 */
export class Normal extends Distribution {
  /** The mean: batch shape. */
  readonly loc: Tensor
  /** The standard deviation: batch shape. */
  readonly scale: Tensor

  constructor(loc: Tensor | number, scale: Tensor | number, options: DistributionOptions = {}, ...none: undefined[]) {
    const validates = readOptions('Normal', options, none)
    const [mean, deviation] = broadcast('Normal', { loc, scale }) as [Tensor, Tensor]
    super(mean.shape, validates)
    this.loc = mean
    this.scale = deviation
    if (!validates) return
    check('Normal: loc', mean, real)
    check('Normal: scale', deviation, positive)
  }

  protected get support(): Constraint {
    return real
  }

  protected override get parameters(): Readonly<Record<string, Tensor>> {
    return { loc: this.loc, scale: this.scale }
  }

  get mean(): Tensor {
    return this.loc
  }

  get mode(): Tensor {
    return this.loc
  }

  get variance(): Tensor {
    return this.scale.pow(2)
  }

  override get stddev(): Tensor {
    return this.scale
  }

  protected draw(shape: readonly number[]): Tensor {
    return functions.normal(this.loc.expand(shape), this.scale.expand(shape))
  }

  /**
   * Draws random values like {@link sample}, but with gradients for `loc` and `scale`: loc + scale * ε, with ε from the
   * standard normal distribution.
   */
  rsample(sampleShape: readonly number[] = []): Tensor {
    const like = this.loc.expand(this.extended('rsample', sampleShape))
    const noise = functions.normal(zerosLike(like), onesLike(like))
    return this.loc.add(noise.mul(this.scale))
  }

  /** The log-density at `value`, which is broadcast with the batch. */
  logProb(value: Tensor): Tensor {
    this.checkValue('logProb', value)
    return value
      .sub(this.loc)
      .pow(2)
      .neg()
      .div(this.variance.mul(2))
      .sub(this.scale.log())
      .sub(Math.log(Math.sqrt(2 * Math.PI)))
  }

  /** The probability of a value ≤ `value`. */
  cdf(value: Tensor): Tensor {
    this.checkValue('cdf', value)
    return value.sub(this.loc).mul(this.scale.reciprocal()).div(Math.sqrt(2)).erf().add(1).mul(0.5)
  }

  /** The quantile for the probability `value`: the inverse of {@link cdf}. */
  icdf(value: Tensor): Tensor {
    this.checkValue('icdf', value, unitInterval)
    return this.loc.add(this.scale.mul(value.mul(2).sub(1).erfinv()).mul(Math.sqrt(2)))
  }

  entropy(): Tensor {
    return this.scale.log().add(0.5 + 0.5 * Math.log(2 * Math.PI))
  }
}
