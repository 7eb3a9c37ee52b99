import { checkOptions, invalid, requireInteger, requireNone, requireNumber, requireProbability } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { noGrad, tidy } from '../tensor/context.ts'
import { eye, randn, randperm } from '../tensor/creation.ts'
import type { Generator } from '../tensor/generator.ts'
import { slice } from '../tensor/indexing.ts'
import { functions } from '../tensor/methods.ts'
import { tensorOp } from '../tensor/packet.ts'
import { isTensor, requireTensor, type Tensor } from '../tensor/tensor.ts'
import type { Module } from './module.ts'

export type Nonlinearity = 'linear' | 'conv1d' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu'

export interface RandomInitOptions {
  /** The random generator. Default: the one that `torch.manualSeed` seeds. */
  generator?: Generator | null
}

/** Fills with random numbers, uniform in [from, to). Returns the tensor, like all functions here. */
export function uniform_(
  tensor: Tensor,
  from = 0,
  to = 1,
  options: RandomInitOptions = {},
  ...none: undefined[]
): Tensor {
  requireNone('uniform_', none)
  requireTensor('uniform_', 'tensor', tensor)
  return noGrad(() => tensor.uniform_(from, to, drawn('uniform_', options)))
}

/** Fills with random numbers from the normal distribution. */
export function normal_(
  tensor: Tensor,
  mean = 0,
  std = 1,
  options: RandomInitOptions = {},
  ...none: undefined[]
): Tensor {
  requireNone('normal_', none)
  requireTensor('normal_', 'tensor', tensor)
  return noGrad(() => tensor.normal_(mean, std, drawn('normal_', options)))
}

/** The options of a random fill. */
function drawn(name: string, options: RandomInitOptions): { generator: Generator | null } {
  checkOptions(name, options, ['generator'])
  return { generator: options.generator ?? null }
}

const truncNormal = tensorOp('libtorch_rnn::trunc_normal_')

/**
 * Fills with random numbers from the normal distribution truncated to [a, b]. The bounds are values, not multiples of
 * std.
 */
export function truncNormal_(
  tensor: Tensor,
  mean = 0,
  std = 1,
  a = -2,
  b = 2,
  options: RandomInitOptions = {},
  ...none: undefined[]
): Tensor {
  requireNone('truncNormal_', none)
  requireTensor('truncNormal_', 'tensor', tensor)
  for (const [name, value] of Object.entries({ mean, std, a, b })) requireNumber('truncNormal_', name, value)
  if (!(std > 0) || !(a < b)) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `truncNormal_: std must be greater than 0 and a less than b, got std = ${describe(std)}, a = ${describe(a)}, b = ${describe(b)}`,
    )
  }
  if (mean < a - 2 * std || mean > b + 2 * std) {
    process.emitWarning(
      'truncNormal_: mean is more than 2 std from [a, b]. The distribution of values may be incorrect.',
    )
  }
  return noGrad(() => truncNormal(tensor, mean, std, a, b, drawn('truncNormal_', options)))
}

/** Fills with `value`. */
export function constant_(tensor: Tensor, value: number, ...none: undefined[]): Tensor {
  requireNone('constant_', none)
  requireTensor('constant_', 'tensor', tensor)
  return noGrad(() => tensor.fill_(value))
}

/** Fills a tensor with 0, and returns it. */
export function zeros_(tensor: Tensor): Tensor {
  return constant_(tensor, 0)
}

/** Fills a tensor with 1, and returns it. */
export function ones_(tensor: Tensor): Tensor {
  return constant_(tensor, 1)
}

/**
 * The recommended gain (scale of the weights) for a nonlinearity.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain
 */
export function calculateGain(nonlinearity: Nonlinearity, param?: number, ...none: undefined[]): number {
  requireNone('calculateGain', none)
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
      if (param !== undefined && typeof param !== 'number') {
        throw torchError('ERR_TORCH_VALUE', `negativeSlope ${describe(param)} not a valid number`)
      }
      return Math.sqrt(2 / (1 + (param ?? 0.01) ** 2))
    case 'selu':
      return 3 / 4
    default:
      throw torchError('ERR_TORCH_VALUE', `Unsupported nonlinearity ${describe(nonlinearity)}`)
  }
}

