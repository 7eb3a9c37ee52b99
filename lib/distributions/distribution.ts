import { inspect } from 'node:util'
import { isArrayOf } from '../array.ts'
import { checkOptions, requireBoolean, requireNone, requireSubclass } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { python } from '../nn/repr.ts'
import { isOffloading, noGrad } from '../tensor/context.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

export interface DistributionOptions {
  /**
   * Whether parameters and values are validated: a negative standard deviation, a probability above 1, a value outside
   * the support. This reads them, so it is skipped within `offload`. Default `true`.
   */
  validateArgs?: boolean
}

/** A condition on the elements of a tensor, and its name in errors. */
export interface Constraint {
  readonly name: string
  holds(value: Tensor): Tensor
}

/**
 * A random variable, or a batch of independent ones: the base of {@link Normal}, {@link Bernoulli} and
 * {@link Categorical}.
 * @see https://docs.pytorch.org/docs/stable/distributions.html
 */
export abstract class Distribution {
  /** The shape of the batch: one random variable per element. */
  readonly batchShape: readonly number[]
  /** The shape of one value: `[]` for numbers. */
  readonly eventShape: readonly number[] = []
  readonly #validates: boolean

  protected constructor(batchShape: readonly number[], validateArgs: boolean) {
    requireSubclass(new.target, Distribution, 'Normal')
    this.batchShape = batchShape
    this.#validates = validateArgs
  }

  /** The possible values. */
  protected abstract get support(): Constraint

  /** The expected value: batch shape. */
  abstract get mean(): Tensor

  /** The most probable value: batch shape. */
  abstract get mode(): Tensor

  /** The variance: batch shape. */
  abstract get variance(): Tensor

  /** The standard deviation: batch shape. */
  get stddev(): Tensor {
    return this.variance.sqrt()
  }

  /**
   * Draws random values, without gradients.
   *
   * @param sampleShape The shape of the sample drawn from each variable. Default `[]`: a single value.
   * @returns a tensor of shape `[...sampleShape, ...batchShape]`
   */
  sample(sampleShape: readonly number[] = []): Tensor {
    const shape = this.extended('sample', sampleShape)
    return noGrad(() => this.draw(shape))
  }

  /** Draws random values of this shape, which ends with the batch shape. */
  protected abstract draw(shape: readonly number[]): Tensor

  /**
   * The log-probability, or log-density, at `value`, which is broadcast with the batch.
   * @throws {TorchError} `ERR_TORCH_VALUE` if a value is outside the support, unless `validateArgs` is `false`.
   */
  abstract logProb(value: Tensor): Tensor

  /** The entropy, in nats: batch shape. */
  abstract entropy(): Tensor

  /** The shape of a sample. */
  protected extended(name: string, sampleShape: unknown): number[] {
    const isSize = (size: unknown): size is number => Number.isSafeInteger(size) && (size as number) >= 0
    if (!isArrayOf(sampleShape, isSize)) {
      throw torchError(
        'ERR_TORCH_TYPE',
        `${name}: sampleShape must be an array of sizes, got ${describe(sampleShape)}`,
        {
          op: name,
        },
      )
    }
    return [...sampleShape, ...this.batchShape, ...this.eventShape]
  }

  /** The parameters, by their names in {@link toString}. Default: none. */
  protected get parameters(): Readonly<Record<string, Tensor>> {
    return {}
  }

  /** As PyTorch prints distributions: single numbers, and the shapes of other parameters. */
  toString(): string {
    const texts = Object.entries(this.parameters).map(([name, value]) => `${name}: ${text(value)}`)
    return `${this.constructor.name}(${texts.join(', ')})`
  }

  /** {@link toString}, for `console.log`. */
  [inspect.custom](): string {
    return this.toString()
  }

  /** Throws unless `value` is a tensor of possible values. */
  protected checkValue(name: string, value: unknown, support = this.support): asserts value is Tensor {
    if (!isTensor(value)) {
      throw torchError('ERR_TORCH_TYPE', `${name}: value must be a Tensor, got ${describe(value)}`, { op: name })
    }
    if (this.#validates) check(`${this.constructor.name}.${name}: value`, value, support)
  }
}

function text(parameter: Tensor): string {
  const { shape } = parameter
  if (parameter.numel !== 1) return `torch.Size([${shape.join(', ')}])`
  if (shape.length > 0) return String(parameter)
  const value = parameter.item()
  return parameter.isFloatingPoint() ? python(value) : String(value)
}

/** Throws if an element violates the constraint; NaN always does. */
export function check(what: string, value: Tensor, { name, holds }: Constraint): void {
  // Values that are not computed yet cannot be read.
  if (isOffloading()) return
  const valid = noGrad(() => holds(value))
  if (valid.all().item()) return
  const shape = `[${value.shape.join(', ')}]`
  throw torchError(
    'ERR_TORCH_VALUE',
    `${what} (of shape ${shape}) must be ${name}, but these are not:\n${value.detach().index(valid.logicalNot())}`,
  )
}

/** Checks the options of a distribution, of which `known` are specific to it. Returns whether to validate. */
export function readOptions(
  name: string,
  options: DistributionOptions,
  none: readonly unknown[],
  known: readonly string[] = [],
): boolean {
  requireNone(name, none)
  checkOptions(name, options, [...known, 'validateArgs'])
  const { validateArgs = true } = options
  requireBoolean(name, 'validateArgs', validateArgs)
  return validateArgs
}
