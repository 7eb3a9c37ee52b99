import { checkOptions, requireNone } from '../../check.ts'
import { tidy } from '../../tensor/context.ts'
import { type Packet, packet } from '../../tensor/packet.ts'
import { requireTensor, type Tensor } from '../../tensor/tensor.ts'
import { requireInt32, type Size2d } from '../size.ts'

const OPERATORS = {
  maxPool1d: 'max_pool1d',
  maxPool1dWithIndices: 'max_pool1d_with_indices',
  maxPool2d: 'max_pool2d',
  avgPool1d: 'avg_pool1d',
  avgPool2d: 'avg_pool2d',
  adaptiveAvgPool1d: 'adaptive_avg_pool1d',
  adaptiveAvgPool2d: 'adaptive_avg_pool2d',
  adaptiveMaxPool1d: 'adaptive_max_pool1d',
} as const

type Pool = keyof typeof OPERATORS

const ops = Object.fromEntries(
  Object.entries(OPERATORS).map(([name, operator]) => [name, packet(name, [[`aten::${operator}`, '']])]),
) as Record<Pool, Packet>

/** Options of 1-D and 2-D pools. */
export interface PoolSettings<Size> {
  /** The step from one window to the next. Default: `kernelSize`, so that windows do not overlap. */
  stride?: Size | null
  /** How far the windows extend beyond each end of the input, at most half of `kernelSize`. Default 0. */
  padding?: Size
  /**
   * Whether a partial window at the end is used, too, so that the size of the output is rounded up. Default `false`.
   */
  ceilMode?: boolean
}

/** Options of max pools. */
export interface MaxPoolSettings<Size> extends PoolSettings<Size> {
  /** The spacing between the elements of a window. Default 1. */
  dilation?: Size
}

export interface MaxPool1dOptions extends MaxPoolSettings<number> {}

export interface MaxPool2dOptions extends MaxPoolSettings<Size2d> {}

export interface AvgPool1dOptions extends PoolSettings<number> {
  /** Whether the zeros of the padding are included in the mean. Default `true`. */
  countIncludePad?: boolean
}

export interface AvgPool2dOptions extends PoolSettings<Size2d> {
  /** Whether the zeros of the padding are included in the mean. Default `true`. */
  countIncludePad?: boolean
  /** Divide the sum of each window by this. Default `null`: by the number of its elements. */
  divisorOverride?: number | null
}

const MAX = ['stride', 'padding', 'dilation', 'ceilMode'] as const
const AVG = ['stride', 'padding', 'ceilMode', 'countIncludePad'] as const

function pool<Size>(
  name: Pool,
  input: Tensor,
  kernelSize: Size,
  options: PoolSettings<Size>,
  known: readonly string[],
): unknown {
  checkOptions(name, options, known)
  const { stride = 1, padding = 0, dilation = 1 } = options as PoolSettings<Size> & { dilation?: Size }
  for (const [setting, value] of Object.entries({ kernelSize, stride, padding, dilation }))
    requireInt32(name, setting, value)
  return ops[name](input, kernelSize, { ...options, stride: options.stride ?? [] })
}

/**
 * The maximum of each window: (N, C, L) -> (N, C, L'), or without N.
 * L' = ⌊(L + 2 padding - dilation (kernelSize - 1) - 1) / stride⌋ + 1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool1d.html
 */
export function maxPool1d(
  input: Tensor,
  kernelSize: number,
  options: MaxPool1dOptions = {},
  ...none: undefined[]
): Tensor {
  requireNone('maxPool1d', none)
  return pool('maxPool1d', input, kernelSize, options, MAX) as Tensor
}

/**
 * {@link maxPool1d}, and the indices of the maxima in the input, in int64. PyTorch's `return_indices`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool1d.html
 */
