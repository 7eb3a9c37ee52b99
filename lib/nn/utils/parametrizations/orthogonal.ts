import { checkOptions, invalid, requireBoolean, requireChoice } from '../../../check.ts'
import { torchError } from '../../../errors.ts'
import { tidy } from '../../../tensor/context.ts'
import { eye, randn, zeros, zerosLike } from '../../../tensor/creation.ts'
import { functions } from '../../../tensor/methods.ts'
import { op, tensorOp } from '../../../tensor/packet.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import { Module } from '../../module.ts'
import { Buffer } from '../../parameter.ts'
import { registerParametrization } from '../parametrize.ts'
import { type Parametrized, tensorOf } from '../parametrized.ts'

const ops = { geqrf: op('aten::geqrf'), householderProduct: tensorOp('aten::linalg_householder_product') }

export type OrthogonalMap = 'matrixExp' | 'cayley' | 'householder'

export interface OrthogonalOptions {
  /**
   * How a free matrix becomes an orthogonal one:
   * - `'matrixExp'`: exp(A), where A is the skew-symmetric matrix with its lower triangle
   * - `'cayley'`: (I + A/2) (I - A/2)⁻¹
   * - `'householder'`: the product of the reflections at its columns
   *
   * Default `'matrixExp'` for a square matrix, else `'householder'`.
   */
  orthogonalMap?: OrthogonalMap
  /**
   * Whether the result is multiplied by a fixed orthogonal matrix, the buffer `base`, so that the free matrix starts
   * where the map is simple (Lezcano-Casado, 2019). The tensor then starts as it was, if it was orthogonal, and can be
   * assigned. Default `true`.
   */
  useTrivialization?: boolean
}

/** The machine epsilon of the dtypes for which LAPACK has the decompositions. */
const EPSILON: Record<string, number> = { float32: 2 ** -23, float64: 2 ** -52 }

/** The orthogonal factor of a QR decomposition in which R has a non-negative diagonal. */
function orthogonalized(matrix: Tensor): Tensor {
  const [q, r] = functions.linalg.qr(matrix)
  return q.mul(r.diagonal(0, -2, -1).sgn().unsqueeze(-2))
}

function isOrthogonal(matrix: Tensor): boolean {
  const { dtype, device, shape } = matrix
  const size = shape.at(-1) as number
  const product = matrix.mT.matmul(matrix)
  const atol = 10 * size * (EPSILON[dtype] as number)
  return product.allclose(eye(size, { dtype, device }).expandAs(product), { atol })
}

/** The rows and columns of the matrices that are computed with, which are tall or square. */
function sizesOf(matrix: Tensor): { wide: boolean; n: number; k: number } {
  const [rows, columns] = matrix.shape.slice(-2) as [number, number]
  return { wide: rows < columns, n: Math.max(rows, columns), k: Math.min(rows, columns) }
}

function exponential(x: Tensor, map: 'matrixExp' | 'cayley', n: number, k: number): Tensor {
  const { dtype, device, shape } = x
  const lower = functions.cat([x.tril(), zeros([...shape.slice(0, -1), n - k], { dtype, device })], -1)
  const skew = lower.sub(lower.mT)
  if (map === 'matrixExp') return functions.matrixExp(skew).narrow(-1, 0, k)
  const [identity, half] = [eye(n, { dtype, device }), skew.div(2)]
  return functions.linalg.solve(identity.sub(half), identity.add(half)).narrow(-1, 0, k)
}

function reflections(x: Tensor): Tensor {
  const columns = x.tril(-1)
  const tau = functions.div(2, columns.pow(2).sum(-2).add(1))
  // The diagonal only has signs, through which no gradient flows.
  return ops.householderProduct(columns, tau).mul(x.diagonal(0, -2, -1).int().unsqueeze(-2))
}

/** Named as PyTorch prints it. */
class _Orthogonal extends Module {
  readonly orthogonalMap: OrthogonalMap
  readonly useTrivialization: boolean
  /** The fixed matrix, (n, n) for the longer side n. */
  declare base?: Buffer

