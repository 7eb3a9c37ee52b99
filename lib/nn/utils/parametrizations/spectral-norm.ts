import { checkOptions, invalid, requireInteger, requireNonNegative } from '../../../check.ts'
import { noGrad, tidy } from '../../../tensor/context.ts'
import { empty } from '../../../tensor/creation.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import { ConvTranspose1d } from '../../conv.ts'
import { normalize } from '../../functional/distance.ts'
import { Module } from '../../module.ts'
import { Buffer } from '../../parameter.ts'
import { registerParametrization } from '../parametrize.ts'
import { type Parametrized, tensorOf } from '../parametrized.ts'

export interface SpectralNormOptions {
  /** The steps of the power method at each reading in training. Default 1. */
  nPowerIterations?: number
  /** A lower bound on the norms of the power method, which avoids division by zero. Default 1e-12. */
  eps?: number
  /** The dimension of the outputs. Default 0, but 1 for a transposed convolution. */
  dim?: number | null
}

/** Named as PyTorch prints it. */
class _SpectralNorm extends Module {
  readonly nPowerIterations: number
  readonly eps: number
  readonly dim: number
  /** The singular vectors of the largest singular value, approximately; absent for a vector. */
  declare _u: Buffer
  declare _v: Buffer

  constructor(weight: Tensor, settings: { nPowerIterations: number; eps: number; dim: number }) {
    super()
    this.nPowerIterations = settings.nPowerIterations
    this.eps = settings.eps
    this.dim = settings.dim
    if (weight.ndim < 2) return
    noGrad(() =>
      tidy(() => {
        const { dtype, device } = weight
        const matrix = matrixOf(this, weight)
        const [u, v] = matrix.shape.map((size) => empty([size], { dtype, device }).normal_()) as [Tensor, Tensor]
        this._u = new Buffer(unit(this, u))
        this._v = new Buffer(unit(this, v))
        iterate(this, matrix, 15)
      }),
    )
  }

  override forward(weight: Tensor): Tensor {
    if (weight.ndim < 2) return unit(this, weight)
    return tidy(() => {
      const matrix = matrixOf(this, weight)
      if (this.training) iterate(this, matrix, this.nPowerIterations)
      // Clones: the next reading changes the vectors, which backward still needs.
      return weight.div(this._u.clone().dot(matrix.mv(this._v.clone())))
    })
  }

  rightInverse(weight: Tensor): Tensor {
    return weight
  }
}

function unit({ eps }: _SpectralNorm, vector: Tensor): Tensor {
  return normalize(vector, { dim: 0, eps })
}

function matrixOf({ dim }: _SpectralNorm, weight: Tensor): Tensor {
  return weight.movedim(dim, 0).flatten(1)
}

/** Steps of the power method. */
function iterate(module: _SpectralNorm, matrix: Tensor, count: number): void {
  const { _u, _v } = module
  noGrad(() => {
    for (let i = 0; i < count; i++) {
      _u.copy_(unit(module, matrix.mv(_v)))
      _v.copy_(unit(module, matrix.mT.mv(_u)))
    }
  })
}

/**
 * Spectral normalization: the tensor `name` is divided by its largest singular value, so that the layer's Lipschitz
 * constant is about 1 (Miyato et al., 2018). Tensors of more than two dimensions are flattened after `dim`; a vector is
 * divided by its norm. The singular value is approximated by the power method, which goes on at each reading in
 * training; its vectors are the buffers `parametrizations.<name>.0._u` and `_v`.
 *
 * @param name Default `'weight'`.
 * @example const linear = nn.utils.parametrizations.spectralNorm(new nn.Linear(20, 40))
 * @returns the module
 * @throws {TorchError} if the module has no such tensor, or an option is out of range.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.spectral_norm.html
 */
export function spectralNorm<M extends Module>(
  module: M,
  name = 'weight',
  options: SpectralNormOptions = {},
  ...none: undefined[]
): M & Parametrized {
  const op = 'spectralNorm'
  checkOptions(op, options, ['nPowerIterations', 'eps', 'dim'], none)
  const { nPowerIterations = 1, eps = 1e-12 } = options
  requireInteger(op, 'nPowerIterations', nPowerIterations, 1)
  requireNonNegative(op, 'eps', eps)
  return tidy(() => {
    const weight = tensorOf(op, module, name)
    const { ndim } = weight
    if (ndim === 0) throw invalid(op, name, 'a vector or a matrix', weight, 'ERR_TORCH_SHAPE')
    const dim = options.dim ?? (module instanceof ConvTranspose1d ? 1 : 0)
    requireInteger(op, 'dim', dim, -ndim, ndim - 1)
    return registerParametrization(module, name, new _SpectralNorm(weight, { nPowerIterations, eps, dim }))
  })
}
