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
  /** If `true`, the rows are not updated in training. Default `true`. */
  freeze?: boolean
}

/** The option that holds the rows of a pretrained table. */
const ROWS = Symbol('rows')

const LOOKUP = ['paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq'] as const

/**
 * A table of vectors, looked up by integers: (…) -> (…, embeddingDim). `weight` is (numEmbeddings, embeddingDim),
 * initialized from the standard normal distribution, with zeros in row `paddingIdx`.
 *
 * @example
 * const embedding = new nn.Embedding(1000, 64, { paddingIdx: 0 })
 * embedding.forward(torch.tensor([[5, 2, 0, 0]], { dtype: 'int64' })) // (1, 4, 64)
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html
 */
export class Embedding extends Module {
  /** The number of vectors in the table. */
  readonly numEmbeddings: number
  /** The length of each vector. */
  readonly embeddingDim: number
  /** The row that is not updated (a non-negative index), or `null`. */
  readonly paddingIdx: number | null
  /** Rows with a larger norm are scaled down to this norm when they are read; `null` for no limit. */
  readonly maxNorm: number | null
  /** The p of the p-norm for `maxNorm`. */
  readonly normType: number
  /** Whether the gradient of a row is divided by the row's frequency in the input. */
  readonly scaleGradByFreq: boolean
  /** The vectors (numEmbeddings, embeddingDim). */
  declare weight: Parameter

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}, ...none: undefined[]) {
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
    this.registerParameter('weight', new Parameter(pretrained ?? empty([numEmbeddings, embeddingDim], factory)))
    if (pretrained === undefined) this.resetParameters()
  }

  /**
   * An embedding that uses these rows (numEmbeddings, embeddingDim) and shares their memory.
   *
   * @example nn.Embedding.fromPretrained(torch.tensor([[1, 2.3, 3], [4, 5.1, 6.3]]), { freeze: false })
   */
  static fromPretrained(embeddings: Tensor, options: PretrainedOptions = {}, ...none: undefined[]): Embedding {
    checkOptions('fromPretrained', options, [...LOOKUP, 'freeze'], none)
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

  /** Reinitializes the vectors from the standard normal distribution, and row `paddingIdx` with zeros. */
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
