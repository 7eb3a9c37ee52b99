import { keeps } from '../inheritance.ts'
import type { Embedding } from '../nn/embedding.ts'
import type { Linear } from '../nn/linear.ts'
import type { RecurrentModule } from '../nn/recurrent.ts'
import type { RecurrentModel } from './model.ts'
import type { OutputMode } from './options.ts'

/** What a model computes, in this order. */
export interface Parts {
  readonly embedding: Embedding | null
  readonly network: RecurrentModule
  readonly output: OutputMode
  readonly outputDropout: number
  readonly linear: Linear
  readonly horizon: number | null
}

type ModelClass = abstract new (...args: never[]) => RecurrentModel

const plain: ModelClass[] = []

/** Notes that a class computes what its {@link Parts} say. */
export function markPlain(Class: ModelClass): void {
  plain.push(Class)
}

/** What `forward` of a model computes, if it is what its class in this library defines, else `undefined`. */
export function partsOf(model: RecurrentModel): Parts | undefined {
  if (!plain.some((Class) => keeps(model, Class))) return undefined
  const { embedding, network, output, outputDropout, linear, horizon } = model
  return { embedding, network, output, outputDropout, linear, horizon }
}