export function maxPool1dWithIndices(
  input: Tensor,
  kernelSize: number,
  options: MaxPool1dOptions = {},
  ...none: undefined[]
): [output: Tensor, indices: Tensor] {
  requireNone('maxPool1dWithIndices', none)
  return pool('maxPool1dWithIndices', input, kernelSize, options, MAX) as [Tensor, Tensor]
}

/**
 * The maximum of each window: (N, C, H, W) -> (N, C, H', W'), or without N.
 * H' = ⌊(H + 2 padding - dilation (kernelSize - 1) - 1) / stride⌋ + 1, and W' likewise.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html
 */
export function maxPool2d(
  input: Tensor,
  kernelSize: Size2d,
  options: MaxPool2dOptions = {},
  ...none: undefined[]
): Tensor {
  requireNone('maxPool2d', none)
  return pool('maxPool2d', input, kernelSize, options, MAX) as Tensor
}

/**
 * The mean of each window: (N, C, L) -> (N, C, L'), or without N. L' = ⌊(L + 2 padding - kernelSize) / stride⌋ + 1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool1d.html
 */
export function avgPool1d(
  input: Tensor,
  kernelSize: number,
  options: AvgPool1dOptions = {},
  ...none: undefined[]
): Tensor {
  requireNone('avgPool1d', none)
  return pool('avgPool1d', input, kernelSize, options, AVG) as Tensor
}

/**
 * The mean of each window: (N, C, H, W) -> (N, C, H', W'), or without N.
 * H' = ⌊(H + 2 padding - kernelSize) / stride⌋ + 1, and W' likewise.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html
 */
export function avgPool2d(
  input: Tensor,
  kernelSize: Size2d,
  options: AvgPool2dOptions = {},
  ...none: undefined[]
): Tensor {
  requireNone('avgPool2d', none)
  return pool('avgPool2d', input, kernelSize, options, [...AVG, 'divisorOverride']) as Tensor
}

/**
 * The means of `outputSize` nearly equal windows of the input: (N, C, L) -> (N, C, outputSize), or without N.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool1d.html
 */
export function adaptiveAvgPool1d(input: Tensor, outputSize: number, ...none: undefined[]): Tensor {
  requireNone('adaptiveAvgPool1d', none)
  return ops.adaptiveAvgPool1d(input, outputSize) as Tensor
}

/** Height and width of the output, or one number for both; `null` keeps the size of the input. */
export type OutputSize2d = number | readonly [height: number | null, width: number | null]

/**
 * The means of nearly equal windows of the input: (N, C, H, W) -> (N, C, ...outputSize), or without N.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool2d.html
 */
export function adaptiveAvgPool2d(input: Tensor, outputSize: OutputSize2d, ...none: undefined[]): Tensor {
  requireNone('adaptiveAvgPool2d', none)
  requireTensor('adaptiveAvgPool2d', 'input', input)
  const size = Array.isArray(outputSize)
    ? outputSize.map((length, i) => length ?? input.size(i - outputSize.length))
    : outputSize
  return ops.adaptiveAvgPool2d(input, size) as Tensor
}

/**
 * The maxima of `outputSize` nearly equal windows of the input: (N, C, L) -> (N, C, outputSize), or without N.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool1d.html
 */
export function adaptiveMaxPool1d(input: Tensor, outputSize: number, ...none: undefined[]): Tensor {
  requireNone('adaptiveMaxPool1d', none)
  return tidy(() => adaptiveMaxPool1dWithIndices(input, outputSize)[0])
}

/**
 * {@link adaptiveMaxPool1d}, and the indices of the maxima in the input, in int64. PyTorch's `return_indices`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool1d.html
 */
export function adaptiveMaxPool1dWithIndices(
  input: Tensor,
  outputSize: number,
  ...none: undefined[]
): [output: Tensor, indices: Tensor] {
  requireNone('adaptiveMaxPool1dWithIndices', none)
  return ops.adaptiveMaxPool1d(input, outputSize) as [Tensor, Tensor]
}
