import { checkOptions, requireBoolean, requireNone } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { tidy } from '../../tensor/context.ts'
import type { DType } from '../../tensor/dtype.ts'
import { tensorOp } from '../../tensor/packet.ts'
import { requireTensor, type Tensor } from '../../tensor/tensor.ts'

export interface InplaceOptions {
  /** Do the operation in place, and return the input. Default `false`. */
  inplace?: boolean
}

export interface LeakyReLUOptions extends InplaceOptions {
  /** The slope below zero. Default 0.01. */
  negativeSlope?: number
}

export interface ELUOptions extends InplaceOptions {
  /** α: the limit at -∞ is -α. Default 1. */
  alpha?: number
}

export interface HardtanhOptions extends InplaceOptions {
  /** Default -1. */
  minVal?: number
  /** Default 1. */
  maxVal?: number
}

export interface RReLUOptions extends InplaceOptions {
  /** The smallest slope below zero. Default 1/8. */
  lower?: number
  /** The largest slope below zero. Default 1/3. */
  upper?: number
}

export interface GELUOptions {
  /** `'tanh'` for the approximation x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))). Default `'none'`. */
  approximate?: 'none' | 'tanh'
}

export interface SoftplusOptions {
  /** Default 1. */
  beta?: number
  /** Above this value of βx the function is x, to avoid overflow of the exponential. Default 20. */
  threshold?: number
}

export interface ShrinkOptions {
  /** λ: inputs within ±λ become zero. Default 0.5. */
  lambd?: number
}

export interface GLUOptions {
  /** The dimension to halve. Default -1. */
  dim?: number
}

/** A function of one tensor, with options that have defaults. */
export interface ActivationFunction<O extends object> {
  (input: Tensor, options?: O, ...none: undefined[]): Tensor
  /** The defaults of the options. `nn` uses them to make a module of the function. */
  readonly defaults: Readonly<Required<O>>
}

/** The ATen operator `torchName`, or with `inplace` its in-place variant, which ends in an underscore. */
function activation<O extends object = object>(
  name: string,
  torchName: string,
  defaults: Required<O>,
): ActivationFunction<O> {
  const fresh = tensorOp(`aten::${torchName}`)
  const overwriting = tensorOp(`aten::${torchName}_`)
  const known = Object.keys(defaults)
  const call = (input: Tensor, options?: O, ...none: undefined[]): Tensor => {
    requireNone(name, none)
    if (options === undefined) return fresh(input)
    checkOptions(name, options, known)
    const { inplace = false, ...rest } = options as InplaceOptions
    requireBoolean(name, 'inplace', inplace)
    return (inplace ? overwriting : fresh)(input, rest)
  }
  return Object.assign(call, { defaults })
}

/** The same for functions that PyTorch composes of several operations. */
function composed(name: string, fn: (input: Tensor) => Tensor): ActivationFunction<object> {
  const call = (input: Tensor, options: object = {}, ...none: undefined[]): Tensor => {
    checkOptions(name, options, [], none)
    requireTensor(name, 'input', input)
    return tidy(() => fn(input))
  }
  return Object.assign(call, { defaults: {} })
}

const inplace = false

/** max(0, x) */
export const relu = activation<InplaceOptions>('relu', 'relu', { inplace })
/** min(max(0, x), 6) */
export const relu6 = activation<InplaceOptions>('relu6', 'relu6', { inplace })
/** x above zero, negativeSlope · x below. */
export const leakyRelu = activation<LeakyReLUOptions>('leakyRelu', 'leaky_relu', { negativeSlope: 0.01, inplace })
/** x above zero, α (eˣ - 1) below: Clevert et al., 2016. */
export const elu = activation<ELUOptions>('elu', 'elu', { alpha: 1, inplace })
/** max(0, x) + min(0, α (exp(x / α) - 1)): Barron, 2017. */
export const celu = activation<ELUOptions>('celu', 'celu', { alpha: 1, inplace })
/** The self-normalizing 1.0507 elu(x, α = 1.6733): Klambauer et al., 2017. */
export const selu = activation<InplaceOptions>('selu', 'selu', { inplace })
/** x Φ(x), where Φ is the standard normal distribution function: Hendrycks and Gimpel, 2016. */
export const gelu = activation<GELUOptions>('gelu', 'gelu', { approximate: 'none' })
/** x σ(x), also called swish: Ramachandran et al., 2017. */
export const silu = activation<InplaceOptions>('silu', 'silu', { inplace })
/** x tanh(softplus(x)): Misra, 2019. */
export const mish = activation<InplaceOptions>('mish', 'mish', { inplace })
/** ln(1 + exp(βx)) / β */
export const softplus = activation<SoftplusOptions>('softplus', 'softplus', { beta: 1, threshold: 20 })
/** x / (1 + |x|) */
export const softsign = composed('softsign', (input) => input.div(input.abs().add(1)))
/** x - tanh(x) */
export const tanhshrink = composed('tanhshrink', (input) => input.sub(input.tanh()))
/** x outside ±λ, 0 inside. */
export const hardshrink = activation<ShrinkOptions>('hardshrink', 'hardshrink', { lambd: 0.5 })
/** x shrunk towards zero by λ, 0 within ±λ. */
export const softshrink = activation<ShrinkOptions>('softshrink', 'softshrink', { lambd: 0.5 })
/** σ(x) = 1 / (1 + e⁻ˣ) */
export const sigmoid = activation('sigmoid', 'sigmoid', {})
/** ln σ(x) */
export const logsigmoid = activation('logsigmoid', 'log_sigmoid', {})
/** tanh(x) */
export const tanh = activation('tanh', 'tanh', {})
/** min(max(x / 6 + 1/2, 0), 1) */
export const hardsigmoid = activation<InplaceOptions>('hardsigmoid', 'hardsigmoid', { inplace })
/** x min(max(x + 3, 0), 6) / 6: Howard et al., 2019. */
export const hardswish = activation<InplaceOptions>('hardswish', 'hardswish', { inplace })
/** The first half along `dim` times the sigmoid of the second half: Dauphin et al., 2017. (…, 2C, …) -> (…, C, …). */
export const glu = activation<GLUOptions>('glu', 'glu', { dim: -1 })

