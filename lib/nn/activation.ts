import { requireInteger, requireNone, requireNumber } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { empty } from '../tensor/creation.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import { BLANK, blankOf } from './clone.ts'
import type { FactoryOptions } from './factory.ts'
import * as F from './functional/activation.ts'
import { constant_ } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { python, snakeCase } from './repr.ts'

/** A module that computes a function of one tensor. The output has the shape of the input, except for {@link GLU}. */
export abstract class ActivationModule extends Module {
  abstract override forward(input: Tensor): Tensor
}

/** A function with options. The constructor takes them, and the module has them as properties. */
class Applied<O extends object> extends ActivationModule {
  readonly #fn: F.Activation<O>
  readonly #options: Readonly<Required<O>>
  // A call without options is cheaper.
  readonly #standard: boolean

  constructor(fn: F.Activation<O>, options: O, none: readonly unknown[]) {
    super()
    const { name: module } = new.target
    checkArguments(module, options, Object.keys(fn.defaults), none)
    const pairs = Object.entries(fn.defaults).map(([name, standard]) => {
      const value = options[name as keyof O] ?? standard
      if (typeof value !== typeof standard) {
        const message = `${module}: ${name} must be a ${typeof standard}, got ${describe(value)}`
        throw torchError('ERR_TORCH_TYPE', message, { op: module })
      }
      Object.defineProperty(this, name, { value, enumerable: true })
      return [name, value] as const
    })
    this.#fn = fn
    this.#options = Object.fromEntries(pairs) as Readonly<Required<O>>
    this.#standard = pairs.every(([name, value]) => value === fn.defaults[name as keyof O])
  }

