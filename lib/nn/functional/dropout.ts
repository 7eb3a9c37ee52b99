import { checkOptions } from '../../options.ts'
import { tensorOp } from '../../tensor/packet.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { requireProbability } from '../check.ts'
import type { InplaceOptions } from './activation.ts'

const ops = { dropout: tensorOp('aten::dropout'), dropout_: tensorOp('aten::dropout_') }

export interface DropoutOptions extends InplaceOptions {
  /** Default 0.5. */
  p?: number
  /** Default `true`. */
  training?: boolean
}

/** Zeroes elements with probability p, and scales the others by 1 / (1 - p), where `training`. */
export function dropout(input: Tensor, options: DropoutOptions = {}): Tensor {
  checkOptions('dropout', options, ['p', 'training', 'inplace'])
  const { p = 0.5, training = true, inplace = false } = options
  requireProbability(p)
  return (inplace ? ops.dropout_ : ops.dropout)(input, p, training)
}
