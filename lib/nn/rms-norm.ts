import { requireInteger, requireNumber } from '../check.ts'
import { empty } from '../tensor/creation.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import type { FactoryOptions } from './factory.ts'
import { rmsNorm } from './functional/norm.ts'
import { ones_ } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { python } from './repr.ts'

export interface RMSNormOptions extends FactoryOptions {
  /** Added to the mean square. Default `null`: the machine epsilon of the dtype. */
  eps?: number | null
  /** If `false`, there is no `weight`. Default `true`. */
  elementwiseAffine?: boolean
}

/**
 * γ x / √(E[x²] + eps), with the mean over the last dimensions, `normalizedShape`: Zhang and Sennrich, 2019. The output
 * has the shape of the input, (…, *normalizedShape). `weight` γ has the shape `normalizedShape` and is initialized to
 * 1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.RMSNorm.html
 */
export class RMSNorm extends Module {
  /** The sizes of the dimensions to normalize. */
  readonly normalizedShape: readonly number[]
  /** Added to the mean square; `null` for the machine epsilon of the dtype. */
  readonly eps: number | null
  /** Whether `weight` exists. */
  readonly elementwiseAffine: boolean
  /** γ. */
  declare weight: Parameter | null

  constructor(normalizedShape: number | readonly number[], options: RMSNormOptions = {}, ...none: undefined[]) {
    super()
    checkArguments('RMSNorm', options, ['eps', 'elementwiseAffine', 'device', 'dtype'], none)
    const { eps = null, elementwiseAffine = true, ...factory } = options
    const shape = Array.isArray(normalizedShape) ? [...normalizedShape] : [normalizedShape]
    for (const size of shape) requireInteger('RMSNorm', 'normalizedShape', size, 0)
    if (eps !== null) requireNumber('RMSNorm', 'eps', eps)
    this.normalizedShape = shape
    this.eps = eps
    this.elementwiseAffine = elementwiseAffine
    this.registerParameter('weight', elementwiseAffine ? new Parameter(empty(shape, factory)) : null)
    this.resetParameters()
  }

  /** Sets weights to 1. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight)
  }

  /** @param input (…, *normalizedShape) */
  override forward(input: Tensor): Tensor {
    return rmsNorm(input, this.normalizedShape, { weight: this.weight, eps: this.eps })
  }

  protected override extraRepr(): string {
    const { normalizedShape, eps, elementwiseAffine } = this
    return `${python(normalizedShape)}, eps=${python(eps)}, elementwise_affine=${python(elementwiseAffine)}`
  }
}