  constructor(orthogonalMap: OrthogonalMap, useTrivialization: boolean) {
    super()
    this.orthogonalMap = orthogonalMap
    this.useTrivialization = useTrivialization
  }

  /** `undefined` where no inverse is known. */
  get rightInverse(): ((matrix: Tensor) => Tensor) | undefined {
    if (this.useTrivialization) return (matrix) => rebase(this, matrix)
    return this.orthogonalMap === 'householder' ? reflectionsOf : undefined
  }

  override forward(matrix: Tensor): Tensor {
    return tidy(() => {
      const { wide, n, k } = sizesOf(matrix)
      const x = wide ? matrix.mT : matrix
      const { orthogonalMap: map } = this
      const found = map === 'householder' ? reflections(x) : exponential(x, map, n, k)
      const q = this.base === undefined ? found : this.base.matmul(found)
      return wide ? q.mT : q
    })
  }
}

/** Takes a matrix as the base, and returns the free matrix that all maps take to the identity. */
function rebase(module: _Orthogonal, matrix: Tensor): Tensor {
  const { wide, n, k } = sizesOf(matrix)
  const { dtype, device, shape } = matrix
  const tall = wide ? matrix.mT : matrix
  const random = (): Tensor => randn([...shape.slice(0, -2), n, n - k], { dtype, device })
  const square = n === k ? tall : functions.cat([tall, random()], -1)
  const base = n === k && isOrthogonal(tall) ? tall : orthogonalized(square)
  if (module.base === undefined) module.base = new Buffer(base.clone())
  else module.base.copy_(base)
  const free = zerosLike(matrix)
  // -1, since the householder map takes signs from the diagonal.
  free.diagonal(0, -2, -1).fill_(-1)
  return free
}

/** The free matrix for the householder map. */
function reflectionsOf(matrix: Tensor): Tensor {
  const { wide } = sizesOf(matrix)
  const [columns, tau] = ops.geqrf(wide ? matrix.mT : matrix) as [Tensor, Tensor]
  const diagonal = columns.diagonal(0, -2, -1)
  const sign = diagonal.sign()
  // Where tau is 0, LAPACK has reflected nothing.
  diagonal.copy_(functions.where(tau.eq(0), sign.neg(), sign))
  return wide ? columns.mT : columns
}

/**
 * Makes the matrix `name` orthogonal, and keeps it so while it learns: QᵀQ = I if it has at least as many rows as
 * columns, else QQᵀ = I. Recurrent weights that are orthogonal neither let gradients vanish nor explode. Further
 * dimensions before the last two are batches.
 *
 * @param name Default `'weight'`.
 * @example const rnn = nn.utils.parametrizations.orthogonal(new nn.RNN(4, 8), 'weight_hh_l0')
 * @returns the module
 * @throws {TorchError} if the module has no such tensor, or it is not a float32 or float64 matrix.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.orthogonal.html
 */
export function orthogonal<M extends Module>(
  module: M,
  name = 'weight',
  options: OrthogonalOptions = {},
  ...none: undefined[]
): M & Parametrized {
  const owner = 'orthogonal'
  checkOptions(owner, options, ['orthogonalMap', 'useTrivialization'], none)
  return tidy(() => {
    const matrix = tensorOf(owner, module, name)
    const { ndim, dtype, shape } = matrix
    if (ndim < 2) throw invalid(owner, name, 'a matrix or a batch of matrices', matrix, 'ERR_TORCH_SHAPE')
    if (EPSILON[dtype] === undefined) {
      throw torchError('ERR_TORCH_TYPE', `${owner}: ${name} must be float32 or float64, but is ${dtype}`, { op: owner })
    }
    const { orthogonalMap = shape.at(-1) === shape.at(-2) ? 'matrixExp' : 'householder' } = options
    const { useTrivialization = true } = options
    requireChoice(owner, 'orthogonalMap', orthogonalMap, ['matrixExp', 'cayley', 'householder'])
    requireBoolean(owner, 'useTrivialization', useTrivialization)
    return registerParametrization(module, name, new _Orthogonal(orthogonalMap, useTrivialization), { unsafe: true })
  })
}