const clamped = activation<HardtanhOptions>('hardtanh', 'hardtanh', { minVal: -1, maxVal: 1, inplace })

/** min(max(x, minVal), maxVal) */
export const hardtanh: ActivationFunction<HardtanhOptions> = Object.assign(
  (input: Tensor, options: HardtanhOptions = {}, ...none: undefined[]): Tensor => {
    checkOptions('hardtanh', options, Object.keys(clamped.defaults), none)
    const { minVal = -1, maxVal = 1 } = options
    if (minVal > maxVal) {
      throw torchError('ERR_TORCH_VALUE', 'minVal cannot be greater than maxVal', { op: 'hardtanh' })
    }
    return clamped(input, options)
  },
  { defaults: clamped.defaults },
)

const randomized = activation<RReLUOptions & { training?: boolean }>('rrelu', 'rrelu', {
  lower: 1 / 8,
  upper: 1 / 3,
  training: false,
  inplace,
})

/**
 * x above zero, a x below. With `training` (default `false`), a is random from [lower, upper); otherwise it is their
 * mean: Xu et al., 2015.
 */
export function rrelu(
  input: Tensor,
  options: RReLUOptions & { training?: boolean } = {},
  ...none: undefined[]
): Tensor {
  requireNone('rrelu', none)
  return randomized(input, options)
}

const thresholdOps = { fresh: tensorOp('aten::threshold'), overwriting: tensorOp('aten::threshold_') }

/** x above the threshold, `value` elsewhere. */
export function threshold(
  input: Tensor,
  threshold: number,
  value: number,
  options: InplaceOptions = {},
  ...none: undefined[]
): Tensor {
  checkOptions('threshold', options, ['inplace'], none)
  requireBoolean('threshold', 'inplace', options.inplace ?? false)
  return (options.inplace ? thresholdOps.overwriting : thresholdOps.fresh)(input, threshold, value)
}

const preluOp = tensorOp('aten::prelu')

/**
 * x above zero, a x below: He et al., 2015.
 * @param weight a: one for all (1), or one per channel (C), dimension 1 of x.
 */
export function prelu(input: Tensor, weight: Tensor, ...none: undefined[]): Tensor {
  requireNone('prelu', none)
  return preluOp(input, weight)
}

export interface SoftmaxOptions {
  /** Convert the input to this dtype first, to prevent overflow. Default: the input's. */
  dtype?: DType | null
}

const softmaxOps = { softmax: tensorOp('aten::softmax.int'), logSoftmax: tensorOp('aten::log_softmax.int') }

function along(name: 'softmax' | 'logSoftmax', input: Tensor, dim: number, options: SoftmaxOptions): Tensor {
  checkOptions(name, options, ['dtype'])
  return softmaxOps[name](input, dim, options.dtype ?? null)
}

/** exp(x) / Σ exp(x) along `dim`. */
export function softmax(input: Tensor, dim: number, options: SoftmaxOptions = {}, ...none: undefined[]): Tensor {
  requireNone('softmax', none)
  return along('softmax', input, dim, options)
}

/** exp(-x) / Σ exp(-x) along `dim`. */
export function softmin(input: Tensor, dim: number, options: SoftmaxOptions = {}, ...none: undefined[]): Tensor {
  requireNone('softmin', none)
  requireTensor('softmin', 'input', input)
  return tidy(() => along('softmax', input.neg(), dim, options))
}

/** ln softmax(x) along `dim`, without overflow. */
export function logSoftmax(input: Tensor, dim: number, options: SoftmaxOptions = {}, ...none: undefined[]): Tensor {
  requireNone('logSoftmax', none)
  return along('logSoftmax', input, dim, options)
}