/** Fan-in and fan-out of a weight (out, in, …). */
function fans(name: string, tensor: Tensor): { fanIn: number; fanOut: number } {
  requireTensor(name, 'tensor', tensor)
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
export function xavierUniform_(
  tensor: Tensor,
  gain = 1,
  options: RandomInitOptions = {},
  ...none: undefined[]
): Tensor {
  requireNone('xavierUniform_', none)
  const { fanIn, fanOut } = fans('xavierUniform_', tensor)
  requireNumber('xavierUniform_', 'gain', gain)
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut))
  return uniform_(tensor, -bound, bound, options)
}

/** Normal with standard deviation gain √(2 / (fanIn + fanOut)): Glorot and Bengio, 2010. */
export function xavierNormal_(tensor: Tensor, gain = 1, options: RandomInitOptions = {}, ...none: undefined[]): Tensor {
  requireNone('xavierNormal_', none)
  const { fanIn, fanOut } = fans('xavierNormal_', tensor)
  requireNumber('xavierNormal_', 'gain', gain)
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), options)
}

export interface KaimingOptions extends RandomInitOptions {
  /** The negative slope of the leaky ReLU that follows. Default 0. */
  a?: number
  /** Preserve the variance in the forward pass (`'fanIn'`, the default) or in the backward pass (`'fanOut'`). */
  mode?: 'fanIn' | 'fanOut'
  /** Default `'leakyRelu'`. */
  nonlinearity?: Nonlinearity
}

