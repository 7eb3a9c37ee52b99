import { keeps } from '../inheritance.ts'
import type { Embedding } from '../nn/embedding.ts'
import type { Linear } from '../nn/linear.ts'
import type { RecurrentModule } from '../nn/recurrent.ts'
import { RecurrentModel } from './model.ts'
import type { OutputMode } from './options.ts'
import { RNNModel } from './rnn.ts'

/** What a model computes, in this order. */
export interface Parts {
  readonly embedding: Embedding | null
  readonly network: RecurrentModule
  readonly output: OutputMode
  readonly outputDropout: number
  readonly linear: Linear
  readonly horizon: number | null
}

/** What `forward` of a model computes, if it is what its class in this library defines, else `undefined`. */
export function partsOf(model: RecurrentModel): Parts | undefined {
  // The zero state of an RNNModel is the default of its network.
  if (!keeps(model, model instanceof RNNModel ? RNNModel : RecurrentModel)) return undefined
  const { embedding, network, output, outputDropout, linear, horizon } = model
  return { embedding, network, output, outputDropout, linear, horizon }
}
