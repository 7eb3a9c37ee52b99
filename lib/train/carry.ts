import { torchError } from '../errors.ts'
import type { Module } from '../nn/module.ts'
import { isTensor, keep, type Tensor } from '../tensor/tensor.ts'
import type { State } from './checkpoint.ts'

/** A model that returns the state after the last step, too. */
export interface StatefulModel extends Module {
  forwardWithState(input: Tensor, parts: { state?: unknown }): readonly [output: Tensor, state: unknown]
}

/** @throws {TorchError} unless the model can carry a state. */
export function requireStateful(model: Module): asserts model is StatefulModel {
  if (typeof (model as unknown as Partial<StatefulModel>).forwardWithState === 'function') return
  throw torchError(
    'ERR_TORCH_OPTION',
    `Trainer: carryState needs a model with forwardWithState(input, { state }), which returns the output and the state: those of libtorch-rnn/models have it; ${model.constructor.name} does not`,
  )
}

/** The state of a network at the end of a batch, for the next one: without gradients, which end at the batch. */
export class CarriedState {
  #state: Tensor | readonly Tensor[] | undefined

  /** What `forwardWithState` gets; nothing at the start of a pass. */
  get parts(): { state?: Tensor | readonly Tensor[] } {
    return this.#state === undefined ? {} : { state: this.#state }
  }

  set(state: unknown): void {
    const next = isTensor(state) ? kept(state) : (state as readonly Tensor[]).map(kept)
    this.reset()
    this.#state = next
  }

  reset(): void {
    for (const tensor of isTensor(this.#state) ? [this.#state] : (this.#state ?? [])) tensor.dispose()
    this.#state = undefined
  }

  /** For checkpoints. */
  stateDict(): State {
    return this.#state ?? null
  }

  loadStateDict(state: State): void {
    if (state === null) this.reset()
    else this.set(isTensor(state) ? state.clone() : (state as readonly Tensor[]).map((tensor) => tensor.clone()))
  }
}

const kept = (tensor: Tensor): Tensor => keep(tensor.detach())
