import { invalid } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { RecurrentModel } from '../models/model.ts'
import { Embedding } from '../nn/embedding.ts'
import { evaluating } from '../nn/evaluating.ts'
import { Module } from '../nn/module.ts'
import { RecurrentModule } from '../nn/recurrent.ts'
import { type Lengths, PackedSequence, packPaddedSequence } from '../nn/utils/rnn.ts'
import { requireLengths } from '../nn/utils/sequences.ts'
import { enableGrad, noGrad, tidy } from '../tensor/context.ts'
import { fullLike } from '../tensor/creation.ts'
import { isFloatingPoint } from '../tensor/dtype.ts'
import { grad } from '../tensor/gradient.ts'
import { functions } from '../tensor/methods.ts'
import { isTensor, requireTensor, type Tensor } from '../tensor/tensor.ts'
import { ExplainedValue } from './explained-value.ts'

/** Some of the sequences of the input, from `start` on. */
export interface Slice {
  readonly start: number
  readonly count: number
}

export interface ExplainedModelOptions {
  readonly target: unknown
  readonly lengths: Lengths | null | undefined
}

/**
 * A model, its input, and the number of its output that is explained. The features that get attributions are the input
 * itself, or what an embedding makes of tokens.
 *
 * @throws {TorchError} unless the model can be explained for that input.
 */
export class ExplainedModel {
  readonly owner: string
  /** The dimension of the sequences in {@link features}. */
  readonly dim: 0 | 1
  /** The number of sequences. */
  readonly count: number
  /** The most steps of a sequence; 1 if there are none. */
  readonly steps: number
  readonly #model: Module
  readonly #given: Tensor
  readonly #embedding: Embedding | undefined
  readonly #isSingle: boolean
  readonly #lengths: readonly number[] | undefined
  readonly #value: ExplainedValue

