import { requireInteger } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { tidy } from '../tensor/context.ts'
import { empty } from '../tensor/creation.ts'
import { requireTensor, type Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import { type FactoryOptions, factoryOf } from './factory.ts'
import {
  type Conv1dSettings,
  type Conv2dSettings,
  type ConvSettings,
  type ConvTranspose1dSettings,
  conv1d,
  conv2d,
  convTranspose1d,
} from './functional/conv.ts'
import { pad } from './functional/pad.ts'
import { kaimingUniform_, uniform_ } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { python } from './repr.ts'
import { type HeightWidth, requireSizes, type Size2d, sizesOf } from './size.ts'

const PADDING_MODES = ['zeros', 'reflect', 'replicate', 'circular'] as const

/** How the input is padded at its ends. */
export type PaddingMode = (typeof PADDING_MODES)[number]

/** Options of 1-D and 2-D convolutions. */
export interface ConvOptions extends FactoryOptions {
  /** If `false`, no bias is used. Default `true`. */
  bias?: boolean
  /** How the padding is filled. Default `'zeros'`. */
  paddingMode?: PaddingMode
}

export interface Conv1dOptions extends ConvOptions, Conv1dSettings {}

export interface Conv2dOptions extends ConvOptions, Conv2dSettings {}

export interface ConvTranspose1dOptions extends FactoryOptions, ConvTranspose1dSettings {
  /** If `false`, no bias is used. Default `true`. */
  bias?: boolean
}

/** The properties that distinguish the convolutions. */
interface Form {
  readonly dims: 1 | 2
  readonly transposed: boolean
  /** Options that the other convolutions do not have. */
  readonly own: readonly string[]
}

const SHARED = ['stride', 'padding', 'dilation', 'groups', 'bias', 'device', 'dtype'] as const

/** Base of the convolutions: sizes, parameters and printing. */
abstract class Convolution<Size extends number | HeightWidth> extends Module {
  /** Channels of the input. */
  readonly inChannels: number
  /** Channels of the output. */
  readonly outChannels: number
  /** The size of the kernel. */
  readonly kernelSize: Size
  /** The step between kernel positions. */
  readonly stride: Size
  /** Elements added to each side of the input; for transposed convolutions, removed from each side of the output. */
  readonly padding: Size | 'same' | 'valid'
  /** The spacing between kernel elements. */
  readonly dilation: Size
  /** The number of channel groups, which are convolved independently. */
  readonly groups: number
  /** How the padding is filled. */
  readonly paddingMode: PaddingMode
  /** The kernels. */
  weight: Parameter
  /** Added to each channel of the output. */
  bias: Parameter | null

  constructor(
    { dims, transposed, own }: Form,
    inChannels: number,
    outChannels: number,
    kernelSize: number | HeightWidth,
    options: ConvOptions & ConvSettings<number | HeightWidth>,
    none: readonly unknown[],
  ) {
    super()
    const { name } = new.target
    checkArguments(name, options, [...SHARED, ...own], none)
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, paddingMode = 'zeros' } = options
    if (!(groups > 0)) throw torchError('ERR_TORCH_VALUE', 'groups must be a positive integer', { op: name })
    requireInteger(name, 'groups', groups, 1)
    for (const [argument, size] of Object.entries({ kernelSize, stride, dilation })) {
      requireSizes(name, argument, size, 1, dims)
    }
    for (const [argument, size] of Object.entries({ inChannels, outChannels })) {
      requireInteger(name, argument, size, 0)
    }
    const sizes = (value: number | HeightWidth): Size => (dims === 1 ? value : sizesOf(value, dims)) as Size
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.kernelSize = sizes(kernelSize)
    this.stride = sizes(stride)
    this.padding = typeof padding === 'string' || padding === null ? padding : sizes(padding)
    this.dilation = sizes(dilation)
    this.groups = groups
    this.paddingMode = paddingMode
    checkConv(this, dims, transposed)
    const factory = factoryOf(options)
    const channels = transposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups]
    this.weight = new Parameter(empty([...channels, ...sizesOf(kernelSize, dims)], factory))
    this.bias = bias ? new Parameter(empty([outChannels], factory)) : null
    this.resetParameters()
  }

  /** Reinitializes weights and biases from PyTorch's default distribution. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) })
    if (this.bias === null) return
    const [, ...rest] = this.weight.shape
    const fanIn = rest.reduce((product, size) => product * size, 1)
    const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0
    uniform_(this.bias, -bound, bound)
  }

  /** @internal Calls the function of this convolution. */
  protected convolve(
    fn: (input: Tensor, weight: Tensor, bias: Tensor | null, options: ConvSettings<Size>) => Tensor,
    input: Tensor,
  ): Tensor {
    const { stride, padding, dilation, groups, paddingMode, weight, bias } = this
    if (paddingMode === 'zeros') return fn(input, weight, bias, { stride, padding, dilation, groups })
    return tidy(() => {
      const padded = pad(input, borderOf(this), { mode: paddingMode })
      return fn(padded, weight, bias, { stride, dilation, groups })
    })
  }

  /** @internal What a transposed convolution prints in addition. */
  protected get outputPaddingRepr(): string[] {
    return []
  }

  protected override extraRepr(): string {
    const { padding, dilation } = this
    const tuple = (value: Size): string => python(typeof value === 'number' ? [value] : value)
    const isAll = (value: Size, number: number): boolean =>
      typeof value === 'number' ? value === number : value.every((one) => one === number)
    return [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${tuple(this.kernelSize)}, stride=${tuple(this.stride)}`,
      ...(typeof padding === 'string'
        ? [`padding=${padding}`]
        : isAll(padding, 0)
          ? []
          : [`padding=${tuple(padding)}`]),
      ...(isAll(dilation, 1) ? [] : [`dilation=${tuple(dilation)}`]),
      ...this.outputPaddingRepr,
      ...(this.groups === 1 ? [] : [`groups=${this.groups}`]),
      ...(this.bias === null ? ['bias=False'] : []),
      ...(this.paddingMode === 'zeros' ? [] : [`padding_mode=${this.paddingMode}`]),
    ].join(', ')
  }
}

/**
 * Cross-correlation of sequences: (N, inChannels, L) -> (N, outChannels, L'), or without N, where
 * L' = ⌊(L + 2 padding - dilation (K - 1) - 1) / stride⌋ + 1. `weight` is (outChannels, inChannels / groups, K) for a
 * kernel of size K, `bias` (outChannels), both initialized uniformly from ±1/√(K inChannels / groups).
 *
 * @example new nn.Conv1d(4, 8, 3, { padding: 'same' }).forward(torch.randn([2, 4, 10])) // (2, 8, 10)
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv1d.html
 */
export class Conv1d extends Convolution<number> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number,
    options: Conv1dOptions = {},
    ...none: never[]
  ) {
    super({ dims: 1, transposed: false, own: ['paddingMode'] }, inChannels, outChannels, kernelSize, options, none)
  }

  /** @param input (N, inChannels, L), or (inChannels, L) without a batch */
  override forward(input: Tensor): Tensor {
    return this.convolve(conv1d, input)
  }
}

/**
 * Cross-correlation of images: (N, inChannels, H, W) -> (N, outChannels, H', W'), or without N, where
 * H' = ⌊(H + 2 padding - dilation (KH - 1) - 1) / stride⌋ + 1, and W' likewise. Sizes are one number or
 * `[height, width]`. `weight` is (outChannels, inChannels / groups, KH, KW), `bias` (outChannels), both initialized
 * uniformly from ±1/√(KH KW inChannels / groups).
 *
 * @example new nn.Conv2d(1, 8, 3, { stride: 2, padding: [1, 0] }).forward(torch.randn([2, 1, 28, 28])) // (2, 8, 14, 13)
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
 */
export class Conv2d extends Convolution<HeightWidth> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Size2d,
    options: Conv2dOptions = {},
    ...none: never[]
  ) {
    super({ dims: 2, transposed: false, own: ['paddingMode'] }, inChannels, outChannels, kernelSize, options, none)
  }

  /** @param input (N, inChannels, H, W), or (inChannels, H, W) without a batch */
  override forward(input: Tensor): Tensor {
    return this.convolve(conv2d, input)
  }
}

/**
 * The gradient of {@link Conv1d} with respect to its input, used to upsample sequences:
 * (N, inChannels, L) -> (N, outChannels, L'), or without N, where
 * L' = (L - 1) stride - 2 padding + dilation (K - 1) + outputPadding + 1. `weight` is
 * (inChannels, outChannels / groups, K) for a kernel of size K, `bias` (outChannels), both initialized uniformly from
 * ±1/√(K outChannels / groups).
 *
 * @example new nn.ConvTranspose1d(8, 4, 3, { stride: 2 }).forward(torch.randn([2, 8, 10])) // (2, 4, 21)
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html
 */
export class ConvTranspose1d extends Convolution<number> {
  /** Elements added to the right side of the output. */
  readonly outputPadding: number

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number,
    options: ConvTranspose1dOptions = {},
    ...none: never[]
  ) {
    super({ dims: 1, transposed: true, own: ['outputPadding'] }, inChannels, outChannels, kernelSize, options, none)
    const { outputPadding = 0 } = options
    requireInteger('ConvTranspose1d', 'outputPadding', outputPadding, 0)
    this.outputPadding = outputPadding
  }

  /**
   * @param input (N, inChannels, L), or (inChannels, L) without a batch
   * @param outputSize the desired L', one of the `stride` lengths that the same L can produce; overrides
   *   `outputPadding`. The last element of an array is L', so you can pass the shape of another tensor
   * @throws {TorchError} if no `outputPadding` produces `outputSize`.
   */
  override forward(input: Tensor, outputSize: number | readonly number[] | null = null): Tensor {
    const { stride, dilation, groups, weight, bias } = this
    const padding = this.padding as number
    const outputPadding = outputSize === null ? this.outputPadding : paddingFor(this, input, outputSize)
    return convTranspose1d(input, weight, bias, { stride, padding, outputPadding, groups, dilation })
  }

  protected override get outputPaddingRepr(): string[] {
    return this.outputPadding === 0 ? [] : [`output_padding=(${this.outputPadding},)`]
  }
}

/** @throws {TorchError} unless the settings of a convolution fit each other. */
function checkConv(conv: Convolution<number | HeightWidth>, dims: 1 | 2, transposed: boolean): void {
  const { name } = conv.constructor
  const refuse = (message: string): never => {
    throw torchError('ERR_TORCH_VALUE', message, { op: name })
  }
  const { padding, paddingMode } = conv
  if (conv.inChannels % conv.groups !== 0) refuse('inChannels must be divisible by groups')
  if (conv.outChannels % conv.groups !== 0) refuse('outChannels must be divisible by groups')
  if (typeof padding !== 'string' || transposed) requireSizes(name, 'padding', padding, 0, dims)
  else if (!['same', 'valid'].includes(padding)) {
    refuse(`Invalid padding string ${describe(padding)}, should be one of 'same', 'valid'`)
  } else if (padding === 'same' && sizesOf(conv.stride, dims).some((step) => step !== 1)) {
    refuse("padding='same' is not supported for strided convolutions")
  }
  if (!PADDING_MODES.includes(paddingMode)) {
    refuse(
      `paddingMode must be one of ${PADDING_MODES.map((mode) => `'${mode}'`).join(', ')}, but got paddingMode=${describe(paddingMode)}`,
    )
  }
}

/** The border widths if a separate operation pads the input, starting with the last dimension. */
function borderOf(conv: Convolution<number | HeightWidth>): number[] {
  const { padding, weight, dilation } = conv
  const kernel = weight.shape.slice(2)
  const [dilations, paddings] = [dilation, typeof padding === 'string' ? 0 : padding].map((value) =>
    sizesOf(value, kernel.length),
  ) as [number[], number[]]
  return kernel
    .map((size, i) => {
      if (padding !== 'same') return [paddings[i] as number, paddings[i] as number]
      const total = (dilations[i] as number) * (size - 1)
      return [Math.floor(total / 2), Math.ceil(total / 2)]
    })
    .reverse()
    .flat()
}

/** The `outputPadding` with which the output has the wanted size. */
function paddingFor(conv: ConvTranspose1d, input: Tensor, outputSize: number | readonly number[]): number {
  requireTensor('ConvTranspose1d', 'input', input)
  const sizes: unknown[] = Array.isArray(outputSize) ? outputSize : [outputSize]
  const { stride, dilation, kernelSize } = conv
  const length = sizes.at(-1) as number
  requireInteger('ConvTranspose1d', 'outputSize', length, 0)
  if (sizes.length !== 1 && sizes.length !== input.ndim) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `ConvTranspose1D: for ${input.ndim}D input, outputSize must have 1 or ${input.ndim} elements (got ${sizes.length})`,
      { op: 'ConvTranspose1d' },
    )
  }
  const least = (input.size(-1) - 1) * stride - 2 * (conv.padding as number) + dilation * (kernelSize - 1) + 1
  const most = least + stride - 1
  if (length >= least && length <= most) return length - least
  throw torchError(
    'ERR_TORCH_VALUE',
    `requested an output size of [${length}], but valid sizes range from [${least}] to [${most}] (for an input of torch.Size([${input.size(-1)}]))`,
    { op: 'ConvTranspose1d' },
  )
}