  /** @internal */
  static override [BLANK](source: Applied<object>): object {
    return blankOf(Applied, [source.#fn, source.#options, []], source)
  }

  override forward(input: Tensor): Tensor {
    return this.#standard ? this.#fn(input) : this.#fn(input, this.#options)
  }

  protected override extraRepr(): string {
    return Object.entries(this.#options)
      .filter(([name, value]) => name !== 'inplace' || value === true)
      .map(([name, value]) => `${snakeCase(name)}=${name === 'dim' ? value : python(value)}`)
      .join(', ')
  }
}

/** Makes the module class for a function. */
function moduleOf<O extends object>(
  fn: F.Activation<O>,
): new (
  options?: O,
  ...none: never[]
) => Applied<O> & Readonly<Required<O>> {
  class OfFunction extends Applied<O> {
    constructor(options = {} as O, ...none: never[]) {
      super(fn, options, none)
    }
  }
  return OfFunction as unknown as new () => Applied<O> & Readonly<Required<O>>
}

/**
 * max(0, x), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html
 */
export class ReLU extends moduleOf(F.relu) {}

/**
 * min(max(0, x), 6), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU6.html
 */
export class ReLU6 extends moduleOf(F.relu6) {}

/**
 * x above zero, negativeSlope · x below, element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html
 */
export class LeakyReLU extends moduleOf(F.leakyRelu) {}

/**
 * x above zero, α (eˣ - 1) below, element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ELU.html
 */
export class ELU extends moduleOf(F.elu) {}

/**
 * max(0, x) + min(0, α (exp(x / α) - 1)), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.CELU.html
 */
export class CELU extends moduleOf(F.celu) {}

/**
 * 1.0507 elu(x, α = 1.6733), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.SELU.html
 */
export class SELU extends moduleOf(F.selu) {}

/**
 * x Φ(x), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.GELU.html
 */
export class GELU extends moduleOf(F.gelu) {}

/**
 * x σ(x), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.SiLU.html
 */
export class SiLU extends moduleOf(F.silu) {}

/**
 * x tanh(softplus(x)), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Mish.html
 */
export class Mish extends moduleOf(F.mish) {}

/**
 * ln(1 + exp(βx)) / β, element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Softplus.html
 */
export class Softplus extends moduleOf(F.softplus) {}

/**
 * x / (1 + |x|), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Softsign.html
 */
export class Softsign extends moduleOf(F.softsign) {}

/**
 * x - tanh(x), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanhshrink.html
 */
export class Tanhshrink extends moduleOf(F.tanhshrink) {}

/**
 * σ(x) = 1 / (1 + e⁻ˣ), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html
 */
export class Sigmoid extends moduleOf(F.sigmoid) {}

/**
 * ln σ(x), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSigmoid.html
 */
export class LogSigmoid extends moduleOf(F.logsigmoid) {}

/**
 * tanh(x), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanh.html
 */
export class Tanh extends moduleOf(F.tanh) {}

/**
 * The first half along `dim` times the sigmoid of the second: (…, 2C, …) -> (…, C, …).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.GLU.html
 */
export class GLU extends moduleOf(F.glu) {}

/**
 * min(max(x, minVal), maxVal), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardtanh.html
 */
export class Hardtanh extends moduleOf(F.hardtanh) {
  constructor(options: F.HardtanhOptions = {}, ...none: never[]) {
    super(options, ...none)
    if (this.maxVal > this.minVal) return
    const message = `maxVal (${python(this.maxVal)}) must be greater than minVal (${python(this.minVal)})`
    throw torchError('ERR_TORCH_VALUE', message, { op: 'Hardtanh' })
  }
}

// The next four print like PyTorch's, which omit their options or print them without names.

/**
 * min(max(x / 6 + 1/2, 0), 1), element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html
 */
export class Hardsigmoid extends moduleOf(F.hardsigmoid) {
  protected override extraRepr(): string {
    return ''
  }
}

/**
 * x min(max(x + 3, 0), 6) / 6, element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardswish.html
 */
export class Hardswish extends moduleOf(F.hardswish) {
  protected override extraRepr(): string {
    return ''
  }
}

/**
 * x outside ±λ, 0 inside, element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardshrink.html
 */
export class Hardshrink extends moduleOf(F.hardshrink) {
  protected override extraRepr(): string {
    return python(this.lambd)
  }
}

/**
 * x shrunk towards zero by λ, element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Softshrink.html
 */
export class Softshrink extends moduleOf(F.softshrink) {
  protected override extraRepr(): string {
    return python(this.lambd)
  }
}

/**
 * x above zero, a x below. In training a is random from [lower, upper), in evaluation it is their mean: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.RReLU.html
 */
export class RReLU extends ActivationModule {
  /** The smallest slope below zero. */
  readonly lower: number
  /** The largest slope below zero. */
  readonly upper: number
  /** If `true`, the operation is done in place. */
  readonly inplace: boolean

  constructor(options: F.RReLUOptions = {}, ...none: never[]) {
    super()
    checkArguments('RReLU', options, ['lower', 'upper', 'inplace'], none)
    this.lower = options.lower ?? 1 / 8
    this.upper = options.upper ?? 1 / 3
    this.inplace = options.inplace ?? false
  }

  override forward(input: Tensor): Tensor {
    const { lower, upper, inplace, training } = this
    return F.rrelu(input, { lower, upper, inplace, training })
  }

  protected override extraRepr(): string {
    return `lower=${python(this.lower)}, upper=${python(this.upper)}${this.inplace ? ', inplace=True' : ''}`
  }
}

/**
 * x above the threshold, `value` elsewhere, element by element: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Threshold.html
 */
export class Threshold extends ActivationModule {
  /** Above this, the output is the input. */
  readonly threshold: number
  /** The output at or below the threshold. */
  readonly value: number
  /** If `true`, the operation is done in place. */
  readonly inplace: boolean

  constructor(threshold: number, value: number, options: F.InplaceOptions = {}, ...none: never[]) {
    super()
    checkArguments('Threshold', options, ['inplace'], none)
    requireNumber('Threshold', 'threshold', threshold)
    requireNumber('Threshold', 'value', value)
    this.threshold = threshold
    this.value = value
    this.inplace = options.inplace ?? false
  }

  override forward(input: Tensor): Tensor {
    return F.threshold(input, this.threshold, this.value, { inplace: this.inplace })
  }

  protected override extraRepr(): string {
    return `threshold=${this.threshold}, value=${this.value}${this.inplace ? ', inplace=True' : ''}`
  }
}

export interface PReLUOptions extends FactoryOptions {
  /** 1 for a single slope, or C for one slope per channel (dimension 1 of the input). Default 1. */
  numParameters?: number
  /** The initial value of the slopes. Default 0.25. */
  init?: number
}

/**
 * x above zero, a x below, element by element: (N, C, …) -> (N, C, …), or any shape with a single slope. The slopes a
 * are learned, as `weight` (numParameters).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.PReLU.html
 */
export class PReLU extends ActivationModule {
  /** The number of slopes: 1, or one per channel. */
  readonly numParameters: number
  /** The initial value of the slopes. */
  readonly init: number
  /** The slopes a (numParameters). */
  weight: Parameter

  constructor(options: PReLUOptions = {}, ...none: never[]) {
    super()
    checkArguments('PReLU', options, ['numParameters', 'init', 'device', 'dtype'], none)
    const { numParameters = 1, init = 0.25, ...factory } = options
    requireInteger('PReLU', 'numParameters', numParameters, 0)
    requireNumber('PReLU', 'init', init)
    this.numParameters = numParameters
    this.init = init
    this.weight = new Parameter(empty([numParameters], factory))
    this.resetParameters()
  }

  /** Sets all slopes to `init`. */
  resetParameters(): void {
    constant_(this.weight, this.init)
  }

  override forward(input: Tensor): Tensor {
    return F.prelu(input, this.weight)
  }

  protected override extraRepr(): string {
    return `num_parameters=${this.numParameters}`
  }
}

/** A function along one dimension. PyTorch's classes guess the dimension if it is not given; these require it. */
abstract class AlongDimension extends ActivationModule {
  /** The dimension along which the outputs sum to 1. */
  readonly dim: number

  constructor(dim: number, ...none: never[]) {
    super()
    requireNone(new.target.name, none)
    requireInteger(new.target.name, 'dim', dim)
    this.dim = dim
  }

  protected override extraRepr(): string {
    return `dim=${this.dim}`
  }
}

/**
 * exp(x) / Σ exp(x) along `dim`: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmax.html
 */
export class Softmax extends AlongDimension {
  override forward(input: Tensor): Tensor {
    return F.softmax(input, this.dim)
  }
}

/**
 * exp(-x) / Σ exp(-x) along `dim`: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmin.html
 */
export class Softmin extends AlongDimension {
  override forward(input: Tensor): Tensor {
    return F.softmin(input, this.dim)
  }
}

/**
 * ln softmax(x) along `dim`: (…) -> (…).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html
 */
export class LogSoftmax extends AlongDimension {
  override forward(input: Tensor): Tensor {
    return F.logSoftmax(input, this.dim)
  }
}