  constructor(owner: string, model: unknown, input: unknown, { target, lengths }: ExplainedModelOptions) {
    if (!(model instanceof Module)) throw invalid(owner, 'model', 'a Module', model)
    if (input instanceof PackedSequence) {
      throw invalid(owner, 'input', 'a Tensor (padPackedSequence makes one) with the option lengths', input)
    }
    requireTensor(owner, 'input', input)
    this.owner = owner
    this.#model = model
    this.#given = input
    const isFloat = isFloatingPoint(input.dtype)
    this.#embedding = isFloat ? undefined : embeddingOf(owner, model, input)
    const batchFirst = batchFirstOf(model)
    // Of a module that reads sequences, an input without a dimension for them is one sequence.
    const dims = input.ndim + (isFloat ? 0 : 1)
    const reads = model instanceof RecurrentModel || model instanceof RecurrentModule || !batchFirst
    this.#isSingle = dims === 1 || (dims === 2 && reads)
    if (dims < 1) throw torchError('ERR_TORCH_SHAPE', `${owner}: input must have at least one dimension`, { op: owner })
    this.dim = batchFirst ? 0 : 1
    const shape = this.#isSingle ? [...input.shape].toSpliced(this.dim, 0, 1) : input.shape
    this.count = shape[this.dim] as number
    this.steps = dims + (this.#isSingle ? 1 : 0) > 2 ? (shape[1 - this.dim] as number) : 1
    if (input.numel === 0) {
      throw torchError('ERR_TORCH_SHAPE', `${owner}: input is empty, of shape (${input.shape.join(', ')})`, {
        op: owner,
      })
    }
    this.#lengths = lengths == null ? undefined : this.#checkedLengths(lengths)
    this.#value = new ExplainedValue(owner, target, this.count)
  }

  /** The features (N, L, F), or (L, N, F), always with a dimension for the sequences. */
  features(): Tensor {
    return noGrad(() => tidy(() => this.#batched(this.#embedded(this.#given), this.#isSingle).clone()))
  }

  /** Values instead of features, in their shape. @throws {TorchError} unless they are a number or fit. */
  baseline(given: unknown, features: Tensor): Tensor {
    if (typeof given === 'number') return fullLike(features, given)
    if (!isTensor(given)) throw invalid(this.owner, 'baselines', 'a number or a Tensor', given)
    return noGrad(() =>
      tidy(() => {
        const found = isFloatingPoint(given.dtype) ? given : this.#embedded(given)
        const { dtype, device } = features
        const wanted = features.ndim - (this.#isSingle ? 1 : 0)
        const own = this.#batched(found.to({ dtype, device }), this.#isSingle && found.ndim === wanted)
        return own.expand([...features.shape]).clone()
      }),
    )
  }

  /** The explained values (rows), for rows of features which are those of a slice, several times. */
  values(rows: Tensor, slice: Slice): Tensor {
    return noGrad(() => tidy(() => this.#values(rows, slice)))
  }

  /** The gradients of the explained values with respect to the rows, in their shape. */
  gradients(rows: Tensor, slice: Slice): Tensor {
    return enableGrad(() =>
      tidy(() => {
        const leaf = rows.detach().requiresGrad_()
        const [gradient] = grad(this.#values(leaf, slice).sum(), [leaf], { allowUnused: true })
        if (gradient != null) return gradient
        const what = 'the explained value does not depend on the input'
        throw torchError('ERR_TORCH_AUTOGRAD', `${this.owner}: ${what}`, { op: this.owner })
      }),
    )
  }

  /** A result with a dimension for the sequences as the caller knows it: without, if the input has none. */
  asGiven(result: Tensor, dim: number): Tensor {
    return this.#isSingle ? result.squeeze(dim) : result
  }

  #values(rows: Tensor, { start, count }: Slice): Tensor {
    const model = this.#model as Module & { forward(input: Tensor, options?: { lengths: readonly number[] }): unknown }
    const sequences = Array.from({ length: rows.size(this.dim) }, (_, row) => start + (row % count))
    const lengths = this.#lengths && sequences.map((sequence) => this.#lengths?.[sequence] as number)
    const run = (input: Tensor): unknown =>
      lengths === undefined ? model.forward(input) : model.forward(input, { lengths })
    const output = differentiable(model, rows, () => {
      if (this.#embedding === undefined) return run(rows)
      return embeddedAs(this.owner, this.#embedding, this.#packings(rows, lengths), () =>
        run(this.#tokens(start, count, sequences.length / count)),
      )
    })
    const hasSteps = model instanceof RecurrentModel ? model.output === 'sequence' : model instanceof RecurrentModule
    return this.#value.of(output, {
      dim: this.#outputDim(output),
      sequences,
      lengths: hasSteps ? this.#lengths : undefined,
    })
  }

  /** The forms in which an embedding may have to return the rows. */
  #packings(rows: Tensor, lengths: readonly number[] | undefined): readonly Tensor[] {
    if (lengths === undefined) return [rows]
    return [rows, packPaddedSequence(rows, lengths, { batchFirst: this.dim === 0, enforceSorted: false }).data]
  }

  #tokens(start: number, count: number, repeats: number): Tensor {
    const own = this.#batched(this.#given, this.#isSingle).narrow(this.dim, start, count)
    return functions.cat(Array<Tensor>(repeats).fill(own), this.dim)
  }

  #outputDim(output: unknown): 0 | 1 {
    const model = this.#model
    if (model instanceof RecurrentModel) return model.output === 'sequence' ? this.dim : 0
    return isTensor(output) && output.ndim < 3 ? 0 : this.dim
  }

  #embedded(input: Tensor): Tensor {
    if (this.#embedding === undefined) return input.detach()
    return evaluating(this.#embedding, () => (this.#embedding as Embedding).forward(input))
  }

  #batched(input: Tensor, isSingle: boolean): Tensor {
    return isSingle ? input.unsqueeze(this.dim) : input
  }

  #checkedLengths(lengths: Lengths): readonly number[] {
    requireLengths(this.owner, lengths)
    const list = isTensor(lengths) ? (lengths.to('int32').toArray() as number[]) : [...lengths]
    const fits = list.length === this.count && list.every((length) => length >= 1 && length <= this.steps)
    if (fits) return list
    const wanted = `lengths must be ${this.count} integers from 1 to ${this.steps}, one for each sequence`
    throw torchError('ERR_TORCH_VALUE', `${this.owner}: ${wanted}, got ${describe(list)}`, { op: this.owner })
  }
}

function batchFirstOf(model: Module): boolean {
  const own: unknown = Reflect.get(model, 'batchFirst')
  return typeof own === 'boolean' ? own : true
}

/** The embedding that reads the tokens. */
function embeddingOf(owner: string, model: Module, { dtype }: Tensor): Embedding {
  const found = [...model.modules()].filter((module) => module instanceof Embedding)
  const [embedding] = model instanceof RecurrentModel && model.embedding !== null ? [model.embedding] : found
  if (embedding !== undefined && (found.length === 1 || model instanceof RecurrentModel)) return embedding
  const reason = `there is ${found.length === 0 ? 'no Embedding' : `more than one Embedding`} in ${model.constructor.name}`
  throw torchError(
    'ERR_TORCH_DTYPE',
    `${owner}: input must be floating-point, got ${dtype}: of tokens, what an embedding makes of them gets attributions, but ${reason}`,
    { op: owner },
  )
}

/**
 * Runs `fn` in evaluation mode. cuDNN computes gradients of recurrent networks only in training mode, so there they are
 * in that, without dropout, which is the same.
 */
function differentiable<T>(model: Module, { device }: Tensor, fn: () => T): T {
  return evaluating(model, () => {
    const networks = device === 'cpu' ? [] : [...model.modules()].filter((module) => module instanceof RecurrentModule)
    const dropouts = networks.map(({ dropout }) => dropout)
    try {
      for (const network of networks) Object.assign(network, { training: true, dropout: 0 })
      return fn()
    } finally {
      for (const [i, dropout] of dropouts.entries()) (networks[i] as RecurrentModule).dropout = dropout
    }
  })
}

/** Runs `fn` with an embedding that returns what is given instead, in the form that fits. */
function embeddedAs<T>(owner: string, embedding: Embedding, forms: readonly Tensor[], fn: () => T): T {
  let runs = 0
  const handle = embedding.registerForwardHook((_, __, output) => {
    runs++
    const form = forms.find(({ shape }) => shape.join() === output.shape.join())
    if (form !== undefined) return form
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: the embedding must read the input as it is, but it made (${output.shape.join(', ')}) of other tokens`,
      { op: owner },
    )
  })
  try {
    const result = fn()
    if (runs === 1) return result
    throw torchError('ERR_TORCH_VALUE', `${owner}: the embedding must run once, but it ran ${runs} times`, {
      op: owner,
    })
  } finally {
    handle.remove()
  }
}
