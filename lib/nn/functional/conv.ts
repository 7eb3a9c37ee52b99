import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'
import { checkOptions } from '../../options.ts'
import { packet } from '../../tensor/packet.ts'
import type { Tensor } from '../../tensor/tensor.ts'

const ops = {
  conv1d: packet('conv1d', [
    ['aten::conv1d', ''],
    ['aten::conv1d', 'padding'],
  ]),
}

export interface Conv1dSettings {
  /** Default 1. */
  stride?: number
  /** Zeros on each side, or `'same'` for an output as long as the input, or `'valid'` for none. Default 0. */
  padding?: number | 'same' | 'valid'
  /** From one element that the kernel looks at to the next. Default 1. */
  dilation?: number
  /** Parts that inputs and outputs are divided into, each convolved by itself. Default 1. */
  groups?: number
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
): Tensor {
  checkOptions('conv1d', options, ['stride', 'padding', 'dilation', 'groups'])
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options
  if (typeof padding === 'string' && !['same', 'valid'].includes(padding)) {
    throw torchError('ERR_TORCH_VALUE', `Invalid padding string: ${describe(padding)}`, { op: 'conv1d' })
  }
  return ops.conv1d(input, weight, bias, stride, padding, dilation, groups) as Tensor
}
