import { requireBoolean, requireInteger, requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import {
  type AvgPool1dOptions,
  type AvgPool2dOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  avgPool1d,
  avgPool2d,
  type MaxPool1dOptions,
  type MaxPool2dOptions,
  type MaxPoolSettings,
  maxPool1d,
  maxPool2d,
  type OutputSize2d,
  type PoolSettings,
} from './functional/pool.ts'
import { Module } from './module.ts'
import { python } from './repr.ts'
import { requireSizes, type Size2d, sizesRepr } from './size.ts'

// Of this file's classes only: neither by accident nor by override anyone else's.
const sizeRepr = Symbol('sizeRepr')

/** Base of the pools that slide a window over the input. */
abstract class WindowPool<Size extends Size2d> extends Module {
  /** The size of the window. */
  readonly kernelSize: Size
  /** The step from one window to the next. */
  readonly stride: Size
  /** How far the windows extend beyond each end of the input. */
  readonly padding: Size
  /** Whether a partial window at the end is used, too. */
  readonly ceilMode: boolean

  constructor(
    dims: 1 | 2,
    kernelSize: Size,
    options: PoolSettings<Size>,
    own: readonly string[],
    none: readonly unknown[],
  ) {
    super()
    const { name } = new.target
    checkArguments(name, options, ['stride', 'padding', 'ceilMode', ...own], none)
    const { padding = 0 as Size, ceilMode = false } = options
    const stride = options.stride ?? kernelSize
    requireSizes(name, 'kernelSize', kernelSize, 1, dims)
    requireSizes(name, 'stride', stride, 1, dims)
    requireSizes(name, 'padding', padding, 0, dims)
    requireBoolean(name, 'ceilMode', ceilMode)
    this.kernelSize = kernelSize
    this.stride = stride
    this.padding = padding
    this.ceilMode = ceilMode
  }

  abstract override forward(input: Tensor): Tensor
}

/** Base of the max pools. */
abstract class MaxPool<Size extends Size2d> extends WindowPool<Size> {
  /** The spacing between the elements of a window. */
  readonly dilation: Size

  constructor(dims: 1 | 2, kernelSize: Size, options: MaxPoolSettings<Size>, none: readonly unknown[]) {
    super(dims, kernelSize, options, ['dilation'], none)
    const { dilation = 1 as Size } = options
    requireSizes(new.target.name, 'dilation', dilation, 1, dims)
    this.dilation = dilation
  }

  protected override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this
    const [size, step, border, distance] = [kernelSize, stride, padding, dilation].map(sizesRepr)
    return `kernel_size=${size}, stride=${step}, padding=${border}, dilation=${distance}, ceil_mode=${python(ceilMode)}`
  }
}

/**
 * The maximum of each window: (N, C, L) -> (N, C, L'), or without N, with
 * L' = ⌊(L + 2 padding - dilation (kernelSize - 1) - 1) / stride⌋ + 1. For the indices of these elements, call
 * {@link maxPool1dWithIndices}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool1d.html
 */
export class MaxPool1d extends MaxPool<number> {
  constructor(kernelSize: number, options: MaxPool1dOptions = {}, ...none: undefined[]) {
    super(1, kernelSize, options, none)
  }

  /** @param input (N, C, L), or (C, L) without a batch */
  override forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode } = this
    return maxPool1d(input, kernelSize, { stride, padding, dilation, ceilMode })
  }
}

/**
 * The maximum of each window: (N, C, H, W) -> (N, C, H', W'), or without N, with
 * H' = ⌊(H + 2 padding - dilation (kernelSize - 1) - 1) / stride⌋ + 1, and W' likewise. Sizes are one number or
 * `[height, width]`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
 */
export class MaxPool2d extends MaxPool<Size2d> {
  constructor(kernelSize: Size2d, options: MaxPool2dOptions = {}, ...none: undefined[]) {
    super(2, kernelSize, options, none)
  }

  /** @param input (N, C, H, W), or (C, H, W) without a batch */
  override forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode } = this
    return maxPool2d(input, kernelSize, { stride, padding, dilation, ceilMode })
  }
}

/** Base of the pools that take the mean of each window. */
abstract class AvgPool<Size extends Size2d> extends WindowPool<Size> {
  /** Whether the zeros of the padding are included in the mean. */
  readonly countIncludePad: boolean

  constructor(
    dims: 1 | 2,
    kernelSize: Size,
    options: PoolSettings<Size> & { countIncludePad?: boolean },
    none: readonly unknown[],
    own: readonly string[] = [],
  ) {
    super(dims, kernelSize, options, ['countIncludePad', ...own], none)
    const { countIncludePad = true } = options
    requireBoolean(new.target.name, 'countIncludePad', countIncludePad)
    this.countIncludePad = countIncludePad
  }

  /** @internal A size as it is printed. */
  protected [sizeRepr](size: Size): string {
    return sizesRepr(size)
  }

