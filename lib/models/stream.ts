import { torchError } from '../errors.ts'
import { keeps } from '../inheritance.ts'
import type { StreamedModel } from '../native/addon.ts'
import { Embedding } from '../nn/embedding.ts'
import { Linear } from '../nn/linear.ts'
import { openStream } from '../nn/recurrent.ts'
import type { RecurrentStream, StreamOptions } from '../nn/stream.ts'
import { weightIds } from '../nn/weights.ts'
import { native } from '../tensor/binding.ts'
import type { RecurrentModel } from './model.ts'
import { partsOf } from './parts.ts'

/** What the streams of a model share: copies of its embedding and head. */
const plans = new WeakMap<RecurrentModel, object>()

const POOLING = { sequence: 0, last: 0, mean: 1, max: 2 } as const

/** Why native code cannot compute what `forward` of a model does, or `undefined` if it can. */
export function whyNotNative(model: RecurrentModel): string | undefined {
  const { embedding, linear } = model
  const isPlain =
    partsOf(model) !== undefined &&
    keeps(linear, Linear) &&
    (embedding === null || (keeps(embedding, Embedding) && embedding.maxNorm === null))
  return isPlain ? undefined : 'a subclass, a hook, a replaced part or maxNorm changes that'
}

/** What native code needs to know of a model around its network. */
export function streamedModel(model: RecurrentModel): StreamedModel {
  const { embedding, output, linear } = model
  const plan = plans.get(model) ?? native.modelPlan()
  plans.set(model, plan)
  return {
    plan,
    embedding: embedding === null ? new Uint32Array() : weightIds(embedding, ['weight']),
    head: weightIds(linear, linear.bias === null ? ['weight'] : ['weight', 'bias']),
    pooling: POOLING[output],
    outputSize: linear.weight.size(0),
  }
}

/** The work of {@link RecurrentModel.stream}. */
export function streamOf(model: RecurrentModel, options: StreamOptions): RecurrentStream {
  const { name } = model.constructor
  const reason = whyNotNative(model)
  if (reason !== undefined) {
    throw torchError(
      'ERR_TORCH_NOT_IMPLEMENTED',
      `${name}.stream: a stream computes what ${name} of this library does, but here ${reason}: call forward with one step and the previous state`,
      { op: `${name}.stream` },
    )
  }
  return openStream(model.network, name, options, streamedModel(model))
}
