import { checkOptions, requireNone, requireProbability } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { tidy } from '../../tensor/context.ts'
import { tensorOp } from '../../tensor/packet.ts'
import { requireTensor, type Tensor } from '../../tensor/tensor.ts'
import { warnOnce } from '../../tensor/warning.ts'
import type { InplaceOptions } from './activation.ts'

const ops = {
  dropout: tensorOp('aten::dropout'),
  dropout_: tensorOp('aten::dropout_'),
  alpha: tensorOp('aten::alpha_dropout'),
  alpha_: tensorOp('aten::alpha_dropout_'),
  channels: tensorOp('aten::feature_dropout'),
  channels_: tensorOp('aten::feature_dropout_'),
}

export interface DropoutOptions extends InplaceOptions {
  /** Default 0.5. */
  p?: number
  /** Default `true`. */
  training?: boolean
}

function settingsOf(name: string, options: DropoutOptions, trains = true): Required<DropoutOptions> {
  checkOptions(name, options, ['p', 'training', 'inplace'])
  const { p = 0.5, training = trains, inplace = false } = options
  requireProbability(name, 'p', p)
  return { p, training, inplace }
}

/**
 * With `training`, zeroes elements with probability p and scales the others by 1 / (1 - p). The input can have any
 * shape.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html
 */
export function dropout(input: Tensor, options: DropoutOptions = {}, ...none: undefined[]): Tensor {
  requireNone('dropout', none)
  const { p, training, inplace } = settingsOf('dropout', options)
  return (inplace ? ops.dropout_ : ops.dropout)(input, p, training)
}

/**
 * With `training`, dropout for networks with SELU: elements take SELU's lowest value with probability p, and all are
 * scaled and shifted so that mean 0 and variance 1 are kept (Klambauer et al., 2017). The input can have any shape.
 *
 * @param options.training Default `false`, as in PyTorch, unlike in the other dropouts.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.alpha_dropout.html
 */
export function alphaDropout(input: Tensor, options: DropoutOptions = {}, ...none: undefined[]): Tensor {
  requireNone('alphaDropout', none)
  const { p, training, inplace } = settingsOf('alphaDropout', options, false)
  return (inplace ? ops.alpha_ : ops.alpha)(input, p, training)
}

/**
 * With `training`, zeroes whole channels with probability p and scales the others by 1 / (1 - p).
 *
 * @param input (N, C, L), or (C, L) without a batch
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout1d.html
 */
export function dropout1d(input: Tensor, options: DropoutOptions = {}, ...none: undefined[]): Tensor {
  requireNone('dropout1d', none)
  const { p, training, inplace } = settingsOf('dropout1d', options)
  requireTensor('dropout1d', 'input', input)
  const { ndim } = input
  if (ndim !== 2 && ndim !== 3) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `dropout1d: Expected 2D or 3D input, but received a ${ndim}D input. Note that dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs).`,
      { op: 'dropout1d' },
    )
  }
  const op = inplace ? ops.channels_ : ops.channels
  if (ndim === 3) return op(input, p, training)
  const output = tidy(() => op(input.unsqueeze(0), p, training).squeeze(0))
  if (!inplace) return output
  // The operation wrote to the input through a view.
  output.dispose()
  return input
}

/**
 * With `training`, zeroes whole channels with probability p and scales the others by 1 / (1 - p).
 *
 * @param input (N, C, H, W). As in PyTorch, other shapes are read as (N, C, …), with a warning: in (C, H, W), rows are
 *   the channels.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout2d.html
 */
export function dropout2d(input: Tensor, options: DropoutOptions = {}, ...none: undefined[]): Tensor {
  requireNone('dropout2d', none)
  const { p, training, inplace } = settingsOf('dropout2d', options)
  requireTensor('dropout2d', 'input', input)
  const { ndim } = input
  if (ndim !== 4) {
    warnOnce(
      `dropout2d: the input should be (N, C, H, W), but is ${ndim}-D: it is taken as (N, C, …), and each element of its first two dimensions is dropped as a whole. Use dropout1d for (N, C, L), and dropout for single elements.`,
    )
  }
  return (inplace ? ops.channels_ : ops.channels)(input, p, training)
}
