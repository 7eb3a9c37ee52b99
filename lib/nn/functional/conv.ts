import { checkOptions, requireNone } from '../../check.ts'
import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'
import { type Packet, packet } from '../../tensor/packet.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Size2d } from '../size.ts'

const ops = {
  conv1d: packet('conv1d', [
    ['aten::conv1d', ''],
    ['aten::conv1d', 'padding'],
  ]),
  conv2d: packet('conv2d', [
    ['aten::conv2d', ''],
    ['aten::conv2d', 'padding'],
  ]),
  convTranspose1d: packet('convTranspose1d', [['aten::conv_transpose1d', '']]),
}

/** Options of 1-D and 2-D convolutions. */
export interface ConvSettings<Size> {
  /** The step between kernel positions. Default 1. */
  stride?: Size
  /** Zeros added to each side; `'same'` for an output as long as the input, `'valid'` for no padding. Default 0. */
  padding?: Size | 'same' | 'valid'
  /** The spacing between kernel elements. Default 1. */
  dilation?: Size
  /** The number of channel groups, which are convolved independently. Default 1. */
  groups?: number
}

export interface Conv1dSettings extends ConvSettings<number> {}

export interface Conv2dSettings extends ConvSettings<Size2d> {}

function convolve<Size>(
  name: 'conv1d' | 'conv2d',
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ConvSettings<Size>,
): Tensor {
  checkOptions(name, options, ['stride', 'padding', 'dilation', 'groups'])
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options
  if (typeof padding === 'string' && !['same', 'valid'].includes(padding)) {
    throw torchError('ERR_TORCH_VALUE', `Invalid padding string: ${describe(padding)}`, { op: name })
  }
  const op: Packet = ops[name]
  return op(input, weight, bias, stride, padding, dilation, groups) as Tensor
}

/**
 * Cross-correlation: (N, Cin, L) -> (N, Cout, L'), or without N, with the weight (Cout, Cin / groups, K) and the bias
 * (Cout). L' = ⌊(L + 2 padding - dilation (K - 1) - 1) / stride⌋ + 1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv1d.html
 */
export function conv1d(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: Conv1dSettings = {},
  ...none: undefined[]
): Tensor {
  requireNone('conv1d', none)
  return convolve('conv1d', input, weight, bias, options)
}

/**
 * Cross-correlation of images: (N, Cin, H, W) -> (N, Cout, H', W'), or without N, with the weight
 * (Cout, Cin / groups, KH, KW) and the bias (Cout).
 * H' = ⌊(H + 2 padding - dilation (KH - 1) - 1) / stride⌋ + 1, and W' likewise.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
 */
export function conv2d(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: Conv2dSettings = {},
  ...none: undefined[]
): Tensor {
  requireNone('conv2d', none)
  return convolve('conv2d', input, weight, bias, options)
}

export interface ConvTranspose1dSettings {
  /** The distance in the output between consecutive inputs. Default 1. */
  stride?: number
  /** Elements removed from each side of the output. Default 0. */
  padding?: number
  /**
   * Elements added to the right side of the output, to choose among the possible lengths for a stride greater than 1.
   * Default 0.
   */
  outputPadding?: number
  /** The number of channel groups, which are processed independently. Default 1. */
  groups?: number
  /** The spacing between kernel elements. Default 1. */
  dilation?: number
}

/**
 * The gradient of {@link conv1d} with respect to its input, used to upsample sequences: (N, Cin, L) -> (N, Cout, L'),
 * or without N, with the weight (Cin, Cout / groups, K) and the bias (Cout).
 * L' = (L - 1) stride - 2 padding + dilation (K - 1) + outputPadding + 1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose1d.html
 */
export function convTranspose1d(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvTranspose1dSettings = {},
  ...none: undefined[]
): Tensor {
  checkOptions('convTranspose1d', options, ['stride', 'padding', 'outputPadding', 'groups', 'dilation'], none)
  return ops.convTranspose1d(input, weight, bias, options) as Tensor
}
