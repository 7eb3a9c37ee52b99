import { checkOptions, requireInteger } from '../../../check.ts'
import { torchError } from '../../../errors.ts'
import { tidy } from '../../../tensor/context.ts'
import { tensorOp } from '../../../tensor/packet.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import { Module } from '../../module.ts'
import type { StateDict } from '../../state-dict.ts'
import { registerParametrization } from '../parametrize.ts'
import { isParametrized, type Parametrized, tensorOf } from '../parametrized.ts'

const ops = { normalized: tensorOp('aten::_weight_norm'), norm: tensorOp('aten::norm_except_dim') }

export interface WeightNormOptions {
  /** The dimension that keeps its own norms; `null` for one norm of the whole tensor. Default 0. */
  dim?: number | null
}

/** Named as PyTorch prints it. */
class _WeightNorm extends Module {
  readonly dim: number

  constructor(dim: number | null) {
    super()
    // To LibTorch, -1 means no dimension.
    this.dim = dim ?? -1
  }

  override forward(g: Tensor, v: Tensor): Tensor {
    return ops.normalized(v, g, this.dim)
  }

  rightInverse(weight: Tensor): [g: Tensor, v: Tensor] {
    return [ops.norm(weight, 2, this.dim), weight]
  }

  /** Reads `weight_g` and `weight_v`, the names of PyTorch's older `torch.nn.utils.weight_norm`. */
  protected override renamed(stateDict: Readonly<StateDict>, path: string): Readonly<StateDict> {
    const [, owner = '', name] = path.match(/^(.*\.)?parametrizations\.([^.]+)\.0$/) ?? []
    const [g, v] = [`${owner}${name}_g`, `${owner}${name}_v`]
    if (name === undefined || !Object.hasOwn(stateDict, g) || !Object.hasOwn(stateDict, v)) return stateDict
    const { [g]: original0, [v]: original1, ...rest } = stateDict as StateDict
    const stored = `${owner}parametrizations.${name}.original`
    return { ...rest, [`${stored}0`]: original0 as Tensor, [`${stored}1`]: original1 as Tensor }
  }
}

/**
 * Weight normalization: the tensor `name` becomes g v / |v|, so that its length g is learned apart from its direction v
 * (Salimans and Kingma, 2016). g is stored as `parametrizations.<name>.original0` and v as `original1`. The norm is
 * over all dimensions except `dim`: with 0, each output unit has its own. Files with the names of PyTorch's older
 * weight norm, `weight_g` and `weight_v`, can be loaded, too.
 *
 * @param name Default `'weight'`.
 * @example
 * const { weightNorm } = nn.utils.parametrizations
 * const conv = weightNorm(new nn.Conv1d(4, 8, 3))
 * const lstm = weightNorm(new nn.LSTM(4, 8), 'weight_hh_l0')
 * @returns the module
 * @throws {TorchError} if the module has no such tensor, or the tensor has no such dimension, which is not negative,
 *   or is parametrized already.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.weight_norm.html
 */
export function weightNorm<M extends Module>(
  module: M,
  name = 'weight',
  options: WeightNormOptions = {},
  ...none: undefined[]
): M & Parametrized {
  checkOptions('weightNorm', options, ['dim'], none)
  const { dim = 0 } = options
  const { ndim } = tidy(() => tensorOf('weightNorm', module, name))
  if (dim !== null) requireInteger('weightNorm', 'dim', dim, 0, ndim - 1)
  if (isParametrized(module, name)) {
    const message = `weightNorm: '${name}' is parametrized already, and weight norm has to come first`
    throw torchError('ERR_TORCH_VALUE', message, { op: 'weightNorm' })
  }
  return registerParametrization(module, name, new _WeightNorm(dim), { unsafe: true })
}
