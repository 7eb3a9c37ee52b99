import { keeps } from '../inheritance.ts'
import { RecurrentModel } from '../models/model.ts'
import { partsOf } from '../models/parts.ts'
import { GRU, Linear, LSTM, MSELoss, RNN } from '../nn/index.ts'
import type { Module } from '../nn/module.ts'
import { mseGradients, type RecurrentModule } from '../nn/recurrent.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Loss } from './criterion.ts'

/**
 * Adds the gradients of a batch's loss to those of the parameters, and returns the loss; `undefined` if autograd has to
 * do it.
 */
export type Gradients = (input: Tensor, target: Tensor) => Tensor | undefined

function isMeanSquaredError(loss: Loss): boolean {
  return loss === 'mse' || (loss instanceof MSELoss && loss.reduction === 'mean' && keeps(loss, MSELoss))
}

/** The parts of a model, and the methods that the direct path replaces. */
interface Plain {
  readonly network: RecurrentModule
  readonly linear: Linear
  readonly forwards: readonly unknown[]
}

/** The parts of a model, if they compute what their classes define, and nothing that has no gradients here. */
function plain(model: RecurrentModel): Plain | undefined {
  const parts = partsOf(model)
  if (parts === undefined || !keeps(parts.linear, Linear)) return undefined
  const { embedding, output, outputDropout, horizon } = parts
  if (embedding !== null || output !== 'sequence' || outputDropout > 0 || horizon !== null) return undefined
  const isPlain = [LSTM, GRU, RNN].some((Class) => keeps(parts.network, Class))
  return isPlain
    ? { ...parts, forwards: [model, parts.network, parts.linear].map(({ forward }) => forward) }
    : undefined
}

/** Whether a model still has the same parts, unchanged: the head may have been replaced since. */
function isStill(model: RecurrentModel, { network, linear, forwards }: Plain): boolean {
  return (
    model.network === network &&
    model.linear === linear &&
    model.outputDropout === 0 &&
    model.forward === forwards[0] &&
    network.forward === forwards[1] &&
    linear.forward === forwards[2]
  )
}

/**
 * The mean squared error and its gradients without autograd, for a model that is a recurrent network and a linear head
 * with no user overrides. A small network trains nearly twice as fast. `strict`: a target that would be broadcast is an
 * error instead of a warning.
 */
export function directGradients(model: Module, loss: Loss, strict = false): Gradients | undefined {
  if (!(model instanceof RecurrentModel) || !isMeanSquaredError(loss)) return undefined
  let parts = plain(model)
  if (parts === undefined) return undefined
  return (input, target) => {
    if (parts !== undefined && !isStill(model, parts)) parts = plain(model)
    if (parts === undefined) return undefined
    const { weight, bias } = parts.linear
    return mseGradients(parts.network, input, bias === null ? [weight] : [weight, bias], target, strict)
  }
}
