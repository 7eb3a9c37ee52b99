import { checkOptions, invalid, requireBoolean, requireInteger } from '../check.ts'
import { torchError } from '../errors.ts'
import { opaque } from '../opaque.ts'
import { tidy } from '../tensor/context.ts'
import { tensorOp } from '../tensor/packet.ts'
import { requireTensor, type Tensor } from '../tensor/tensor.ts'
import type { NamedBatch } from './batch.ts'

export interface TextDatasetOptions {
  /** The rows N that the text is cut into, which are read side by side. */
  batchSize: number
  /** The steps L of a batch, through which gradients flow back. */
  sequenceLength: number
  /** `true`: (N, L), `false`: (L, N). Default `true`. */
  batchFirst?: boolean
}

/** One batch of a text. */
export interface TextBatch extends NamedBatch {
  /** (N, L), int64; L of the last batch may be less. */
  input: Tensor
  /** The next token of each step. */
  target: Tensor
  /**
   * Whether it is the first batch of a pass, to be computed with a state of zeros. Each other one goes on where the one
   * before ended, row by row: with its final state, detached.
   */
  first: boolean
}

const narrow = tensorOp('aten::narrow')
const transpose = tensorOp('aten::transpose.int')

/**
 * A long text in contiguous batches, for truncated back-propagation through time. Its T tokens are cut into N rows of
 * S = ⌊(T - 1) / N⌋ steps; the batches go through all rows side by side, L steps at a time. Their order is fixed, since
 * the state of a recurrent model is carried from one to the next. At most N tokens at the end are left out.
 *
 * Batches are views of the text. Each iteration makes new tensors: use them within a `tidy`, or dispose them.
 *
 * @example
 * let state
 * for (const { input, target, first } of new TextDataset(tokens, { batchSize: 32, sequenceLength: 64 })) {
 *   const [output, hN] = gru.forward(embedding.forward(input), first ? undefined : state)
 *   state = hN.detach()
 * }
 */
export class TextDataset implements Iterable<TextBatch> {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('TextDataset', 'use its batches')
  readonly batchSize: number
  readonly sequenceLength: number
  readonly batchFirst: boolean
  /** The number of steps S of each row. */
  readonly steps: number
  /** The number of batches of a pass. */
  readonly length: number
  readonly #tokens: Tensor

  constructor(tokens: Tensor, options: TextDatasetOptions, ...none: undefined[]) {
    requireTensor('TextDataset', 'tokens', tokens)
    checkOptions('TextDataset', options, ['batchSize', 'sequenceLength', 'batchFirst'], none)
    const { batchSize, sequenceLength, batchFirst = true } = options
    requireInteger('TextDataset', 'batchSize', batchSize, 1)
    requireInteger('TextDataset', 'sequenceLength', sequenceLength, 1)
    requireBoolean('TextDataset', 'batchFirst', batchFirst)
    if (tokens.ndim !== 1) {
      throw torchError('ERR_TORCH_SHAPE', `TextDataset: tokens must be 1-D, one long text, got ${tokens.ndim}-D`)
    }
    if (tokens.dtype !== 'int64') {
      throw invalid(
        'TextDataset',
        'tokens',
        'of dtype int64, as vocabulary.encode returns it',
        tokens.dtype,
        'ERR_TORCH_DTYPE',
      )
    }
    const steps = Math.floor((tokens.size(0) - 1) / batchSize)
    if (steps < 1) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `TextDataset: ${tokens.size(0)} tokens are too few for ${batchSize} rows: each step needs a next token`,
      )
    }
    this.batchSize = batchSize
    this.sequenceLength = sequenceLength
    this.batchFirst = batchFirst
    this.steps = steps
    this.length = Math.ceil(steps / sequenceLength)
    this.#tokens = tokens
  }

  /** The batch with this index, from 0 to `length` - 1. */
  batch(index: number): TextBatch {
    requireInteger('TextDataset.batch', 'index', index, 0, this.length - 1)
    const start = index * this.sequenceLength
    const length = Math.min(this.sequenceLength, this.steps - start)
    return { input: this.#cut(start, length, 0), target: this.#cut(start, length, 1), first: index === 0 }
  }

  *[Symbol.iterator](): Generator<TextBatch> {
    for (let index = 0; index < this.length; index++) yield this.batch(index)
  }

  /** The steps from `start` on of each row, `ahead` tokens later. */
  #cut(start: number, length: number, ahead: number): Tensor {
    const { batchSize, steps } = this
    return tidy(() => {
      const rows = narrow(this.#tokens, 0, ahead, batchSize * steps).view([batchSize, steps])
      const cut = narrow(rows, 1, start, length)
      return this.batchFirst ? cut : transpose(cut, 0, 1)
    })
  }
}
