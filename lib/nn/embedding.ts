import { checkOptions, requireInteger } from '../check.ts'
import { torchError } from '../errors.ts'
import { noGrad, tidy } from '../tensor/context.ts'
import { empty } from '../tensor/creation.ts'
import { requireTensor, type Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'
import type { FactoryOptions } from './factory.ts'
import { type EmbeddingLookup, embedding } from './functional/embedding.ts'
import { normal_ } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { python, pythonFloat } from './repr.ts'
import { paddingRow } from './size.ts'

export interface EmbeddingOptions extends FactoryOptions, EmbeddingLookup {}

export interface PretrainedOptions extends EmbeddingLookup {
  /** Whether the rows stay as they are in training. Default `true`. */
  freeze?: boolean
}

/** Among the options, the rows of a table that is not to be drawn. */
const ROWS = Symbol('rows')

const LOOKUP = ['paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq'] as const

/**
 * A table of vectors, looked up by integers: (…) -> (…, embeddingDim). `weight` is (numEmbeddings, embeddingDim), from
 * the standard normal distribution at first, and 0 in the row `paddingIdx`.
 *
 * @example
 * const embedding = new nn.Embedding(1000, 64, { paddingIdx: 0 })
 * embedding.forward(torch.tensor([[5, 2, 0, 0]], { dtype: 'int64' })) // (1, 4, 64)
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html
 */
export class Embedding extends Module {
  /** How many vectors the table has. */
  readonly numEmbeddings: number
  /** How long each vector is. */
  readonly embeddingDim: number
  /** The row that is not learned, counted from the start, or `null`. */
  readonly paddingIdx: number | null
  /** The norm that rows are scaled down to before they are read, or `null`. */
  readonly maxNorm: number | null
  /** The p of that norm. */
  readonly normType: number
  /** Whether the gradient of a row is divided by how often it occurs in the input. */
  readonly scaleGradByFreq: boolean
  /** The vectors (numEmbeddings, embeddingDim). */
  weight: Parameter

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}, ...none: never[]) {
    super()
    checkArguments('Embedding', options, [...LOOKUP, 'device', 'dtype'], none)
    const { [ROWS]: pretrained } = options as { [ROWS]?: Tensor }
    const { paddingIdx = null, maxNorm = null, normType = 2, scaleGradByFreq = false, ...factory } = options
    for (const [name, size] of Object.entries({ numEmbeddings, embeddingDim })) {
      requireInteger('Embedding', name, size, 0)
    }
    this.numEmbeddings = numEmbeddings
    this.embeddingDim = embeddingDim
    this.paddingIdx = paddingRow(paddingIdx, numEmbeddings)
    this.maxNorm = maxNorm
    this.normType = normType
    this.scaleGradByFreq = scaleGradByFreq
    this.weight = new Parameter(pretrained ?? empty([numEmbeddings, embeddingDim], factory))
    if (pretrained === undefined) this.resetParameters()
  }

  /**
   * The table of these rows (numEmbeddings, embeddingDim), whose memory it shares.
   *
   * @example nn.Embedding.fromPretrained(torch.tensor([[1, 2.3, 3], [4, 5.1, 6.3]]), { freeze: false })
   */
  static fromPretrained(embeddings: Tensor, options: PretrainedOptions = {}): Embedding {
    checkOptions('fromPretrained', options, [...LOOKUP, 'freeze'])
    const { freeze = true, ...rest } = options
    requireTensor('Embedding.fromPretrained', 'embeddings', embeddings)
    const [rows, columns, ...more] = embeddings.shape
    if (rows === undefined || columns === undefined || more.length > 0) {
      throw torchError('ERR_TORCH_VALUE', 'Embeddings parameter is expected to be 2-dimensional', { op: 'Embedding' })
    }
    const made = new this(rows, columns, { ...rest, [ROWS]: embeddings } as EmbeddingOptions)
    made.weight.requiresGrad_(!freeze)
    return made
  }

  /** Draws the vectors anew from a normal distribution; that of `paddingIdx` is zeros. */
  resetParameters(): void {
    normal_(this.weight)
    const padding = this.paddingIdx
    if (padding !== null) noGrad(() => tidy(() => void this.weight.index(padding).fill_(0)))
  }

  /** @param input int64 or int32, of any shape, from 0 to numEmbeddings - 1 */
  override forward(input: Tensor): Tensor {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq } = this
    return embedding(input, this.weight, { paddingIdx, maxNorm, normType, scaleGradByFreq })
  }

  protected override extraRepr(): string {
    return [
      `${this.numEmbeddings}, ${this.embeddingDim}`,
      ...(this.paddingIdx === null ? [] : [`padding_idx=${this.paddingIdx}`]),
      ...(this.maxNorm === null ? [] : [`max_norm=${pythonFloat(this.maxNorm)}`]),
      ...(this.normType === 2 ? [] : [`norm_type=${pythonFloat(this.normType)}`]),
      ...(this.scaleGradByFreq ? [`scale_grad_by_freq=${python(true)}`] : []),
    ].join(', ')
  }
}
