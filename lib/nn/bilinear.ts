import { requireInteger } from '../check.ts'
import { torchError } from '../errors.ts'
import { empty } from '../tensor/creation.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import { bilinear } from './functional/linear.ts'
import { uniform_ } from './init.ts'
import type { LinearOptions } from './linear.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { python } from './repr.ts'

/**
 * y = x1ᵀ A x2 + b: (…, in1Features), (…, in2Features) -> (…, outFeatures). `weight` is
 * (outFeatures, in1Features, in2Features), `bias` (outFeatures), both initialized uniformly from ±1/√in1Features.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Bilinear.html
 */
export class Bilinear extends Module {
  /** The last size of the first input. */
  readonly in1Features: number
  /** The last size of the second input. */
  readonly in2Features: number
  /** The last size of the output. */
  readonly outFeatures: number
  /** A (outFeatures, in1Features, in2Features). */
  declare weight: Parameter
  /** b (outFeatures), or `null`. */
  declare bias: Parameter | null

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    options: LinearOptions = {},
    ...none: undefined[]
  ) {
    super()
    checkArguments('Bilinear', options, ['bias', 'device', 'dtype'], none)
    const { bias = true, ...factory } = options
    for (const [name, size] of Object.entries({ in1Features, in2Features, outFeatures })) {
      requireInteger('Bilinear', name, size, 0)
    }
    if (in1Features === 0) {
      throw torchError('ERR_TORCH_VALUE', 'in1_features must be > 0, but got (in1_features=0)', { op: 'Bilinear' })
    }
    this.in1Features = in1Features
    this.in2Features = in2Features
    this.outFeatures = outFeatures
    this.registerParameter('weight', new Parameter(empty([outFeatures, in1Features, in2Features], factory)))
    this.registerParameter('bias', bias ? new Parameter(empty([outFeatures], factory)) : null)
    this.resetParameters()
  }

  /** Reinitializes weights and biases from PyTorch's default distribution. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features)
    uniform_(this.weight, -bound, bound)
    if (this.bias !== null) uniform_(this.bias, -bound, bound)
  }

  /**
   * @param input1 (…, in1Features)
   * @param input2 (…, in2Features), with the same leading sizes as `input1`
   */
  override forward(input1: Tensor, input2: Tensor): Tensor {
    return bilinear(input1, input2, this.weight, this.bias)
  }

  protected override extraRepr(): string {
    const { in1Features, in2Features, outFeatures } = this
    return `in1_features=${in1Features}, in2_features=${in2Features}, out_features=${outFeatures}, bias=${python(this.bias !== null)}`
  }
}
