import { Dropout, functional, LayerNorm, Linear, Module, ModuleList } from '../../nn/index.ts'
import { tensor } from '../../tensor/creation.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { WindowModel, type WindowSizes } from './window-model.ts'

export interface TransformerOptions {
  /** The size of the vector of each step. */
  hiddenSize: number
  numLayers?: number
  /** After attention and after the two layers of each step. */
  dropout?: number
  /** Before the head. */
  outputDropout?: number
  /** What the head sees of the outputs of all steps. */
  output?: 'last' | 'mean' | 'max'
}

/** The heads of attention: 4 if they divide the size, else 2, else 1. */
const headsOf = (size: number): number => [4, 2].find((heads) => size % heads === 0) ?? 1

/** Each step as a weighted mean of all steps: softmax(Q Kᵀ / √d) V, in several heads. (N, L, D) -> (N, L, D). */
class Attention extends Module {
  readonly heads: number
  readonly project: Linear
  readonly out: Linear

  constructor(size: number) {
    super()
    this.heads = headsOf(size)
    this.project = new Linear(size, 3 * size)
    this.out = new Linear(size, size)
  }

  override forward(input: Tensor): Tensor {
    // (3, N, heads, L, D / heads)
    const parts = this.project.forward(input).unflatten(-1, [3, this.heads, -1]).permute([2, 0, 3, 1, 4])
    const [query, key, value] = [parts.select(0, 0), parts.select(0, 1), parts.select(0, 2)]
    const scores = query.matmul(key.transpose(-2, -1)).div(Math.sqrt(query.size(-1)))
    return this.out.forward(scores.softmax(-1).matmul(value).transpose(1, 2).flatten(2))
  }
}

/** A layer of the encoder, normalized before each part, with four times the size within. */
class Layer extends Module {
  readonly norm1: LayerNorm
  readonly attention: Attention
  readonly norm2: LayerNorm
  readonly linear1: Linear
  readonly linear2: Linear
  readonly dropout: Dropout

  constructor(size: number, dropout: number) {
    super()
    this.norm1 = new LayerNorm(size)
    this.attention = new Attention(size)
    this.norm2 = new LayerNorm(size)
    this.linear1 = new Linear(size, 4 * size)
    this.linear2 = new Linear(4 * size, size)
    this.dropout = new Dropout(dropout)
  }

  override forward(input: Tensor): Tensor {
    const seen = input.add(this.dropout.forward(this.attention.forward(this.norm1.forward(input))))
    const inner = functional.relu(this.linear1.forward(this.norm2.forward(seen)))
    return seen.add(this.dropout.forward(this.linear2.forward(inner)))
  }
}

/**
 * The encoder of a Transformer over the steps of a window, with sines and cosines for their places, and a linear head.
 * Layers are normalized before each part, which trains without a warmup.
 *
 * @see Vaswani et al., Attention is all you need, https://arxiv.org/abs/1706.03762
 * @see Xiong et al., On layer normalization in the Transformer architecture, https://arxiv.org/abs/2002.04745
 */
export class TransformerModel extends WindowModel {
  readonly embed: Linear
  readonly layers: ModuleList<Layer>
  readonly norm: LayerNorm
  readonly outputDropout: Dropout
  readonly linear: Linear
  declare readonly places: Tensor

  constructor(sizes: WindowSizes, options: TransformerOptions) {
    const { past, inputSize, horizon, outputSize } = sizes
    const { hiddenSize, numLayers = 1, dropout = 0, outputDropout = 0, output = 'last' } = options
    const size = { past, inputSize, horizon, outputSize }
    super({ model: 'transformer', ...size, hiddenSize, numLayers, dropout, outputDropout, output })
    this.embed = new Linear(inputSize, hiddenSize)
    this.layers = new ModuleList(Array.from({ length: numLayers }, () => new Layer(hiddenSize, dropout)))
    this.norm = new LayerNorm(hiddenSize)
    this.outputDropout = new Dropout(outputDropout)
    this.linear = new Linear(hiddenSize, horizon * outputSize)
    this.registerBuffer('places', placesOf(past, hiddenSize), { persistent: false })
  }

  /** @param input (N, past, inputSize) */
  override forward(input: Tensor): Tensor {
    let steps = this.embed.forward(input).add(this.places)
    for (const layer of this.layers) steps = layer.forward(steps)
    const seen = pooled(this.norm.forward(steps), this.config.output as 'last' | 'mean' | 'max')
    return this.linear.forward(this.outputDropout.forward(seen)).unflatten(-1, [this.config.horizon, -1])
  }
}

function pooled(steps: Tensor, output: 'last' | 'mean' | 'max'): Tensor {
  if (output === 'last') return steps.select(1, -1)
  if (output === 'mean') return steps.mean(1)
  return steps.max(1)[0]
}

/** sin(t / 10000^(2i / D)) and cos of the same, one behind the other: (L, D). */
function placesOf(length: number, size: number): Tensor {
  const values = new Float32Array(length * size)
  for (let t = 0; t < length; t++) {
    for (let i = 0; i < size; i++) {
      const angle = t / 10_000 ** ((2 * Math.floor(i / 2)) / size)
      values[t * size + i] = i % 2 === 0 ? Math.sin(angle) : Math.cos(angle)
    }
  }
  return tensor(values, { shape: [length, size] })
}
