import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { noGrad, tidy } from '../tensor/context.ts'
import { randn } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'

export type Nonlinearity = 'linear' | 'conv1d' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu'

/** Fills with numbers from the interval [from, to). Returns the tensor, as all functions here. */
export function uniform_(tensor: Tensor, from = 0, to = 1): Tensor {
  return noGrad(() => tensor.uniform_(from, to))
}

/** Fills with numbers from the normal distribution. */
export function normal_(tensor: Tensor, mean = 0, std = 1): Tensor {
  return noGrad(() => tensor.normal_(mean, std))
}

export function constant_(tensor: Tensor, value: number): Tensor {
  return noGrad(() => tensor.fill_(value))
}

export function zeros_(tensor: Tensor): Tensor {
  return constant_(tensor, 0)
}

export function ones_(tensor: Tensor): Tensor {
  return constant_(tensor, 1)
}

/**
 * By how much a nonlinearity wants its weights scaled.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain
 */
export function calculateGain(nonlinearity: Nonlinearity, param?: number): number {
  switch (nonlinearity) {
    case 'linear':
    case 'conv1d':
    case 'sigmoid':
      return 1
    case 'tanh':
      return 5 / 3
    case 'relu':
      return Math.SQRT2
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + (param ?? 0.01) ** 2))
    case 'selu':
      return 3 / 4
    default:
      throw torchError('ERR_TORCH_VALUE', `Unsupported nonlinearity ${describe(nonlinearity)}`)
  }
}

/** The inputs and outputs of one unit of a weight (out, in, …). */
function fans(tensor: Tensor): { fanIn: number; fanOut: number } {
  const [out, into, ...field] = tensor.shape
  if (out === undefined || into === undefined) {
    throw torchError(
      'ERR_TORCH_VALUE',
      'Fan in and fan out can not be computed for tensor with fewer than 2 dimensions',
    )
  }
  const area = field.reduce((product, size) => product * size, 1)
  return { fanIn: into * area, fanOut: out * area }
}

/** Uniform from ±gain √(6 / (fanIn + fanOut)): Glorot and Bengio, 2010. */
export function xavierUniform_(tensor: Tensor, gain = 1): Tensor {
  const { fanIn, fanOut } = fans(tensor)
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut))
  return uniform_(tensor, -bound, bound)
}

/** Normal with deviation gain √(2 / (fanIn + fanOut)): Glorot and Bengio, 2010. */
export function xavierNormal_(tensor: Tensor, gain = 1): Tensor {
  const { fanIn, fanOut } = fans(tensor)
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)))
}

export interface KaimingOptions {
  /** The negative slope of the leaky ReLU that follows. Default 0. */
  a?: number
  /** Keep the variance of activations (`'fanIn'`, the default) or of gradients (`'fanOut'`). */
  mode?: 'fanIn' | 'fanOut'
  /** Default `'leakyRelu'`. */
  nonlinearity?: Nonlinearity
}

function kaimingStd(tensor: Tensor, options: KaimingOptions): number {
  checkOptions('kaiming', options, ['a', 'mode', 'nonlinearity'])
  const { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' } = options
  if (mode !== 'fanIn' && mode !== 'fanOut') {
    throw torchError('ERR_TORCH_VALUE', `Mode ${describe(mode)} not supported, please use one of fanIn, fanOut`)
  }
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(tensor)[mode])
}

/** Uniform from ±gain √(3 / fan): He et al., 2015. */
export function kaimingUniform_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  // PyTorch leaves a tensor without elements alone, whose fan can be 0.
  if (tensor.numel === 0) return tensor
  const bound = Math.sqrt(3) * kaimingStd(tensor, options)
  return uniform_(tensor, -bound, bound)
}

/** Normal with deviation gain / √fan: He et al., 2015. */
export function kaimingNormal_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  if (tensor.numel === 0) return tensor
  return normal_(tensor, 0, kaimingStd(tensor, options))
}

/** A (semi-)orthogonal matrix over all but the first dimension: Saxe et al., 2013. */
export function orthogonal_(tensor: Tensor, gain = 1): Tensor {
  const [rows, ...rest] = tensor.shape
  if (rows === undefined || rest.length === 0) {
    throw torchError('ERR_TORCH_VALUE', 'Only tensors with 2 or more dimensions are supported')
  }
  const columns = rest.reduce((product, size) => product * size, 1)
  if (rows * columns === 0) return tensor
  noGrad(() =>
    tidy(() => {
      const normal = randn([rows, columns], { dtype: tensor.dtype, device: tensor.device })
      const [q, r] = functions.linalg.qr(rows < columns ? normal.t() : normal)
      // The signs make the distribution uniform.
      const uniform = q.mul(r.diagonal().sign())
      tensor.copy_((rows < columns ? uniform.t() : uniform).reshape(tensor.shape)).mul_(gain)
    }),
  )
  return tensor
}