  protected override extraRepr(): string {
    const [size, step, border] = [this.kernelSize, this.stride, this.padding].map((value) => this[sizeRepr](value))
    return `kernel_size=${size}, stride=${step}, padding=${border}`
  }
}

/**
 * The mean of each window: (N, C, L) -> (N, C, L'), or without N, with
 * L' = ⌊(L + 2 padding - kernelSize) / stride⌋ + 1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool1d.html
 */
export class AvgPool1d extends AvgPool<number> {
  constructor(kernelSize: number, options: AvgPool1dOptions = {}, ...none: undefined[]) {
    super(1, kernelSize, options, none)
  }

  /** @param input (N, C, L), or (C, L) without a batch */
  override forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this
    return avgPool1d(input, kernelSize, { stride, padding, ceilMode, countIncludePad })
  }

  // PyTorch prints the sizes of this pool as tuples, unlike those of the others.
  protected override [sizeRepr](size: number): string {
    return sizesRepr([size])
  }
}

/**
 * The mean of each window: (N, C, H, W) -> (N, C, H', W'), or without N, with
 * H' = ⌊(H + 2 padding - kernelSize) / stride⌋ + 1, and W' likewise. Sizes are one number or `[height, width]`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html
 */
export class AvgPool2d extends AvgPool<Size2d> {
  /** The divisor of each window's sum; `null` for the number of its elements. */
  readonly divisorOverride: number | null

  constructor(kernelSize: Size2d, options: AvgPool2dOptions = {}, ...none: undefined[]) {
    super(2, kernelSize, options, none, ['divisorOverride'])
    const { divisorOverride = null } = options
    if (divisorOverride !== null) requireInteger('AvgPool2d', 'divisorOverride', divisorOverride, 1)
    this.divisorOverride = divisorOverride
  }

  /** @param input (N, C, H, W), or (C, H, W) without a batch */
  override forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this
    return avgPool2d(input, kernelSize, { stride, padding, ceilMode, countIncludePad, divisorOverride })
  }
}

/** Base of the adaptive pools, which divide the input into as many windows as the output has elements. */
abstract class AdaptivePool<Size extends OutputSize2d> extends Module {
  /** The size of the output. */
  readonly outputSize: Size

  constructor(outputSize: Size, none: readonly unknown[]) {
    super()
    requireNone(new.target.name, none)
    this.outputSize = outputSize
  }

  protected override extraRepr(): string {
    return `output_size=${sizesRepr(this.outputSize)}`
  }
}

/**
 * The means of `outputSize` nearly equal windows of the input: (N, C, L) -> (N, C, outputSize), or without N.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool1d.html
 */
export class AdaptiveAvgPool1d extends AdaptivePool<number> {
  constructor(outputSize: number, ...none: undefined[]) {
    requireInteger('AdaptiveAvgPool1d', 'outputSize', outputSize, 0)
    super(outputSize, none)
  }

  /** @param input (N, C, L), or (C, L) without a batch */
  override forward(input: Tensor): Tensor {
    return adaptiveAvgPool1d(input, this.outputSize)
  }
}

/**
 * The maxima of `outputSize` nearly equal windows of the input: (N, C, L) -> (N, C, outputSize), or without N. For the
 * indices of these elements, call {@link adaptiveMaxPool1dWithIndices}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool1d.html
 */
export class AdaptiveMaxPool1d extends AdaptivePool<number> {
  constructor(outputSize: number, ...none: undefined[]) {
    requireInteger('AdaptiveMaxPool1d', 'outputSize', outputSize, 0)
    super(outputSize, none)
  }

  /** @param input (N, C, L), or (C, L) without a batch */
  override forward(input: Tensor): Tensor {
    return adaptiveMaxPool1d(input, this.outputSize)
  }
}

/**
 * The means of nearly equal windows of the input: (N, C, H, W) -> (N, C, ...outputSize), or without N. `outputSize` is
 * one number or `[height, width]`; `null` keeps the size of the input.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html
 */
export class AdaptiveAvgPool2d extends AdaptivePool<OutputSize2d> {
  constructor(outputSize: OutputSize2d, ...none: undefined[]) {
    const sizes: unknown[] = Array.isArray(outputSize) ? outputSize : [outputSize, outputSize]
    if (sizes.length !== 2) {
      const message = `AdaptiveAvgPool2d: outputSize must be a number or an array of 2, got ${describe(outputSize)}`
      throw torchError('ERR_TORCH_VALUE', message, { op: 'AdaptiveAvgPool2d' })
    }
    for (const size of sizes) {
      if (size !== null || !Array.isArray(outputSize)) requireInteger('AdaptiveAvgPool2d', 'outputSize', size, 0)
    }
    super(outputSize, none)
  }

  /** @param input (N, C, H, W), or (C, H, W) without a batch */
  override forward(input: Tensor): Tensor {
    return adaptiveAvgPool2d(input, this.outputSize)
  }
}
