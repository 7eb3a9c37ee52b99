import { checkOptions } from '../../check.ts'
import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'
import { tensorOp } from '../../tensor/packet.ts'
import type { Tensor } from '../../tensor/tensor.ts'

const MODES = ['constant', 'reflect', 'replicate', 'circular'] as const

/**
 * How the padding is filled: with one value, by reflection at the edge, by repeating the edge, or from the other end.
 */
export type PadMode = (typeof MODES)[number]

export interface PadOptions {
  /** Default `'constant'`. */
  mode?: PadMode
  /** The value for `'constant'`; not allowed in other modes. Default 0. */
  value?: number
}

const op = tensorOp('aten::pad')

/**
 * Pads the last dimensions. A negative width removes that many elements.
 *
 * @param input of any shape; for the modes other than `'constant'`, with one or two dimensions before the padded ones
 * @param pad pairs of widths, starting with the last dimension: [left, right], [left, right, top, bottom], …
 * @example nn.functional.pad(torch.ones([2, 3]), [1, 2]) // (2, 6), with zeros on both sides of each row
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
 */
export function pad(input: Tensor, pad: readonly number[], options: PadOptions = {}, ...none: undefined[]): Tensor {
  checkOptions('pad', options, ['mode', 'value'], none)
  const { mode = 'constant', value = null } = options
  if (!MODES.includes(mode)) {
    const modes = MODES.map((mode) => `'${mode}'`).join(', ')
    throw torchError('ERR_TORCH_VALUE', `mode must be one of ${modes}, got ${describe(mode)}`, { op: 'pad' })
  }
  return op(input, pad, mode, value)
}
