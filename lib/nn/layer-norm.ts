import { requireInteger, requireNumber } from '../check.ts'
import { empty } from '../tensor/creation.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import type { FactoryOptions } from './factory.ts'
import { layerNorm } from './functional/norm.ts'
import { ones_, zeros_ } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { python } from './repr.ts'

export interface LayerNormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /** If `false`, there are no `weight` and `bias`. Default `true`. */
  elementwiseAffine?: boolean
  /** If `false`, there is no `bias`. Used only with `elementwiseAffine`. Default `true`. */
  bias?: boolean
}

/**
 * γ (x - E[x]) / √(Var[x] + eps) + β, with mean and variance over the last dimensions, `normalizedShape`: Ba et al.,
 * 2016. `weight` γ and `bias` β have that shape and are initialized to 1 and 0.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
 */
export class LayerNorm extends Module {
  /** The sizes of the dimensions to normalize. */
  readonly normalizedShape: readonly number[]
  /** Added to the variance. */
  readonly eps: number
  /** Whether `weight` and `bias` exist. */
  readonly elementwiseAffine: boolean
  /** γ. */
  declare weight: Parameter | null
  /** β. */
  declare bias: Parameter | null

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}, ...none: undefined[]) {
    super()
    checkArguments('LayerNorm', options, ['eps', 'elementwiseAffine', 'bias', 'device', 'dtype'], none)
    const { eps = 1e-5, elementwiseAffine = true, bias = true, ...factory } = options
    const shape = Array.isArray(normalizedShape) ? [...normalizedShape] : [normalizedShape]
    for (const size of shape) requireInteger('LayerNorm', 'normalizedShape', size, 0)
    requireNumber('LayerNorm', 'eps', eps)
    this.normalizedShape = shape
    this.eps = eps
    this.elementwiseAffine = elementwiseAffine
    this.registerParameter('weight', elementwiseAffine ? new Parameter(empty(shape, factory)) : null)
    this.registerParameter('bias', elementwiseAffine && bias ? new Parameter(empty(shape, factory)) : null)
    this.resetParameters()
  }

  /** Sets weights to 1 and biases to 0. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight)
    if (this.bias !== null) zeros_(this.bias)
  }

  /** @param input (…, *normalizedShape) */
  override forward(input: Tensor): Tensor {
    const { weight, bias, eps } = this
    return layerNorm(input, this.normalizedShape, { weight, bias, eps })
  }

  protected override extraRepr(): string {
    const { normalizedShape, eps, elementwiseAffine, bias } = this
    return `${python(normalizedShape)}, eps=${python(eps)}, elementwise_affine=${python(elementwiseAffine)}, bias=${python(bias !== null)}`
  }
}
