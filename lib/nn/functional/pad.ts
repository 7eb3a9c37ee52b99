import { checkOptions } from '../../check.ts'
import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'
import { tensorOp } from '../../tensor/packet.ts'
import type { Tensor } from '../../tensor/tensor.ts'

const MODES = ['constant', 'reflect', 'replicate', 'circular'] as const

/** How a border is filled: with one value, the elements mirrored at the edge, the edge itself, or the other end. */
export type PadMode = (typeof MODES)[number]

export interface PadOptions {
  /** Default `'constant'`. */
  mode?: PadMode
  /** The value of `'constant'`; other modes do not take it. Default 0. */
  value?: number
}

const op = tensorOp('aten::pad')

/**
 * With a border around the last dimensions. A negative width cuts off as many elements.
 *
 * @param input of any shape; for the modes other than `'constant'`, with one or two dimensions before those of the border
 * @param pad widths in pairs, from the last dimension on: [left, right], [left, right, top, bottom], …
 * @example nn.functional.pad(torch.ones([2, 3]), [1, 2]) // (2, 6), with zeros on both sides of each row
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
 */
export function pad(input: Tensor, pad: readonly number[], options: PadOptions = {}): Tensor {
  checkOptions('pad', options, ['mode', 'value'])
  const { mode = 'constant', value = null } = options
  if (!MODES.includes(mode)) {
    const modes = MODES.map((mode) => `'${mode}'`).join(', ')
    throw torchError('ERR_TORCH_VALUE', `mode must be one of ${modes}, got ${describe(mode)}`, { op: 'pad' })
  }
  return op(input, pad, mode, value)
}
