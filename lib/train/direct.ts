import { keeps } from '../inheritance.ts'
import { type Parts, RecurrentModel } from '../models/model.ts'
import { GRU, Linear, LSTM, MSELoss, RNN } from '../nn/index.ts'
import type { Module } from '../nn/module.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Loss } from './criterion.ts'

/**
 * Adds the gradients of the loss of a batch to those of the parameters, and gives the loss; `undefined` where autograd
 * has to do it.
 */
export type Gradients = (input: Tensor, target: Tensor) => Tensor | undefined

function isMeanSquaredError(loss: Loss): boolean {
  return loss === 'mse' || (loss instanceof MSELoss && loss.reduction === 'mean' && keeps(loss, MSELoss))
}

/** The parts of a model, and the methods that the short cut stands for. */
interface Plain extends Parts {
  readonly forwards: readonly unknown[]
}

/** The parts of a model, where they compute what their classes define. */
function plain(model: RecurrentModel): Plain | undefined {
  const { parts } = model
  if (parts === undefined || !keeps(parts.linear, Linear)) return undefined
  const isPlain = [LSTM, GRU, RNN].some((Class) => keeps(parts.network, Class))
  return isPlain
    ? { ...parts, forwards: [model, parts.network, parts.linear].map(({ forward }) => forward) }
    : undefined
}

/** Whether a model has still the parts that it had, unchanged: someone may have put another head in since. */
function isStill(model: RecurrentModel, { network, linear, forwards }: Plain): boolean {
  return (
    model.network === network &&
    model.linear === linear &&
    model.forward === forwards[0] &&
    network.forward === forwards[1] &&
    linear.forward === forwards[2]
  )
}

/**
 * The mean squared error of a model without a detour over autograd, where the model is a recurrent network and a linear
 * head, and nothing of it is the user's own. A small network trains nearly twice as fast with it. `strict`: a target that
 * would have to be broadcast is an error instead of a warning.
 */
export function directGradients(model: Module, loss: Loss, strict = false): Gradients | undefined {
  if (!(model instanceof RecurrentModel) || !isMeanSquaredError(loss)) return undefined
  let parts = plain(model)
  if (parts === undefined) return undefined
  return (input, target) => {
    if (parts !== undefined && !isStill(model, parts)) parts = plain(model)
    if (parts === undefined) return undefined
    const { weight, bias } = parts.linear
    return parts.network.mseGradients(input, bias === null ? [weight] : [weight, bias], target, strict)
  }
}
