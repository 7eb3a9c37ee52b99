import type { NamedBatch } from '../data/batch.ts'
import { keeps } from '../inheritance.ts'
import { RecurrentModel } from '../models/model.ts'
import { packedOf, repacked } from '../models/output.ts'
import { partsOf } from '../models/parts.ts'
import { GRU, Linear, LSTM, MSELoss, RNN } from '../nn/index.ts'
import { LOSSES } from '../nn/loss.ts'
import type { Module } from '../nn/module.ts'
import { type Head, modelOutput, mseGradients, type RecurrentModule } from '../nn/recurrent.ts'
import { padPackedSequence } from '../nn/utils/rnn.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Loss } from './criterion.ts'

/** A way to train a model that builds no graph. Each function returns `undefined` if the model has to do it itself. */
export interface Direct {
  /** The model's output. All that its graph is good for is `backward` of a loss, which trains the parameters. */
  output(batch: NamedBatch): Tensor | undefined
  /** Adds the gradients of a batch's loss to those of the parameters, and returns the loss. Only for a mean of squares. */
  gradients(batch: NamedBatch): Tensor | undefined
}

function isMeanSquaredError(loss: Loss): boolean {
  return loss === 'mse' || (loss instanceof MSELoss && loss.reduction === 'mean' && keeps(loss, MSELoss))
}

/** Whether a loss is one of this library, which uses no more of an output than its values. */
export function isOwn(loss: Loss): boolean {
  if (typeof loss !== 'object') return typeof loss === 'string'
  return Object.values(LOSSES).some((Class) => keeps(loss, Class))
}

/** The parts of a model, and the methods that the direct path replaces. */
interface Plain {
  readonly network: RecurrentModule
  readonly linear: Linear
  readonly last: boolean
  readonly horizon: number | null
  readonly forwards: readonly unknown[]
}

/** The parts of a model, if they compute what their classes define, and nothing that has no gradients here. */
function plain(model: RecurrentModel): Plain | undefined {
  const parts = partsOf(model)
  if (parts === undefined || !keeps(parts.linear, Linear)) return undefined
  const { network, linear, embedding, output, horizon } = parts
  if (embedding !== null || (output !== 'sequence' && output !== 'last')) return undefined
  if (![LSTM, GRU, RNN].some((Class) => keeps(network, Class))) return undefined
  const forwards = [model, network, linear].map(({ forward }) => forward)
  return { network, linear, last: output === 'last', horizon, forwards }
}

/** Whether a model still has the same parts, unchanged: the head may have been replaced since. */
function isStill(model: RecurrentModel, { network, linear, forwards }: Plain): boolean {
  return (
    model.network === network &&
    model.linear === linear &&
    model.forward === forwards[0] &&
    network.forward === forwards[1] &&
    linear.forward === forwards[2]
  )
}

/** Whether a batch has nothing for the model but an input and lengths. */
function isPlain({ input, target, mask, weight, lengths, first, ...others }: NamedBatch): boolean {
  return Object.values(others).every((part) => part === undefined)
}

/**
 * Trains a model that is a recurrent network and a linear head, with no user overrides, by a loss of this library. A
 * small network trains nearly twice as fast. `strict`: a target that would be broadcast is an error instead of a warning.
 */
export function directOf(model: Module, loss: Loss, strict = false): Direct | undefined {
  if (!(model instanceof RecurrentModel) || !isOwn(loss)) return undefined
  let known = plain(model)
  if (known === undefined) return undefined
  const partsNow = (batch: NamedBatch): Plain | undefined => {
    if (known !== undefined && !isStill(model, known)) known = plain(model)
    // An input of another dtype is an error, for the network to tell.
    const fits = known !== undefined && batch.input.dtype === known.linear.weight.dtype
    return fits && isPlain(batch) ? known : undefined
  }
  const headOf = ({ linear: { weight, bias }, last }: Plain): Head => ({
    parameters: bias === null ? [weight] : [weight, bias],
    last,
    dropout: model.training ? model.outputDropout : 0,
  })
  const squares = isMeanSquaredError(loss)
  return {
    output: (batch) => {
      const parts = partsNow(batch)
      return parts && outputOf(model, parts, headOf(parts), batch)
    },
    gradients: (batch) => {
      const isPair = Object.keys(batch).length === 2
      const parts = squares && isPair ? partsNow(batch) : undefined
      if (parts === undefined || parts.horizon !== null) return undefined
      return mseGradients(parts.network, batch.input, headOf(parts), batch.target, strict)
    },
  }
}

function outputOf(
  model: RecurrentModel,
  { network, last, horizon }: Plain,
  head: Head,
  { input, lengths }: NamedBatch,
): Tensor | undefined {
  const { batchFirst } = model
  const split = (output: Tensor | undefined): Tensor | undefined =>
    horizon === null ? output : output?.unflatten(-1, [horizon, -1])
  if (lengths === undefined) return split(modelOutput(network, input, head))
  const name = `${model.constructor.name}.forward`
  const { packed, totalLength } = packedOf(name, input, lengths, { batchFirst, dims: 3 })
  const output = modelOutput(network, packed, head)
  if (output === undefined || last) return split(output)
  return split(padPackedSequence(repacked(packed, output), { batchFirst, totalLength })[0])
}
