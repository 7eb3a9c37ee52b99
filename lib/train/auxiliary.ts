import { isArrayOf } from '../array.ts'
import { checkOptions, invalid, requireFunction, requireNone, requireNonNegative } from '../check.ts'
import type { NamedBatch } from '../data/batch.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { RecurrentModel } from '../models/model.ts'
import type { Module } from '../nn/module.ts'
import { PackedSequence } from '../nn/utils/packed-sequence.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

/** What an auxiliary loss can be computed from. */
export interface AuxiliaryInputs {
  readonly model: Module
  /** The model's output. */
  readonly output: Tensor
  /**
   * The output of the model's network at each step, before pooling and head: (N, L, H) or (L, N, H), or (ΣL, H) if the
   * batch has lengths. Only for models of `libtorch-rnn/models`, and only to be read: else it throws.
   */
  readonly hidden: Tensor
  /** Whether the steps of `hidden` are its second dimension; `undefined` if it is packed. */
  readonly batchFirst: boolean | undefined
  readonly batch: NamedBatch
}

/** A term that is added to the loss in training, times its weight. */
export interface AuxiliaryLoss {
  /** Default 1. */
  weight?: number
  /** A tensor of one element. */
  loss(inputs: AuxiliaryInputs): Tensor
}

/** @throws {TorchError} unless `losses` is an array of auxiliary losses. */
export function requireAuxiliary(owner: string, losses: unknown): asserts losses is readonly AuxiliaryLoss[] {
  if (!isArrayOf(losses, (loss) => typeof loss === 'object' && loss !== null)) {
    throw invalid(owner, 'auxiliaryLosses', 'an array of { loss, weight }', losses)
  }
  for (const one of losses) {
    checkOptions(owner, one, ['loss', 'weight'])
    const { loss, weight = 1 } = one as Partial<AuxiliaryLoss>
    requireFunction(owner, 'auxiliaryLosses: loss', loss)
    requireNonNegative(owner, 'auxiliaryLosses: weight', weight)
  }
}

/** Computes auxiliary losses, with what the network of a model gives to its head. */
export class Auxiliary {
  readonly #losses: readonly AuxiliaryLoss[]
  readonly #model: Module

  constructor(model: Module, losses: readonly AuxiliaryLoss[]) {
    this.#model = model
    this.#losses = losses
  }

  /** Calls `forward` and adds the terms to the loss that `lossOf` computes of its output. */
  run<T extends { readonly loss: Tensor }>(
    batch: NamedBatch,
    forward: () => Tensor,
    lossOf: (output: Tensor) => T,
  ): T & { readonly total: Tensor } {
    const model = this.#model
    let seen: Tensor | PackedSequence | undefined
    const hook =
      model instanceof RecurrentModel
        ? model.network.registerForwardHook((_module: Module, _inputs: unknown, result: unknown) => {
            seen = (result as [Tensor | PackedSequence])[0]
          })
        : undefined
    let output: Tensor
    try {
      output = forward()
    } finally {
      hook?.remove()
    }
    const found = lossOf(output)
    const isPacked = seen instanceof PackedSequence
    const inputs: AuxiliaryInputs = {
      model,
      output,
      batch,
      batchFirst: isPacked ? undefined : ((model as { batchFirst?: boolean }).batchFirst ?? true),
      get hidden() {
        return hiddenOf(model, seen)
      },
    }
    let total = found.loss
    for (const { loss, weight = 1 } of this.#losses) {
      const term: unknown = loss(inputs)
      if (!isTensor(term)) {
        throw torchError(
          'ERR_TORCH_TYPE',
          `Trainer: an auxiliary loss must return a Tensor of one element, but it returned ${describe(term)}`,
        )
      }
      total = total.add(term, { alpha: weight })
    }
    return { ...found, total }
  }
}

function hiddenOf(model: Module, seen: Tensor | PackedSequence | undefined): Tensor {
  if (seen instanceof PackedSequence) return seen.data
  if (seen !== undefined) return seen
  throw torchError(
    'ERR_TORCH_OPTION',
    `Trainer: an auxiliary loss reads the hidden states, which only models of libtorch-rnn/models have; ${model.constructor.name} does not: let it keep what the loss needs in a property`,
  )
}

/**
 * Activation regularization (AR): the mean square of the network's outputs.
 * @param weight 2 in the paper
 * @see Merity et al., "Revisiting activation regularization for language RNNs", arXiv:1708.01009
 */
export function activationRegularization(weight: number): AuxiliaryLoss {
  requireNonNegative('activationRegularization', 'weight', weight)
  return { weight, loss: ({ hidden }) => hidden.square().mean() }
}

/**
 * Temporal activation regularization (TAR): the mean square of the differences of the network's outputs from one step to
 * the next. For batches without lengths.
 * @param weight 1 in the paper
 * @see Merity et al., arXiv:1708.01009
 */
export function temporalActivationRegularization(weight: number): AuxiliaryLoss {
  requireNonNegative('temporalActivationRegularization', 'weight', weight)
  return {
    weight,
    loss: ({ hidden, batchFirst }) => {
      if (batchFirst === undefined) {
        throw torchError(
          'ERR_TORCH_OPTION',
          'temporalActivationRegularization: the sequences of a batch with lengths are packed: their steps are not neighbours',
        )
      }
      const dim = batchFirst ? 1 : 0
      const steps = hidden.size(dim) - 1
      return hidden
        .narrow(dim, 1, steps)
        .sub(hidden.narrow(dim, 0, steps))
        .square()
        .mean()
    },
  }
}

/**
 * The sum of the absolute values (L1) of the parameters whose names match, such as `/weight/`.
 * @throws {TorchError} when it is computed, if no name matches.
 */
export function l1Regularization(weight: number, names: RegExp = /weight/, ...none: undefined[]): AuxiliaryLoss {
  requireNone('l1Regularization', none)
  requireNonNegative('l1Regularization', 'weight', weight)
  if (!(names instanceof RegExp)) throw invalid('l1Regularization', 'names', 'a regular expression', names)
  return {
    weight,
    loss: ({ model }) => {
      const found = [...model.namedParameters()].flatMap(([name, parameter]) => (names.test(name) ? [parameter] : []))
      const [first, ...rest] = found.map((parameter) => parameter.abs().sum())
      if (first === undefined) {
        throw torchError('ERR_TORCH_VALUE', `l1Regularization: no parameter of the model has a name like ${names}`)
      }
      return rest.reduce((sum, term) => sum.add(term), first)
    },
  }
}