function kaimingStd(tensor: Tensor, options: KaimingOptions): number {
  checkOptions('kaiming', options, ['a', 'mode', 'nonlinearity', 'generator'])
  const { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' } = options
  if (mode !== 'fanIn' && mode !== 'fanOut') {
    throw torchError('ERR_TORCH_VALUE', `Mode ${describe(mode)} not supported, please use one of fanIn, fanOut`)
  }
  return calculateGain(nonlinearity, a) / Math.sqrt(fans('kaiming', tensor)[mode])
}

const generatorOf = ({ generator = null }: KaimingOptions): RandomInitOptions => ({ generator })

function hasElements(tensor: Tensor): boolean {
  requireTensor('kaiming', 'tensor', tensor)
  if (!tensor.shape.includes(0)) return true
  process.emitWarning('Initializing zero-element tensors is a no-op')
  return false
}

/** Uniform from ±gain √(3 / fan): He et al., 2015. */
export function kaimingUniform_(tensor: Tensor, options: KaimingOptions = {}, ...none: undefined[]): Tensor {
  requireNone('kaimingUniform_', none)
  if (!hasElements(tensor)) return tensor
  const bound = Math.sqrt(3) * kaimingStd(tensor, options)
  return uniform_(tensor, -bound, bound, generatorOf(options))
}

/** Normal with standard deviation gain / √fan: He et al., 2015. */
export function kaimingNormal_(tensor: Tensor, options: KaimingOptions = {}, ...none: undefined[]): Tensor {
  requireNone('kaimingNormal_', none)
  if (!hasElements(tensor)) return tensor
  return normal_(tensor, 0, kaimingStd(tensor, options), generatorOf(options))
}

/** A (semi-)orthogonal matrix, with all dimensions after the first flattened: Saxe et al., 2013. */
export function orthogonal_(tensor: Tensor, gain = 1, options: RandomInitOptions = {}, ...none: undefined[]): Tensor {
  requireNone('orthogonal_', none)
  requireTensor('orthogonal_', 'tensor', tensor)
  const { generator } = drawn('orthogonal_', options)
  const [rows, ...rest] = tensor.shape
  if (rows === undefined || rest.length === 0) {
    throw torchError('ERR_TORCH_VALUE', 'Only tensors with 2 or more dimensions are supported')
  }
  const columns = rest.reduce((product, size) => product * size, 1)
  if (rows * columns === 0) return tensor
  noGrad(() =>
    tidy(() => {
      const normal = randn([rows, columns], { dtype: tensor.dtype, device: tensor.device, generator })
      const [q, r] = functions.linalg.qr(rows < columns ? normal.t() : normal)
      // Multiplying by the signs makes the distribution uniform.
      const uniform = q.mul(r.diagonal().sign())
      tensor.copy_((rows < columns ? uniform.t() : uniform).reshape(tensor.shape)).mul_(gain)
    }),
  )
  return tensor
}

/** The shape of a matrix. */
function matrixSize(name: string, tensor: Tensor): [rows: number, columns: number] {
  requireTensor(name, 'tensor', tensor)
  const [rows, columns, ...more] = tensor.shape
  if (rows === undefined || columns === undefined || more.length > 0) {
    throw torchError('ERR_TORCH_VALUE', 'Only tensors with 2 dimensions are supported')
  }
  return [rows, columns]
}

/** 1 on the diagonal of a matrix, 0 elsewhere: a linear layer then preserves as many of its inputs as possible. */
export function eye_(tensor: Tensor): Tensor {
  const [rows, columns] = matrixSize('eye_', tensor)
  return noGrad(() => tidy(() => tensor.copy_(eye(rows, columns, { dtype: tensor.dtype, device: tensor.device }))))
}

/**
 * 1 at the center of the kernel from each channel to the same channel, 0 elsewhere. A convolution (out, in, K, …) with
 * 1 to 3 spatial dimensions then preserves as many channels as possible, in each of the `groups`.
 */
export function dirac_(tensor: Tensor, groups = 1, ...none: undefined[]): Tensor {
  requireNone('dirac_', none)
  requireTensor('dirac_', 'tensor', tensor)
  const [out, into, ...field] = tensor.shape
  if (out === undefined || into === undefined || field.length < 1 || field.length > 3) {
    throw torchError('ERR_TORCH_VALUE', 'Only tensors with 3, 4, or 5 dimensions are supported')
  }
  requireInteger('dirac_', 'groups', groups, 1)
  if (out % groups !== 0) throw torchError('ERR_TORCH_VALUE', 'dim 0 must be divisible by groups')
  const perGroup = out / groups
  const middle = field.map((size) => Math.floor(size / 2))
  noGrad(() =>
    tidy(() => {
      tensor.zero_()
      for (let group = 0; group < groups; group++) {
        for (let channel = 0; channel < Math.min(perGroup, into); channel++) {
          tensor.indexPut_([group * perGroup + channel, channel, ...middle], 1)
        }
      }
    }),
  )
  return tensor
}

/**
 * Normal with standard deviation `std`, and zeros in the fraction `sparsity` of each column: Martens, 2010. The
 * positions of the zeros come from the same generator; PyTorch draws them from its default one.
 */
export function sparse_(
  tensor: Tensor,
  sparsity: number,
  std = 0.01,
  options: RandomInitOptions = {},
  ...none: undefined[]
): Tensor {
  requireNone('sparse_', none)
  const [rows, columns] = matrixSize('sparse_', tensor)
  requireProbability('sparse_', 'sparsity', sparsity)
  const zeros = Math.ceil(sparsity * rows)
  requireNumber('sparse_', 'std', std)
  const { generator } = drawn('sparse_', options)
  noGrad(() =>
    tidy(() => {
      tensor.normal_(0, std, { generator })
      for (let column = 0; column < columns; column++) {
        tensor.indexPut_([randperm(rows, { generator }).index(slice(0, zeros)), column], 0)
      }
    }),
  )
  return tensor
}

const LSTM_BIAS = /^bias_(ih|hh)(_l\d+(_reverse)?)?$/

/**
 * Sets the bias of the forget gate to `value` in every layer and direction of every LSTM in a module: at about 1, a new
 * network remembers, and gradients flow far back in time (Gers et al., 2000; Jozefowicz et al., 2015). PyTorch's LSTM
 * adds two biases to its gates; `bias_ih` is set to the value and `bias_hh` to 0, so that the effective bias, their
 * sum, is `value`.
 *
 * @example nn.init.forgetBias_(new nn.LSTM(8, 32, { numLayers: 2 }))
 * @returns the module
 * @throws {TorchError} if the module has no LSTM with biases.
 */
export function forgetBias_<M extends Module>(module: M, value = 1, ...none: undefined[]): M {
  requireNone('forgetBias_', none)
  if (typeof module?.modules !== 'function') {
    throw invalid('forgetBias_', 'module', 'a Module', module)
  }
  requireNumber('forgetBias_', 'value', value)
  let found = 0
  noGrad(() =>
    tidy(() => {
      for (const part of module.modules()) {
        // The LSTM is the only recurrent network with four gates: i, f, g and o.
        const { hiddenSize } = part as { hiddenSize?: unknown }
        const members: [string, unknown][] = Object.entries(part)
        for (const [name, bias] of members) {
          const kind = name.match(LSTM_BIAS)?.[1]
          if (kind === undefined || typeof hiddenSize !== 'number' || !isTensor(bias)) continue
          if (bias.shape[0] !== 4 * hiddenSize) continue
          bias.index(slice(hiddenSize, 2 * hiddenSize)).fill_(kind === 'ih' ? value : 0)
          found++
        }
      }
    }),
  )
  if (found === 0) {
    throw torchError('ERR_TORCH_VALUE', `forgetBias_: there is no LSTM with biases in ${module.constructor.name}`)
  }
  return module
}
