import { requireInteger } from '../check.ts'
import { empty } from '../tensor/creation.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import type { FactoryOptions } from './factory.ts'
import { linear } from './functional/linear.ts'
import { kaimingUniform_, uniform_ } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

export interface LinearOptions extends FactoryOptions {
  /** If `false`, no bias is used. Default `true`. */
  bias?: boolean
}

/**
 * y = x Aᵀ + b: (…, inFeatures) -> (…, outFeatures). `weight` is (outFeatures, inFeatures), `bias` (outFeatures), both
 * initialized uniformly from ±1/√inFeatures.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html
 */
export class Linear extends Module {
  /** The last size of the input. */
  readonly inFeatures: number
  /** The last size of the output. */
  readonly outFeatures: number
  /** A (outFeatures, inFeatures). */
  declare weight: Parameter
  /** b (outFeatures), or `null`. */
  declare bias: Parameter | null

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}, ...none: undefined[]) {
    super()
    checkArguments('Linear', options, ['bias', 'device', 'dtype'], none)
    const { bias = true, ...factory } = options
    for (const [name, size] of Object.entries({ inFeatures, outFeatures })) requireInteger('Linear', name, size, 0)
    this.inFeatures = inFeatures
    this.outFeatures = outFeatures
    this.registerParameter('weight', new Parameter(empty([outFeatures, inFeatures], factory)))
    this.registerParameter('bias', bias ? new Parameter(empty([outFeatures], factory)) : null)
    this.resetParameters()
  }

  /** Reinitializes weights and biases from PyTorch's default distribution. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) })
    if (this.bias === null) return
    const bound = this.inFeatures > 0 ? 1 / Math.sqrt(this.inFeatures) : 0
    uniform_(this.bias, -bound, bound)
  }

  /** @param input (…, inFeatures) */
  override forward(input: Tensor): Tensor {
    return linear(input, this.weight, this.bias)
  }

  protected override extraRepr(): string {
    const bias = this.bias === null ? 'False' : 'True'
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${bias}`
  }
}
